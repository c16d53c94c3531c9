"""Start a server as a child process, wait until it answers, stop it by its process id."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from typing_extensions import Self

HOST = "127.0.0.1"
S = TypeVar("S", bound="Server")
TAIL = 4000  # characters of the log that a failure shows
PORTS = range(20000, 32768)
_random = random.SystemRandom()  # processes that run tests at once choose differently
_given: set[int] = set()
PASSING = range(10000, 20000)  # ports of what lives for one test
_turns = itertools.count(_random.randrange(len(PASSING)))


class MissingProgramError(AssertionError):
    """A program or library that the tests need is not installed."""


class ServerFailedError(AssertionError):
    """A server did not start; the message ends with its log."""


def _version(path: Path) -> list[int]:
    """The numbers in a path, so that 15 comes after 9.6."""
    return [int(number) for number in re.findall(r"\d+", str(path))]


def find(*names: str, package: str, directories: Sequence[str] = ()) -> str:
    """The path of the first program of ``names`` on PATH, or matching a glob in ``directories``.

    The newest version wins where a glob matches several. A missing program is an error that
    names the Debian ``package``: a test that cannot run has failed.
    """
    for name in names:
        if found := shutil.which(name):
            return found
        for directory in ("/usr/sbin", "/usr/local/sbin", *directories):
            root = Path(directory).anchor
            matches = Path(root).glob(f"{directory.removeprefix(root)}/{name}")
            newest = max(matches, key=_version, default=None)
            if newest is not None:
                return str(newest)
    message = f"{' or '.join(names)} is not installed: apt-get install {package}"
    raise MissingProgramError(message)


def free_port() -> int:
    """A loopback port that nothing uses, another one each time.

    It is below those that systems take for outgoing connections: one of these could have it before
    the server starts, or while it restarts, and the system may choose a number twice.
    """
    while True:
        port = _random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            if port not in _given:
                _given.add(port)
                return port


def passing_port() -> int:
    """A loopback port for what lives for one test: a proxy, a scripted server.

    There are thousands of them in a process. What storages remember of a server, they remember by
    its URL (a token, what it can do), so that none may have the port of one just gone; and none
    has that of a server which is being started again. They take turns.
    """
    while True:
        port = PASSING[next(_turns) % len(PASSING)]
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port


def _children(pid: int) -> list[int]:
    """The process ids of the children of ``pid`` (Linux; elsewhere none are known)."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    return []


