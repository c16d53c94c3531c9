"""nginx, with whatever configuration a test gives it: a storage node, a proxy, a sender of files.

Debian's package, without its sites. It runs as one process, so that ``kill -9`` leaves nothing
behind, and as the user of the tests, so that it can read what they write.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import ClassVar

from tests.servers.process import HOST, Server, find

MAIN = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/log warn;
events {{ worker_connections 512; }}
http {{
  default_type application/octet-stream;
  log_format short '$request_method $request_uri $status "$http_range"';
  access_log {directory}/requests short;
  client_max_body_size 0;
  client_body_temp_path {directory}/temporary/body;
  proxy_temp_path {directory}/temporary/proxy;
  fastcgi_temp_path {directory}/temporary/fastcgi;
  uwsgi_temp_path {directory}/temporary/uwsgi;
  scgi_temp_path {directory}/temporary/scgi;
  server {{
    listen {host}:{port};
    location = {ready} {{ access_log off; return 204; }}
{configuration}
  }}
}}
"""
READY = "/nginx-is-ready"


class Nginx(Server):
    """One ``server { }`` that listens on ``port``.

    ``configuration`` is what else stands in it: directives and locations, or a function that is
    given this object (its ``port``, its ``directory``) and returns them::

        Nginx("location / { proxy_pass http://127.0.0.1:8000; }")
    """

    packages: ClassVar[tuple[str, ...]] = ("nginx",)

    def __init__(self, configuration: str | Callable[[Nginx], str] = "") -> None:
        super().__init__()
        self.configuration = configuration

    def prepare(self) -> None:
        """Write the configuration."""
        (self.directory / "temporary").mkdir()
        given = self.configuration
        text = MAIN.format(
            directory=self.directory,
            host=HOST,
            port=self.port,
            ready=READY,
            configuration=given if isinstance(given, str) else given(self),
        )
        (self.directory / "nginx.conf").write_text(text)

    def command(self) -> list[str]:
        """``nginx`` with that file, and nothing of /etc/nginx."""
        nginx = find("nginx", package="nginx")
        file = self.directory / "nginx.conf"
        return [nginx, "-e", str(self.log), "-p", str(self.directory), "-c", str(file)]

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def is_ready(self) -> bool:
        """Whether it answers HTTP itself; nothing is asked of what it is a proxy for."""
        try:
            with urllib.request.urlopen(self.url + READY, timeout=5):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return True
        except OSError:
            return False

    def requests(self) -> list[str]:
        """What it was asked and what it answered: ``GET /path 206 "bytes=0-9"``, in order."""
        return (self.directory / "requests").read_text().splitlines()
