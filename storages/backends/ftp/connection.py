"""One connection to a server: its replies, its TLS, its transfers.

Built on ``ftplib.FTP``, which gives the commands, PASV, EPSV, PORT and EPRT. What it lacks is here:
replies that do not raise, deadlines, TLS sessions that go on in the data connections (RFC 4217, 10.
vsftpd's default demands that), implicit TLS, and knowing whether the connection is still in step.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from ftplib import FTP
from typing import Any

from storages.backends.ftp import tls
from storages.backends.ftp.location import Location
from storages.backends.ftp.replies import Reply, refusal
from storages.errors import StorageError, Timeout, Unavailable
from storages.retry import remaining, timeout

__all__ = ["Connection", "Place"]

_LONGEST_LINE = 8192
_LONGEST_REPLY = 256 * 1024
#: Codes from here on end a command; 1yz announces a transfer (RFC 959, 4.2).
FINAL = 200
_FACTS = ("type", "size", "modify", "unique")
#: Seconds to wait for the answer to a goodbye, and for what follows a transfer that was cut short.
_GOODBYE = 1.0
_AFTERMATH = 5.0


@dataclass(frozen=True)
class Place:
    """All that a connection depends on."""

    location: Location
    password: str = field(repr=False)
    encoding: str
    timeout: float
    tls_verify: bool
    tls_ca_file: str | None


class Connection(FTP):
    """A connection that is logged in, in binary mode, with its features known.

    ``in_step``: every command has had its answer, so that another may be sent.
    ``features``: what FEAT told, by name in upper case, with its parameters.
    ``lacks``: commands that turned out to be unknown to the server.
    ``entered``: directories that could be entered, and when (of ``time.monotonic``).
    """

    sock: Any
    timeout: Any

    def __init__(self, place: Place) -> None:
        super().__init__(encoding=place.encoding)
        self.place = place
        self.location = place.location
        self.set_pasv(not self.location.active)
        self.in_step = False
        self.features: dict[str, str] = {}
        self.lacks: set[str] = set()
        self.entered: dict[str, float] = {}
        self.root = self.location.path
        self._received = bytearray()
        self._secure_data = False
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    # ------------------------------------------------------------- beginning and end

    def _open(self) -> None:
        location = self.location
        self.host, self.port = location.host, location.port
        self.timeout = timeout(self.place.timeout)
        self.sock = socket.create_connection((self.host, self.port), self.timeout)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.af = self.sock.family
        if location.tls == "implicit":
            self.sock = tls.encrypted(self.sock, self.host, self._context)
        self.welcome = self._greeting()
        if location.tls == "explicit":
            self._checked(
                self.ask("AUTH TLS"), "The server offers no TLS: see FTP_STORAGE_LOCATION."
            )
            if self._received:
                raise Unavailable("The server sent something between its answer to AUTH and TLS.")
            self.sock = tls.encrypted(self.sock, self.host, self._context)
        self._login()
        if location.tls:
            # Refused, nothing is sent: never go on in clear text.
            self.do("PBSZ 0")
            self.do("PROT P")
            self._secure_data = True
        self._learn()
        self.do("TYPE I")
        if not self.root:
            self.root = self._working_directory()

    @property
    def _context(self) -> ssl.SSLContext:
        return tls.context(self.place.tls_ca_file, verify=self.place.tls_verify)

    def _greeting(self) -> str:
        try:
            return str(self._checked(self.final()))
        except TimeoutError as error:
            hint = "" if self.location.tls else "Does it expect TLS at once? See FTP_STORAGE_TLS."
            raise Timeout("The server did not greet in time.", hint=hint) from error

    def _login(self) -> None:
        hint = "Check the user and the password in FTP_STORAGE_LOCATION (FTP_STORAGE_PASSWORD)."
        password = self.place.password
        if self.location.user == "anonymous" and not password:
            password = "anonymous@"  # noqa: S105 - what every server knows
        reply = self._checked(self.ask(f"USER {self.location.user}"), hint)
        if reply.code in {331, 332}:
            reply = self.ask(f"PASS {password}")
            if password:  # whatever a server thinks fit to repeat
                reply = Reply(reply.code, reply.text.replace(password, "***"))
            self._checked(reply, hint)
        if reply.code == 332:  # noqa: PLR2004 - RFC 959: an account is wanted
            raise refusal(Reply(530, reply.text), hint="The server wants an account (ACCT).")

    def _learn(self) -> None:
        reply = self.ask("FEAT")
        for line in reply.text.splitlines()[1:-1] if reply.is_positive else ():
            name, _, parameters = line.strip().partition(" ")
            self.features[name.upper()] = parameters
        if "UTF8" in self.features and self.encoding.lower().replace("-", "") == "utf8":
            # Servers that are in UTF-8 anyway may refuse it.
            self.ask("OPTS UTF8 ON")
        facts = self.features.get("MLST", "").lower()
        wanted = [fact for fact in _FACTS if re.search(rf"\b{fact}\b", facts)]
        if any(f"{fact}*" not in facts for fact in wanted):
            self.ask(f"OPTS MLST {''.join(f'{fact};' for fact in wanted)}")

    def _working_directory(self) -> str:
        reply = self.do("PWD")
        found = re.search(r'"((?:[^"]|"")*)"', reply.text.rpartition("\n")[2])
        path = found[1].replace('""', '"') if found else ""
        if not path.startswith("/"):
            raise StorageError(
                f"The server tells no directory in which the login begins: {reply.text!r}.",
                hint="Give the directory in FTP_STORAGE_LOCATION.",
            )
        return path.rstrip("/") or "/"

    def is_alive(self) -> bool:
        """Ask the server whether it still listens."""
        try:
            return self.ask("NOOP").is_positive
        except (OSError, EOFError):
            return False

    def end(self) -> None:
        """Say goodbye where the server listens, and close."""
        with suppress(OSError, EOFError):
            if self.in_step and self.sock is not None:
                self.sock.settimeout(_GOODBYE)
                self.sock.sendall(b"QUIT\r\n")
                # The server has freed the connection when it answers.
                self.sock.recv(_LONGEST_LINE)
        self.in_step = False
        self.close()

    # ---------------------------------------------------------------------- commands

    def path(self, key: str) -> str:
        """Return the absolute path of a name."""
        return f"{self.root.rstrip('/')}/{key}" if key else self.root

    def ask(self, command: str, seconds: float | None = None) -> Reply:
        """Send a command and return the answer, whatever it says; wait for it so long, or as ever.

        Raises Unavailable when the server ends the connection.
        """
        line = None
        with suppress(UnicodeEncodeError):  # not chained: it holds the command, a password's too
            line = command.encode(self.encoding, "surrogateescape")
        if line is None:
            raise StorageError(
                f"The name has characters that {self.encoding} does not have.",
                hint="FTP_STORAGE_ENCODING is the encoding of names on the server.",
            )
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise ValueError("A line break in a command would begin another one.")
        if self.sock is None:
            raise Unavailable("The connection was closed.")
        self.timeout = timeout(self.place.timeout)
        self.sock.settimeout(self.timeout)
        self.in_step = False
        self.sock.sendall(line + b"\r\n")
        reply = self._reply(seconds)
        self.in_step = reply.code >= FINAL
        return reply

    def do(self, command: str, path: str = "") -> Reply:
        """Send a command, about ``path``; raise what a negative answer means."""
        reply = self.ask(command)
        if not reply.is_positive:
            raise refusal(reply, path)
        return reply

    def sendcmd(self, cmd: str) -> str:
        """Do a command, for what is ftplib's: PASV, EPSV, PORT, EPRT."""
        return str(self.do(cmd))

    def voidcmd(self, cmd: str) -> str:
        """Do a command, likewise."""
        return self.sendcmd(cmd)

    def has(self, command: str) -> bool:
        """Tell whether a command is worth trying."""
        return command not in self.lacks

    def final(self, seconds: float | None = None) -> Reply:
        """Return the answer that ends a command; None for ``seconds``: as long as any."""
        while True:
            reply = self._reply(seconds)
            if reply.code >= FINAL:
                self.in_step = True
                return reply

    def _checked(self, reply: Reply, hint: str = "") -> Reply:
        if not reply.is_positive:
            raise refusal(reply, hint=hint)
        return reply

    def _reply(self, seconds: float | None = None) -> Reply:
        """Read one answer: a line ``250 text``, or lines from ``250-text`` to ``250 text``."""
        lines = [self._line(seconds)]
        code = lines[0][:3]
        if not (code.isascii() and code.isdigit() and len(code) == 3):  # noqa: PLR2004
            raise Unavailable(f"The server answered what is not FTP: {lines[0][:80]!r}.")
        if lines[0][3:4] == "-":
            length = 0
            while not (lines[-1].startswith(code) and lines[-1][3:4] in {" ", ""}):
                lines.append(self._line(seconds))
                length += len(lines[-1]) + 2
                if length > _LONGEST_REPLY:
                    raise Unavailable("The server's answer does not end.")
        text = "\n".join(lines)
        if code == "421" or text.startswith("500 OOPS"):  # vsftpd's last words
            raise refusal(Reply(421, text))
        return Reply(int(code), text)

    def _line(self, seconds: float | None = None) -> str:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > _LONGEST_LINE:
                raise Unavailable("The server's answer has a line that does not end.")
            if self.sock is None:
                raise Unavailable("The connection was closed.")
            self.sock.settimeout(timeout(self.place.timeout) if seconds is None else seconds)
            data = self.sock.recv(_LONGEST_LINE)
            if not data:
                raise Unavailable("The server closed the connection.")
            self._received += data
        line = bytes(self._received[:end]).rstrip(b"\r")
        del self._received[: end + 1]
        return line.decode(self.encoding, "surrogateescape")

    # --------------------------------------------------------------------- transfers

    def transfer(self, command: str, offset: int = 0) -> tuple[socket.socket, Reply] | Reply:
        """Open a data connection for ``command``; return it and the answer that announces it.

        When the server refuses the command, its answer alone is returned. ``final`` is to be
        called when the data connection is closed.
        """
        self.timeout = timeout(self.place.timeout)
        if not self.passiveserver:
            with self.makeport() as listener:
                reply = self._begun(command, offset)
                return reply if self.in_step else (self._secured(self._accepted(listener)), reply)
        data = self._connected(*self.makepasv())
        try:
            reply = self._begun(command, offset)
        except BaseException:
            data.close()
            raise
        if self.in_step:
            data.close()
            return reply
        return self._secured(data), reply

    def _connected(self, host: str, port: int) -> socket.socket:
        try:
            return socket.create_connection((host, port), self.timeout)
        except OSError as error:
            kind = Timeout if isinstance(error, TimeoutError) else Unavailable
            raise kind(
                f"The data connection to port {port} cannot be made: {error.strerror or error}.",
                hint="Are the server's passive ports reachable? In active mode (aftp://) the "
                "server connects.",
            ) from error

    def _begun(self, command: str, offset: int) -> Reply:
        if offset:
            self.do(f"REST {offset}")
        reply = self.ask(command)
        if reply.code in {200, 202}:
            # Some answer twice.
            reply = self._reply()
            self.in_step = reply.code >= FINAL
        return reply

    def _secured(self, data: socket.socket) -> socket.socket:
        data.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data.settimeout(timeout(self.place.timeout))
        if not self._secure_data:
            return data
        # A session goes on in the context that began it.
        return tls.encrypted(data, self.host, self.sock.context, self.sock.session)

    def makepasv(self) -> tuple[str, int]:
        """Return where the server listens: by PASV, whose address is not believed, or EPSV."""
        if self.af == socket.AF_INET and self.has("PASV"):
            try:
                return super().makepasv()
            except StorageError:
                if not self.in_step:
                    raise
                self.lacks.add("PASV")
        self.af, family = socket.AF_INET6, self.af  # ftplib asks for EPSV then
        try:
            return super().makepasv()
        finally:
            self.af = family

    def makeport(self) -> socket.socket:
        """Return a socket that listens where the server is told to connect to: by PORT or EPRT."""
        here: str = self.sock.getsockname()[0]
        listener = socket.socket(self.af)
        try:
            listener.bind((here, 0))
            listener.listen(1)
            port: int = listener.getsockname()[1]
            (self.sendport if self.af == socket.AF_INET else self.sendeprt)(here, port)
        except BaseException:
            listener.close()
            raise
        return listener

    def _accepted(self, listener: socket.socket) -> socket.socket:
        """Return the server's connection to us; anybody else's is hung up on."""
        server = ipaddress.ip_address(self.sock.getpeername()[0].partition("%")[0])
        while True:
            listener.settimeout(timeout(self.place.timeout))
            data, address = listener.accept()
            if ipaddress.ip_address(address[0].partition("%")[0]) == server:
                return data
            data.close()

    def abandon(self, data: socket.socket) -> None:
        """Cut a transfer short. Afterwards ``in_step`` tells whether the connection is of use.

        ABOR is not sent: servers differ in how many answers they give to it. Closing the data
        connection ends the transfer, and exactly one answer follows.
        """
        data.close()
        left = remaining()
        wait = min(_AFTERMATH, self.place.timeout, _AFTERMATH if left is None else left)
        try:
            # That of pure-ftpd begins with 150.
            self.in_step = self._reply(wait).code >= FINAL or self.is_alive()
        except (OSError, EOFError):
            self.in_step = False

    def finish(self, data: socket.socket) -> Reply:
        """End an upload: tell the server that this was all, and return what it says."""
        if isinstance(data, ssl.SSLSocket):
            # The server takes content without a proper end for cut short. Whether it ends its own
            # side properly does not matter: its answer tells whether it has everything.
            with suppress(OSError, ValueError):
                data.unwrap()
        data.close()
        return self.final()
