"""pyftpdlib as a program: ``python pyftpd.py '{"port": 2121, "home": ..., ...}'``."""

from __future__ import annotations

import json
import sys
from typing import Any

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class Implicit(TLS_FTPHandler):  # type: ignore[misc]
    """TLS from the first byte."""

    def handle(self) -> None:
        """Shake hands; what follows greets."""
        self.secure_connection(self.ssl_context)

    def handle_ssl_established(self) -> None:
        """Greet."""
        super().handle()


def main(given: dict[str, Any]) -> None:
    """Serve a directory to one user."""
    authorizer = DummyAuthorizer()
    authorizer.add_user(given["user"], given["password"], given["home"], perm="elradfmwMT")
    kinds = {"": FTPHandler, "explicit": TLS_FTPHandler, "implicit": Implicit}
    tls = bool(given["tls"])
    settings = {
        "authorizer": authorizer,
        "auth_failed_timeout": 0,
        "certfile": given["certificate"],
        "tls_control_required": tls,
        "tls_data_required": tls,
    }
    handler = type("Handler", (kinds[given["tls"]],), settings)
    FTPServer((given["host"], given["port"]), handler).serve_forever()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
