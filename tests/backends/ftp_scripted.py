"""An FTP server in a thread that lacks, prints and says what a test wants.

The real servers are in tests/servers/ftp.py; this one is for what none of them does.
"""

# ruff: noqa: D102, N802 - a method per command, named after it

from __future__ import annotations

import posixpath
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

HOST = "127.0.0.1"


class ScriptedFTP:
    """One directory tree in memory, for any number of clients.

    Arguments:
        features: the lines of FEAT; None: FEAT is unknown.
        lacks: commands that are unknown.
        listing: prints a line of LIST for a name, its content (None: a directory) and its time.
        scripts: a command, alone or with its argument, and what answers it: a text, or a function
            of the session and the argument that returns one; None: nothing is done or said.
        host: the address to listen on.

    ``commands`` is what clients have sent, without USER and PASS.

    """

    def __init__(
        self,
        features: tuple[str, ...] | None = ("UTF8", "SIZE", "MDTM", "REST STREAM"),
        *,
        lacks: frozenset[str] = frozenset(),
        listing: Callable[[bytes, bytes | None, float], bytes] | None = None,
        scripts: dict[str, Any] | None = None,
        host: str = HOST,
    ) -> None:
        self.host = host
        self.features = features
        self.lacks = lacks
        self.listing = listing or unix
        self.scripts: dict[str, Any] = scripts or {}
        self.files: dict[bytes, bytes | None] = {b"/": None}  # None: a directory
        self.times: dict[bytes, float] = {}
        self.commands: list[str] = []
        self.sessions: list[Session] = []
        self.lock = threading.RLock()
        self._listener = self.listener()
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def location(self) -> str:
        """Its URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ftp://user:secret@{host}:{self.port}/"

    def listener(self) -> socket.socket:
        """Listen on a free port."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, 0), family=family)

    def sent(self) -> list[str]:
        """Return the verbs of the commands since the last call."""
        with self.lock:
            verbs = [command.partition(" ")[0] for command in self.commands]
            self.commands.clear()
        return verbs

    def put(self, path: str, content: bytes | None, age: float = 0.0) -> None:
        """Store a file, or with None a directory."""
        self.files[path.encode()] = content
        self.times[path.encode()] = time.time() - age

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                session = Session(self, client)
                self.sessions.append(session)
                session.start()

    def close(self) -> None:
        """Hang up on everybody."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for session in self.sessions:
            session.hang_up()
            session.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def unix(name: bytes, content: bytes | None, at: float) -> bytes:
    """Print a line as ls does."""
    kind, size = (b"d", 4096) if content is None else (b"-", len(content))
    moment = time.strftime("%b %e %H:%M", time.gmtime(at)).encode()
    return b"%brw-r--r--   1 own er  group %8d %b %b" % (kind, size, moment, name)


def dos(name: bytes, content: bytes | None, at: float) -> bytes:
    """Print a line as IIS does."""
    size = b"<DIR>         " if content is None else b"%14d" % len(content)
    moment = time.strftime("%m-%d-%y  %I:%M%p", time.gmtime(at)).encode()
    return b"%b       %b %b" % (moment, size, name)


class Session(threading.Thread):
    """One client."""

    def __init__(self, server: ScriptedFTP, client: socket.socket) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.client = client
        self.renaming: bytes | None = None
        self.offset = 0
        self.directory = b"/"
        self.passive: socket.socket | None = None

    def hang_up(self) -> None:
        """Close the connection at once."""
        with suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)

    def say(self, text: str) -> None:
        """Send an answer; it may have several lines."""
        self.client.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def run(self) -> None:
        """Serve until the client goes."""
        with self.client, suppress(OSError):
            self.say("220 scripted")
            buffer = b""
            while data := self.client.recv(65536):
                buffer += data
                while b"\r\n" in buffer:
                    line, _, buffer = buffer.partition(b"\r\n")
                    self.answer(line)
        if self.passive is not None:
            self.passive.close()

    def answer(self, line: bytes) -> None:
        """Answer one command."""
        text = line.decode("utf-8", "surrogateescape")
        verb, _, argument = text.partition(" ")
        if verb not in {"USER", "PASS"}:
            with self.server.lock:
                self.server.commands.append(text)
        script = self.server.scripts.get(text, self.server.scripts.get(verb, ""))
        if script != "":
            said = script(self, argument) if callable(script) else script
            if said is not None:
                self.say(said)
            return
        if verb in self.server.lacks or not hasattr(self, f"do_{verb}"):
            self.say("502 Command not implemented.")
            return
        with self.server.lock:
            path = posixpath.normpath(
                posixpath.join(self.directory, argument.encode("utf-8", "surrogateescape"))
            )
            if path.startswith(b"//"):
                path = path[1:]
            said = getattr(self, f"do_{verb}")(path, argument)
        if said is not None:
            self.say(said)

    # ------------------------------------------------------------------- commands

    def do_USER(self, path: bytes, argument: str) -> str:
        return "331 Password?"

    def do_PASS(self, path: bytes, argument: str) -> str:
        return "230 In." if argument == "secret" else "530 Login incorrect."

    def do_FEAT(self, path: bytes, argument: str) -> str:
        if self.server.features is None:
            return "500 What?"
        return "\r\n".join(["211-Features:", *(f" {f}" for f in self.server.features), "211 End"])

    def do_OPTS(self, path: bytes, argument: str) -> str:
        return "200 Yes."

    def do_TYPE(self, path: bytes, argument: str) -> str:
        return "200 Yes."

    def do_NOOP(self, path: bytes, argument: str) -> str:
        return "200 Yes."

    def do_QUIT(self, path: bytes, argument: str) -> None:
        self.say("221 Bye.")
        self.hang_up()

    def do_PWD(self, path: bytes, argument: str) -> str:
        return '257 "/" is it.'

    def do_CWD(self, path: bytes, argument: str) -> str:
        if self.files.get(path, b"") is not None:
            return "550 Failed to change directory."
        self.directory = path
        return "250 There."

    @property
    def files(self) -> dict[bytes, bytes | None]:
        return self.server.files

    def _orphan(self, path: bytes) -> bool:
        return self.files.get(posixpath.dirname(path), b"") is not None

    def do_MKD(self, path: bytes, argument: str) -> str:
        if path in self.files or self._orphan(path):
            return "550 Create directory operation failed."
        self.files[path] = None
        self.server.times[path] = time.time()
        return f'257 "{argument}" created'

    def _children(self, path: bytes) -> list[bytes]:
        return [p for p in self.files if p != b"/" and posixpath.dirname(p) == path]

    def do_RMD(self, path: bytes, argument: str) -> str:
        if self.files.get(path, b"") is not None or self._children(path):
            return "550 Remove directory operation failed."
        del self.files[path]
        return "250 Gone."

    def do_DELE(self, path: bytes, argument: str) -> str:
        if self.files.get(path) is None:
            return "550 Delete operation failed."
        del self.files[path]
        return "250 Gone."

    def do_RNFR(self, path: bytes, argument: str) -> str:
        self.renaming = path if path in self.files else None
        return "350 To what?" if self.renaming else "550 RNFR command failed."

    def do_RNTO(self, path: bytes, argument: str) -> str:
        origin, self.renaming = self.renaming, None
        if origin is None:
            return "503 RNFR first."
        if self._orphan(path) or self.files.get(path, b"") is None:
            return "550 Rename failed."
        self.files[path] = self.files.pop(origin)
        self.server.times[path] = self.server.times.pop(origin)
        return "250 Renamed."

    def do_SIZE(self, path: bytes, argument: str) -> str:
        content = self.files.get(path)
        return "550 Nothing to be told." if content is None else f"213 {len(content)}"

    def do_MDTM(self, path: bytes, argument: str) -> str:
        if self.files.get(path) is None:
            return "550 Nothing to be told."
        return time.strftime("213 %Y%m%d%H%M%S", time.gmtime(self.server.times.get(path, 0)))

    def facts(self, path: bytes) -> bytes:
        """Return a line of MLSD, without the name."""
        content = self.files[path]
        kind = b"type=dir;" if content is None else b"type=file;size=%d;" % len(content)
        moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(self.server.times.get(path, 0)))
        return kind + f"modify={moment};".encode()

    def do_MLST(self, path: bytes, argument: str) -> str:
        if path not in self.files:
            return "550 Nothing to be told."
        return f"250-Listing\r\n {self.facts(path).decode()} {argument}\r\n250 End"

    # ------------------------------------------------------------------ transfers

    def do_PASV(self, path: bytes, argument: str) -> str:
        self._listen()
        return f"227 Entering Passive Mode ({self.address(HOST)})."

    def do_EPSV(self, path: bytes, argument: str) -> str:
        return f"229 Entering Extended Passive Mode (|||{self._listen()}|)"

    def address(self, host: str) -> str:
        """Return where it listens, as PASV tells it."""
        assert self.passive is not None
        port = self.passive.getsockname()[1]
        return ",".join([*host.split("."), str(port // 256), str(port % 256)])

    def _listen(self) -> int:
        if self.passive is not None:
            self.passive.close()
        self.passive = self.server.listener()
        self.passive.settimeout(10)
        port: int = self.passive.getsockname()[1]
        return port

    def _connected(self) -> socket.socket:
        assert self.passive is not None
        data, _ = self.passive.accept()
        data.settimeout(10)
        return data

    def send(self, content: bytes, announced: str = "150 Here it comes.") -> str:
        """Send it by the data connection."""
        self.say(announced)
        with self._connected() as data:
            try:
                data.sendall(content)
            except OSError:
                return "426 Broken off."
        return "226 That was it."

    def do_REST(self, path: bytes, argument: str) -> str:
        self.offset = int(argument)
        return "350 From there."

    def do_RETR(self, path: bytes, argument: str) -> str:
        content = self.files.get(path)
        if content is None:
            return "550 Failed to open file."
        offset, self.offset = self.offset, 0
        return self.send(content[offset:])

    def do_STOR(self, path: bytes, argument: str) -> str:
        if self._orphan(path) or self.files.get(path, b"") is None:
            return "553 Could not create file."
        self.say("150 Go on.")
        content = b""
        with self._connected() as data:
            while block := data.recv(65536):
                content += block
        self.files[path] = content
        self.server.times[path] = time.time()
        return "226 Have it."

    def do_MLSD(self, path: bytes, argument: str) -> str:
        if self.files.get(path, b"") is not None:
            return "550 No directory to be listed."
        lines = [self.facts(p) + b" " + posixpath.basename(p) for p in self._children(path)]
        return self.send(b"".join(line + b"\r\n" for line in lines))

    def do_LIST(self, path: bytes, argument: str) -> str:
        lines = []
        for child in self._children(self.directory):
            name = posixpath.basename(child)
            if not name.startswith(b".") or argument == "-a":
                at = self.server.times.get(child, 0)
                lines.append(self.server.listing(name, self.files[child], at))
        if argument == "-a":
            lines[:0] = [self.server.listing(name, None, 0) for name in (b".", b"..")]
        return self.send(b"".join(line + b"\r\n" for line in lines))
