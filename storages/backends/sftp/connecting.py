"""From options to a connection: the way to the server, its host key, the login, the session."""

from __future__ import annotations

import contextlib
import getpass
import io
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storages import retry
from storages.backends.sftp.hostkeys import HostKeys, policy_for
from storages.backends.sftp.session import Session
from storages.backends.sftp.wire import CommandSocket, Wire, filled, opened_socket
from storages.errors import OptionError, PermissionDenied, StorageError, Timeout, Unavailable
from storages.libraries import library

__all__ = ["Connection", "Connector"]

_PORT = 22
#: Bytes that the server may send before it is told that they were taken.
WINDOW = 8 * 1024 * 1024
#: OpenSSH has both, they are as strong as what paramiko prefers, and twice as fast.
FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
#: What SSHClient says, and not as an AuthenticationException, when it has nothing to try.
_NOTHING_TO_TRY = "No authentication methods available"
#: What it says as an AuthenticationException, though nobody judged the login.
_CUT_OFF = "transport shut down"


@dataclass
class Connection:
    """An SSH connection, with an SFTP session on it, and what it took to get there."""

    client: Any
    session: Session
    server: str
    before: list[Any] = field(default_factory=list)
    _sftp: Any = None

    @property
    def sftp(self) -> Any:
        """A client of paramiko's own on the same connection."""
        if self._sftp is None or self._sftp.get_channel().closed:
            self._sftp = self.client.open_sftp()
        return self._sftp

    @property
    def is_openssh(self) -> bool:
        """Whether the server is OpenSSH's, whose behaviour beyond the protocol is known."""
        return "OpenSSH" in self.server

    def close(self) -> None:
        """Close it, and the connections that it runs through."""
        _close_all(self.client, *self.before)

    def is_alive(self) -> bool:
        """Ask the server for something small."""
        return self.session.is_alive()

    def abandon(self) -> None:
        """In a forked child: let go of the parent's socket, without a word on it."""
        for each in self.before:
            if isinstance(each, Wire):
                each.abandon()


@dataclass(repr=False)  # it would show passwords
class Connector:
    """Where to connect and as whom."""

    host: str
    params: Mapping[str, Any]
    private_key: str | None
    known_host_file: str | None
    host_key_policy: str
    interactive: bool
    connect_timeout: float
    timeout: float
    keepalive: int
    _asked: list[str] = field(default_factory=list)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def connect(self) -> Connection:
        """Connect and log in; ask for a password at the terminal where that is wanted."""
        try:
            return self._connect(self._asked[0] if self._asked else None)
        except _LoginError as error:
            if not self.interactive or self.params.get("password") is not None:
                raise PermissionDenied(str(error), hint=error.hint) from error.__cause__
        return self._connect_asking()

    def _connect_asking(self) -> Connection:
        with self._asking:  # once for all threads
            password = self._asked[0] if self._asked else None
            if password is None:
                user = self.params.get("username") or getpass.getuser()
                try:
                    password = getpass.getpass(f"Password of {user} on {self.host}: ")
                except EOFError as error:
                    raise PermissionDenied("There is no terminal to ask for a password.") from error
            try:
                connection = self._connect(password)
            except _LoginError as error:
                raise PermissionDenied(str(error), hint=error.hint) from error.__cause__
            self._asked[:] = [password]
            return connection

    def _connect(self, password: str | None) -> Connection:
        paramiko = library("paramiko", "sftp")
        params = dict(self.params)
        if password is not None:
            params["password"] = password
        before: list[Any] = []
        client = paramiko.SSHClient()
        try:
            with _translated(paramiko, params.get("username"), self.connect_timeout):
                self._log_in(paramiko, client, self.host, params, before)
                channel = client.get_transport().open_session(timeout=self._patience)
                channel.settimeout(self._patience)
                with _ended_after(self._patience, client):
                    channel.invoke_subsystem("sftp")
                session = Session(channel, self.timeout)
            return Connection(client, session, client.get_transport().remote_version, before)
        except BaseException:
            _close_all(client, *before)
            raise

    @property
    def _patience(self) -> float:
        return retry.timeout(self.connect_timeout)

    def _log_in(
        self, paramiko: Any, client: Any, host: str, params: dict[str, Any], before: list[Any]
    ) -> None:
        """Open the way to ``host`` and log in there; ``before`` gets what must be closed after."""
        port = params.setdefault("port", _PORT)
        keys = HostKeys(self.known_host_file, host, port, self.host_key_policy)
        client.set_missing_host_key_policy(policy_for(keys, paramiko))
        wire = Wire(self._way(paramiko, host, params, before), self.timeout)
        before.insert(0, wire)
        for name in ("timeout", "banner_timeout", "auth_timeout", "channel_timeout"):
            params[name] = min(self._patience, params.get(name) or self._patience)
        params.setdefault("transport_factory", _factory(paramiko, keys))
        self._add_key(paramiko, params)
        client.connect(host, sock=wire, **params)
        client.get_transport().set_keepalive(self.keepalive)

    def _way(self, paramiko: Any, host: str, params: dict[str, Any], before: list[Any]) -> Any:
        """Return a socket, or what is like one, that leads to ``host``."""
        make = params.pop("sock", None)
        command = params.pop("proxy_command", None)
        jump = params.pop("proxy_jump", None)
        if make is not None:
            return make()
        if command is not None:
            user = params.get("username") or getpass.getuser()
            values = {"%h": host, "%p": str(params["port"]), "%r": user, "%%": "%"}
            return CommandSocket(filled(command, values))
        if jump is not None:
            return self._jump(paramiko, jump, host, params, before)
        return opened_socket(host, int(params["port"]), self._patience)

    def _jump(
        self,
        paramiko: Any,
        jump: str | Mapping[str, Any],
        host: str,
        params: dict[str, Any],
        before: list[Any],
    ) -> Any:
        """Log in at the host in between; the password is not for that one."""
        if isinstance(jump, str):
            user, _, place = jump.rpartition("@")
            name, _, port = place.partition(":")
            through = {key: value for key, value in params.items() if key != "password"}
            through |= {"hostname": name, "port": int(port or _PORT)}
            through |= {"username": user} if user else {}
            through["passphrase"] = params.get("passphrase") or params.get("password")
        else:
            through = dict(jump)
        client = paramiko.SSHClient()
        before.insert(0, client)
        self._log_in(paramiko, client, through.pop("hostname"), through, before)
        target = (host, int(params["port"]))
        return client.get_transport().open_channel(
            "direct-tcpip", target, ("127.0.0.1", 0), timeout=self._patience
        )

    def _add_key(self, paramiko: Any, params: dict[str, Any]) -> None:
        """Give paramiko the key that an option holds, and see that files of keys are there."""
        names = params.get("key_filename") or []
        for name in [names] if isinstance(names, (str, Path)) else names:
            if not Path(name).expanduser().is_file():
                raise OptionError(f"SFTPStorage: params' key_filename {str(name)!r} is no file.")
        if isinstance(names, Path):
            params["key_filename"] = str(names)
        key = params.get("pkey") or self.private_key
        if isinstance(key, str):
            passphrase = params.get("passphrase") or params.get("password")
            params["pkey"] = _parsed_key(paramiko, key, passphrase)


