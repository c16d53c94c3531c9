"""Perlbal: a storage node of MogileFS, or the proxy that sends what a header names (reproxying)."""

from __future__ import annotations

import socket
from string import Template
from typing import ClassVar

from tests.servers.process import HOST, Server, find

#: A web server over the directory ``data`` that takes PUT and DELETE below directories there.
STORING = """
CREATE SERVICE store
  SET role = web_server
  SET listen = $listen
  SET docroot = $directory/data
  SET dirindexing = 0
  SET enable_put = 1
  SET enable_delete = 1
  SET min_put_directory = 1
  SET persist_client = 1
ENABLE store
"""


def reproxying(port: int) -> str:
    """Return the configuration of a proxy for ``port`` that follows ``X-REPROXY-URL``."""
    return f"""
CREATE POOL application
  POOL application ADD {HOST}:{port}
CREATE SERVICE proxy
  SET role = reverse_proxy
  SET listen = $listen
  SET pool = application
  SET persist_client = 1
  SET persist_backend = 1
  SET verify_backend = 0
  SET enable_reproxy = true
ENABLE proxy
"""


class Perlbal(Server):
    """Perlbal with a configuration file, in which ``$listen`` and ``$directory`` are replaced."""

    packages: ClassVar[tuple[str, ...]] = ("perlbal",)

    def __init__(self, configuration: str = STORING) -> None:
        super().__init__()
        self.configuration = configuration

    def prepare(self) -> None:
        """Write the configuration and make the directory of a storage node."""
        (self.directory / "data").mkdir()
        text = Template(self.configuration).substitute(
            listen=f"{HOST}:{self.port}", directory=self.directory
        )
        (self.directory / "perlbal.conf").write_text(text)

    def command(self) -> list[str]:
        """``perlbal`` with that file."""
        perlbal = find("perlbal", package="perlbal")
        return [perlbal, "--config", str(self.directory / "perlbal.conf")]

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def is_ready(self) -> bool:
        """Whether it listens: it does so when it has read all of its configuration."""
        try:
            with socket.create_connection((HOST, self.port), 5):
                return True
        except OSError:
            return False
