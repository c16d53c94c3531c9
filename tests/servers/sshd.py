"""OpenSSH's sshd, which serves nothing but SFTP, to accounts that this machine does not have.

As root the accounts come from copies of passwd, shadow and group, which are mounted over the real
files in a mount namespace of the server's own. Without root there is one account, the user's own,
and no password.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.process import HOST, MissingProgramError, Server, find

USER, UID = "srvsftp", 23999
JAILED, JAILED_UID = "srvjail", 23997
PASSWORD = "s3cret&Pass/ü"
SMALL = 2 * 1024 * 1024  # bytes of the disk that is soon full
CONFIGURATION = """
Port {port}
ListenAddress {host}
{host_keys}
PidFile {directory}/sshd.pid
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
PubkeyAuthentication yes
PasswordAuthentication {passwords}
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PermitRootLogin yes
PrintMotd no
LogLevel VERBOSE
MaxStartups 200
MaxSessions 100
MaxAuthTries 20
Subsystem sftp internal-sftp
Match User {jailed}
    ChrootDirectory /run/sshd/jail
    ForceCommand internal-sftp -d /data
Match User *
    ForceCommand internal-sftp -d {home} {arguments}
"""
# Mounts what the arguments say, then becomes the server.
SCRIPT = """set -e
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/sshd/jail
mount --bind "$1/chroot" /run/sshd/jail
for name in passwd shadow group; do mount --bind "$1/$name" /etc/$name; done
mount -t tmpfs -o size=$2,uid=$3,gid=$3,mode=0755 tmpfs "$1/home/small"
shift 3
exec "$@"
"""


def descendants(pid: int) -> list[int]:
    """The process ids of the children of ``pid``, of theirs, and so on."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