def _runs(pid: int) -> bool:
    """Whether ``pid`` is a process that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def _stands(pid: int) -> bool:
    """Whether no thread of ``pid`` runs: each is stopped, or has ended."""
    states = []
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            states.append(thread.read_text().rpartition(")")[2].split()[0])
    return all(state in "TtZX" for state in states)


class Server:
    """One server in a temporary directory, on a free loopback port.

    A subclass says which Debian ``packages`` it comes from, ``prepare``s its directory once,
    gives its ``command``, and tells by its own protocol whether it ``is_ready``.
    ``start`` and ``stop`` may alternate: the port and the data stay. ``close`` removes them.
    """

    packages: ClassVar[tuple[str, ...]]
    user: ClassVar[str | None] = None  # who runs it when the tests are run by root
    stop_signal: ClassVar[int] = signal.SIGTERM
    ready_within: ClassVar[float] = 60.0  # seconds; a loaded machine is slow, a hang is a failure

    def __init__(self) -> None:
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{type(self).__name__.lower()}-"))
        self.log = self.directory / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._prepared = False

    # -- what a subclass says

    def prepare(self) -> None:
        """Make what the server needs in ``self.directory``; called before the first start."""

    def command(self) -> list[str]:
        """The command line that runs the server in the foreground."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether the server answers in its own protocol."""
        raise NotImplementedError

    # -- what a test calls

    def start(self) -> None:
        """Start the server and wait until it answers; ServerFailedError shows its log."""
        if self.process is not None:
            if self.process.poll() is None:
                return
            self.kill()  # it ended by itself, or a test killed it: clean up, start again
        try:
            if not self._prepared:
                self._give_away(self.directory)
                self.prepare()
                self._prepared = True
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    self.as_user(*self.command()),
                    cwd=self.directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a Ctrl-C at the terminal stops it through us
                )
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ask the server to end and wait for it; kill it when it does not."""
        process = self.process
        if process is None or os.getpid() != self._owner:  # a forked child owns no server
            return
        if process.poll() is None:
            process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        self.kill()

    def kill(self) -> None:
        """``kill -9`` the server, and wait until its own children are gone too."""
        process = self.process
        if process is None:
            return
        children = _children(process.pid)
        if process.poll() is None:
            process.kill()
        process.wait()
        self.process = None
        deadline = time.monotonic() + 10
        while any(_runs(child) for child in children):
            if time.monotonic() > deadline:
                for child in filter(_runs, children):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
            time.sleep(0.01)

    def restart(self) -> None:
        """Stop and start: every connection is lost, the data stays."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the server and its children: connections stay open, nothing answers."""
        # The signal is only sent by then: a thread on another processor may answer meanwhile, or
        # fork, and that child has had no signal.
        deadline = time.monotonic() + 10
        self._signal_all(signal.SIGSTOP)
        while not all(map(_stands, self.processes())):
            assert time.monotonic() < deadline, "a server that was stopped still runs"
            time.sleep(0.001)
            self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self._signal_all(signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove its directory."""
        self.stop()
        if os.getpid() == self._owner:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # -- helpers for subclasses

    def as_user(self, *command: str) -> list[str]:
        """``command``, run as ``user`` if we are root, and ended when this process dies.

        The death signal is the parent *thread's*: start servers in the main thread.
        """
        setpriv = shutil.which("setpriv")
        prefix = [setpriv, "--pdeathsig", "TERM"] if setpriv else []
        if os.getuid() == 0 and self.user is not None:
            if not prefix:
                raise MissingProgramError("setpriv is not installed: apt-get install util-linux")
            account = pwd.getpwnam(self.user)
            prefix += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--init-groups"]
        return [*prefix, *command]

    def run(self, *command: str, environment: dict[str, str] | None = None) -> None:
        """Run a preparing command as the server's user; ServerFailedError shows what it printed."""
        done = subprocess.run(
            self.as_user(*command),
            cwd=self.directory,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            output = done.stdout.decode(errors="replace")[-TAIL:]
            raise ServerFailedError(f"{command[0]} ended with {done.returncode}:\n{output}")

    def asks(self, *command: str, environment: dict[str, str] | None = None) -> bool:
        """Whether a command-line client's request succeeds within five seconds."""
        try:
            done = subprocess.run(
                command,
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=5,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def tail(self) -> str:
        """The end of the server's log."""
        return self.log.read_text(errors="replace")[-TAIL:] if self.log.exists() else "(no log)"

    def _give_away(self, path: Path) -> None:
        if os.getuid() == 0 and self.user is not None:
            try:
                account = pwd.getpwnam(self.user)
            except KeyError:
                wanted = " ".join(self.packages)
                raise MissingProgramError(
                    f"there is no user {self.user}: apt-get install {wanted}"
                ) from None
            os.chown(path, account.pw_uid, account.pw_gid)

    def _wait(self) -> None:
        deadline = time.monotonic() + self.ready_within
        while not self.is_ready():
            assert self.process is not None
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                how = f"ended with {self.process.returncode}" if ended else "does not answer"
                raise ServerFailedError(
                    f"{type(self).__name__} {how}; its log ends:\n{self.tail()}"
                )
            time.sleep(0.02)

    def processes(self) -> list[int]:
        """The server's process and those that it has forked."""
        assert self.process is not None
        return [self.process.pid, *_children(self.process.pid)]

    def _signal_all(self, number: int) -> None:
        for pid in self.processes():
            # A child may have ended, as PostgreSQL's do with their connection: no signal then.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


_shared: dict[type[Server], Server] = {}


def shared(kind: type[S]) -> S:
    """This process's one server of ``kind``, started on first use and again after a stop."""
    server = _shared.get(kind) or _shared.setdefault(kind, kind())
    server.start()
    assert isinstance(server, kind)
    return server


@atexit.register
def stop_shared() -> None:
    """Stop the shared servers and remove their directories."""
    while _shared:
        _shared.popitem()[1].close()
