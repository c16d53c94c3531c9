"""TLS, for the control connection and the data connections."""

from __future__ import annotations

import functools
import socket
import ssl
from typing import Any

from storages.errors import Timeout, Unavailable

__all__ = ["context", "encrypted"]


@functools.lru_cache(maxsize=16)
def context(ca_file: str | None, *, verify: bool) -> ssl.SSLContext:
    """Return what the connections of one configuration have in common; made once."""
    made = ssl.create_default_context(cafile=ca_file)
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def encrypted(
    plain: socket.socket, host: str, made: ssl.SSLContext, session: Any = None
) -> ssl.SSLSocket:
    """Begin TLS, in a session that goes on if there is one. Raises Unavailable, with a hint."""
    try:
        return made.wrap_socket(plain, server_hostname=host, session=session)
    except ssl.SSLCertVerificationError as error:
        plain.close()
        raise Unavailable(
            f"The server's certificate is refused: {error.verify_message}.",
            hint="FTP_STORAGE_TLS_CA_FILE names the certificates to trust; the host in "
            "FTP_STORAGE_LOCATION must be one that the certificate is for.",
        ) from error
    except TimeoutError as error:
        plain.close()
        raise Timeout("The server did not answer in time to begin TLS.") from error
    except OSError as error:
        plain.close()
        raise Unavailable(
            f"TLS could not be begun: {error.strerror or error}.",
            hint="Does the server speak explicit or implicit TLS? See FTP_STORAGE_TLS.",
        ) from error