class Sshd(Server):
    """sshd, with ``host_key_types`` and with ``arguments`` of its internal-sftp."""

    packages: ClassVar[tuple[str, ...]] = ("openssh-server",)
    host_key_types: ClassVar[tuple[str, ...]] = ("ed25519",)
    arguments: ClassVar[str] = ""

    @property
    def home(self) -> Path:
        """The directory in which a login begins; ``home/small`` is a small disk of its own."""
        return self.directory / "home"

    @property
    def chroot(self) -> Path:
        """What the jailed account sees as ``/``; it may write to ``/data``."""
        return self.directory / "chroot"

    @property
    def key(self) -> Path:
        """The private key that every account lets in."""
        return self.directory / "client_key"

    @property
    def known_hosts(self) -> Path:
        """A file with the server's host keys."""
        return self.directory / "known_hosts"

    @property
    def username(self) -> str:
        """The account."""
        return USER if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    @property
    def uid(self) -> int:
        """The user id of the account."""
        return UID if os.getuid() == 0 else os.getuid()

    def prepare(self) -> None:
        """Make keys, accounts and directories."""
        self.directory.chmod(0o755)
        self.new_host_keys()
        self._keygen(self.key, "ed25519")
        shutil.copy(self.key.with_suffix(".pub"), self.directory / "authorized_keys")
        (self.directory / "authorized_keys").chmod(0o644)
        for made in (self.home, self.home / "small", self.chroot, self.chroot / "data"):
            made.mkdir()
        self.chroot.chmod(0o755)
        root = os.getuid() == 0
        if root:
            self._accounts()
            os.chown(self.home, UID, UID)
            os.chown(self.chroot / "data", JAILED_UID, JAILED_UID)
        self._configuration().write_text(
            CONFIGURATION.format(
                port=self.port,
                host=HOST,
                directory=self.directory,
                home=self.home,
                arguments=self.arguments,
                jailed=JAILED,
                passwords="yes" if root else "no",
                host_keys="\n".join(
                    f"HostKey {self._host_key(kind)}" for kind in self.host_key_types
                ),
            )
        )

    def new_host_keys(self) -> None:
        """Make new host keys; they count when the server starts again."""
        lines = []
        for kind in self.host_key_types:
            path = self._host_key(kind)
            for old in (path, path.with_suffix(".pub")):
                old.unlink(missing_ok=True)
            self._keygen(path, kind)
            lines.append(f"[{HOST}]:{self.port} {path.with_suffix('.pub').read_text()}")
        self.known_hosts.write_text("".join(lines))

    def new_directory(self, name: str) -> Path:
        """Make a directory in the account's home, which the account owns."""
        made = self.home / name
        made.mkdir()
        os.chown(made, self.uid, self.uid if os.getuid() == 0 else -1)
        return made

    def command(self) -> list[str]:
        """In the foreground, its log to standard error."""
        sshd = find("sshd", package="openssh-server")
        command = [sshd, "-D", "-e", "-f", str(self._configuration())]
        if os.getuid():
            return command
        if shutil.which("unshare") is None:
            raise MissingProgramError("unshare is not installed: apt-get install util-linux")
        mounted = [str(self.directory), str(SMALL), str(UID)]
        shell = ["sh", "-c", SCRIPT, "sh", *mounted, *command]
        return ["unshare", "-m", "--propagation", "private", *shell]

    def is_ready(self) -> bool:
        """Whether it says that it is OpenSSH."""
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as probe:
                return probe.recv(100).startswith(b"SSH-2.0-OpenSSH")
        except OSError:
            return False

    def stop(self) -> None:
        """End the server and its sessions, which would live on without it."""
        if self.process is not None and os.getpid() == self._owner:
            self.end_sessions()
        super().stop()

    def kill(self) -> None:
        """``kill -9`` the server and the processes of all its sessions."""
        if self.process is not None:
            self.end_sessions()
        super().kill()

    def end_sessions(self, number: int = signal.SIGKILL) -> int:
        """Send a signal to the processes of all sessions; return how many there were."""
        sessions = self.sessions()
        for pid in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        return len(sessions)

    def sessions(self) -> list[int]:
        """The processes of the sessions: per connection one, or two if the server is root's."""
        return descendants(self.process.pid) if self.process is not None else []

    def connections(self) -> int:
        """How many connections there are."""
        assert self.process is not None
        pid = self.process.pid
        return len(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def options(self, **more: Any) -> dict[str, Any]:
        """Options for a storage whose files are in the account's home."""
        params = {
            "username": self.username,
            "port": self.port,
            "key_filename": str(self.key),
            "allow_agent": False,
            "look_for_keys": False,
            **more.pop("params", {}),
        }
        return {"host": HOST, "known_host_file": str(self.known_hosts), "params": params, **more}

    def _configuration(self) -> Path:
        return self.directory / "sshd_config"

    def _host_key(self, kind: str) -> Path:
        return self.directory / f"host_{kind}"

    def _keygen(self, path: Path, kind: str) -> None:
        program = find("ssh-keygen", package="openssh-client")
        self.run(program, "-q", "-t", kind, "-N", "", "-C", "test", "-f", str(path))

    def _accounts(self) -> None:
        accounts = [
            ("sshd", 23998, "*", "/run/sshd"),
            (USER, UID, self._hash(), str(self.home)),
            (JAILED, JAILED_UID, self._hash(), "/data"),
        ]
        lines: dict[str, list[str]] = {name: [] for name in ("passwd", "shadow", "group")}
        for name, old in lines.items():
            for line in Path("/etc", name).read_text().splitlines():
                if line.split(":")[0] not in {account[0] for account in accounts}:
                    old.append(line)
        for user, uid, password, home in accounts:
            lines["passwd"].append(f"{user}:x:{uid}:{uid}::{home}:/usr/sbin/nologin")
            lines["shadow"].append(f"{user}:{password}:19000:0:99999:7:::")
            lines["group"].append(f"{user}:x:{uid}:")
        for name, text in lines.items():
            path = self.directory / name
            path.write_text("\n".join(text) + "\n")
            path.chmod(0o640 if name == "shadow" else 0o644)

    def _hash(self) -> str:
        openssl = find("openssl", package="openssl")
        command = [openssl, "passwd", "-6", "-stdin"]
        done = subprocess.run(command, input=PASSWORD.encode(), capture_output=True, check=True)
        return done.stdout.decode().strip()

    def processes(self) -> list[int]:
        """The listener and the processes of the sessions."""
        assert self.process is not None
        return [self.process.pid, *self.sessions()]