def _close_all(*clients: Any) -> None:
    """Close clients and sockets; the threads of the clients end by themselves.

    paramiko would wait for its thread, and ask which thread this is. That must not be asked in one
    that is ending, when its connection is closed: threading would keep a dummy of it for ever.
    """
    for each in clients:
        with contextlib.suppress(Exception):  # nobody can do anything about it
            transport = None if isinstance(each, Wire) else each.get_transport()
            if transport is not None and transport.active:
                transport.active = False
                transport.sock.close()
            each.close()


class _LoginError(Exception):
    """The server does not let us in; with another password it may."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _factory(paramiko: Any, keys: HostKeys) -> Any:
    """Return what makes a transport that prefers what we know and what is fast."""

    def make(sock: Any, **more: Any) -> Any:
        transport = paramiko.Transport(sock, default_window_size=WINDOW, **more)
        options = transport.get_security_options()
        known = [name for kind in keys.kinds() for name in _algorithms(kind)]
        options.key_types = _first(known, options.key_types)
        options.ciphers = _first(FAST_CIPHERS, options.ciphers)
        return transport

    return make


def _algorithms(kind: str) -> tuple[str, ...]:
    """Return how a host proves that it has a key of that type; never with SHA-1."""
    return ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)


def _first(preferred: Any, known: Any) -> list[str]:
    chosen = [name for name in dict.fromkeys(preferred) if name in known]
    return [*chosen, *(name for name in known if name not in chosen)]


def _parsed_key(paramiko: Any, key: str, passphrase: str | None) -> Any:
    """Return the private key that a text holds."""
    # Environment variables often have their line ends written out.
    lines = key.strip().replace("\\n", "\n") + "\n"
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(lines), passphrase)
        except paramiko.PasswordRequiredException:
            raise
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise OptionError("SFTPStorage: the private key is of no known type, or the passphrase wrong.")


@contextmanager
def _ended_after(seconds: float, client: Any) -> Iterator[None]:
    """Close the client if the block takes longer: for what paramiko waits for without limit."""
    timer = threading.Timer(seconds, client.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _translated(paramiko: Any, username: str | None, timeout: float) -> Iterator[None]:
    """Turn what can happen on the way into our errors. Neither shows what we logged in with."""
    until = time.monotonic() + retry.timeout(timeout)
    try:
        yield
    except (StorageError, OptionError):
        raise
    except socket.gaierror as error:
        raise Unavailable(f"The host name cannot be resolved: {error.strerror}.") from error
    except paramiko.SSHException as error:
        is_login = isinstance(error, paramiko.AuthenticationException)
        if (is_login and _CUT_OFF not in str(error)) or str(error) == _NOTHING_TO_TRY:
            if "timeout" in str(error).lower():
                raise Timeout("The login took too long.") from error
            user = username or getpass.getuser()
            raise _LoginError(
                f"The server refused to log in {user!r}: {error}".rstrip(".") + ".",
                "Check params: username, password, key_filename.",
            ) from error
        if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
            raise StorageError(f"The server speaks no cipher that we trust: {error}") from error
        kind = Timeout if time.monotonic() >= until else Unavailable
        raise kind(f"No connection to the server: {error}") from error
    except TimeoutError as error:
        raise Timeout("The server did not answer in time.") from error
    except (OSError, EOFError) as error:
        if time.monotonic() >= until:
            raise Timeout("The server did not answer in time.") from error
        raise Unavailable(
            f"No connection to the server: {str(error) or 'closed at once'}."
        ) from error
