"""What the FTP servers of ftp.py have in common, and a client to look behind a storage's back."""

from __future__ import annotations

import contextlib
import ftplib
import itertools
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

from tests.servers.certificates import Authority
from tests.servers.namespace import Namespace, user_id
from tests.servers.process import HOST, Server, ServerFailedError

_ESTABLISHED, _CLOSE_WAIT = "01", "08"
_numbers = itertools.count(1)


def _processes() -> Iterator[tuple[int, int, int]]:
    """Each process that has not ended, its parent, and the leader of its session."""
    # Only names: what looks for more meets processes that end meanwhile.
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, parent, _, leader = (path / "stat").read_text().rpartition(")")[2].split()[:4]
            if state not in "ZX":
                yield int(path.name), int(parent), int(leader)


def family(pid: int) -> list[int]:
    """The process ``pid``, what is in its session, and all that come from these."""
    found = {pid}
    running = list(_processes())
    while more := {
        child for child, parent, leader in running if parent in found or leader in found
    }.difference(found):
        found |= more
    return sorted(found.intersection(child for child, _, _ in running))


class Client(ftplib.FTP_TLS):
    """ftplib's client, for what a test does without the storage; over TLS as servers demand it."""

    def __init__(self, context: ssl.SSLContext | None, *, implicit: bool, timeout: float) -> None:
        self._implicit = implicit
        self._over_tls = context is not None
        super().__init__(context=context, timeout=timeout, encoding="utf-8")

    def getresp(self) -> str:
        """Shake hands before the greeting, where TLS is implicit."""
        if self._implicit and not isinstance(self.sock, ssl.SSLSocket):
            assert self.sock is not None
            assert self.file is not None
            self.file.close()
            self.sock = self.context.wrap_socket(self.sock, server_hostname=self.host)
            self.file = self.sock.makefile("r", encoding=self.encoding)
        return super().getresp()

    def enter(self, user: str, password: str) -> None:
        """Log in, over TLS where that is to be."""
        secure = self._over_tls and not self._implicit
        self.login(user, password, secure=secure)
        if self._over_tls:
            self.prot_p()

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Open a data connection in the TLS session of the other one."""
        made, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if not self._over_tls:
            return made, size
        assert isinstance(self.sock, ssl.SSLSocket)
        wrapped = self.context.wrap_socket(
            made, server_hostname=self.host, session=self.sock.session
        )
        return wrapped, size


class FTPServer(Server):
    """What the four have in common; a subclass says how it is run, one of those what TLS it has."""

    username: ClassVar[str] = "tester"
    password: ClassVar[str] = "s3cret:p@ss/w%41rd"
    tls: ClassVar[str] = ""  # or "explicit", "implicit"
    needs_root: ClassVar[bool] = True
    certificate: ClassVar[str] = "good"  # or another one that an Authority issues
    room: ClassVar[int] = 0  # bytes on the disk of the user; 0: whatever there is
    settings_more: ClassVar[str] = ""  # what a test adds to the server's configuration

    def __init__(self) -> None:
        super().__init__()
        self.namespace = Namespace()
        self.home = self.directory / "home"
        self.pem = self.directory / "good.pem"

    # -- what a test asks

    @classmethod
    def quoted_password(cls) -> str:
        """The password as it stands in a URL."""
        return quote(cls.password, safe="")

    @property
    def authority(self) -> str:
        """The file of the authority that clients are to trust."""
        return str(self.directory / "authority.pem")

    @property
    def disk(self) -> Path:
        """``home`` as the server sees it, also where its disk is its own."""
        if not self.room:
            return self.home
        assert self.process is not None
        return Path(f"/proc/{self.process.pid}/root{self.home}")

    def new_place(self) -> str:
        """Make an empty directory and return its path in the server's eyes."""
        place = f"/place-{os.getpid()}-{next(_numbers)}"
        path = self.file(place)
        path.mkdir()
        self._give_to_user(path)
        return place

    def file(self, path: str) -> Path:
        """Where a path in the server's eyes is on the disk."""
        return self.disk / path.lstrip("/")

    def location(self, path: str = "/", *, scheme: str = "", port: int = 0) -> str:
        """``path`` as a URL with the user and the password; ``port`` is that of a proxy."""
        account = f"{self.username}:{self.quoted_password()}"
        scheme = scheme or ("ftps" if self.tls else "ftp")
        return f"{scheme}://{account}@{HOST}:{port or self.port}{path}"

    def options(self, path: str = "/", **more: Any) -> dict[str, Any]:
        """Options for FTPStorage."""
        tls = {"tls_ca_file": self.authority} if self.tls else {}
        if self.tls == "implicit":
            tls["tls"] = "implicit"
        return {"location": self.location(path), **tls, **more}

    def settings(self, path: str = "/", **more: Any) -> dict[str, Any]:
        """Return the same as Django settings."""
        from storages.backends.ftp import FTPStorage
        from storages.options import options_of

        declared = options_of(FTPStorage)
        given = self.options(path, **more)
        return {declared[name].settings[0]: value for name, value in given.items()}

    def client(self, timeout: float = 30, password: str = "") -> Client:
        """Log in and return ftplib's client."""
        context = ssl.create_default_context(cafile=self.authority) if self.tls else None
        client = Client(context, implicit=self.tls == "implicit", timeout=timeout)
        try:
            client.connect(HOST, self.port)
            client.enter(self.username, password or self.password)
        except BaseException:
            client.close()
            raise
        return client

    def connections(self) -> int:
        """How many clients are connected."""
        clients = set()  # the table may tell of one twice, when it changes meanwhile
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, client, state = line.split()[1:4]
            if local.endswith(f":{self.port:04X}") and state in {_ESTABLISHED, _CLOSE_WAIT}:
                clients.add(client)
        return len(clients)

    def left(self, within: float = 10) -> int:
        """How many clients are still connected, after some time to notice that they have gone."""
        deadline = time.monotonic() + within
        while (count := self.connections()) and time.monotonic() < deadline:
            time.sleep(0.01)
        return count

    # -- how it is run

    def prepare(self) -> None:
        """Make the home of the user, and the certificates."""
        if self.needs_root and os.getuid():
            name = type(self).__name__
            raise ServerFailedError(
                f"{name} becomes the user that it serves: only root can start it"
            )
        self.directory.chmod(0o711)  # the user goes through it
        self.home.mkdir()
        self._give_to_user(self.home)
        if self.room:
            self.namespace.limit(self.home, self.room)
        if self.tls:
            self.pem = Authority(self.directory).issue(self.certificate)

    def command(self) -> list[str]:
        """Run the server where its disk and its users are."""
        return self.namespace.wrap(self.program())

    def program(self) -> list[str]:
        """The command line of the server itself."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it greets."""
        with contextlib.suppress(OSError, EOFError):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            with Client(context, implicit=self.tls == "implicit", timeout=5) as client:
                return client.connect(HOST, self.port).startswith("220")
        return False

    def stop(self) -> None:
        """Ask the server to end; the sessions that it leaves behind are killed."""
        ours = os.getpid() == self._owner
        serving = family(self.process.pid) if self.process is not None and ours else []
        super().stop()
        self._kill(serving)

    def kill(self) -> None:
        """``kill -9`` the server and the processes that serve its clients."""
        if self.process is not None:
            self._kill(self._frozen())
        super().kill()

    def end_sessions(self) -> None:
        """``kill -9`` the processes that serve clients; the server takes new ones."""
        assert self.process is not None
        self._kill([pid for pid in self._frozen() if pid != self.process.pid])
        self.resume()

    def _frozen(self) -> list[int]:
        """The server's processes, stopped: none of them can start another one."""
        assert self.process is not None
        known: list[int] = []
        while (found := family(self.process.pid)) != known:
            self._signal(found, signal.SIGSTOP)
            known = found
        return known

    def _kill(self, processes: list[int]) -> None:
        self._signal(processes, signal.SIGKILL)
        ended = set(processes)
        deadline = time.monotonic() + 10
        while ended.intersection(pid for pid, _, _ in _processes()):
            assert time.monotonic() < deadline, "a killed process has not ended"
            time.sleep(0.005)

    def _signal(self, processes: list[int], number: int) -> None:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def processes(self) -> list[int]:
        """Also the sessions that have left the server's tree of processes."""
        assert self.process is not None
        return family(self.process.pid)

    def _configure(self, file: str, settings: str) -> None:
        """Write a configuration file; vsftpd takes no spaces at the start of a line."""
        lines = [f"{line.strip()}\n" for line in settings.splitlines()]
        (self.directory / file).write_text("".join(lines))

    def _give_to_user(self, path: Path) -> None:
        if os.getuid() == 0:
            os.chown(path, user_id(), user_id())
