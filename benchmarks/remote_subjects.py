"""What benchmarks/sftp.py and benchmarks/ftp.py compare: storages, client libraries, programs."""

from __future__ import annotations

import contextlib
import ftplib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Protocol

KB = 1024
MIB = 1024 * KB
FEW = 10
MANY = 500
LISTED = 1000
ADAPTERS = {
    "sftp": "storages.backends.sftpstorage.SFTPStorage",
    "ftp": "storages.backends.ftp.FTPStorage",
}


def must(met: bool, what: str) -> None:
    """Fail when the work did not give what it should."""
    if not met:
        raise RuntimeError(f"The work did not give {what}.")


class Discarded:
    """A file that counts what is written to it, and keeps nothing."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        """Count."""
        self.size += len(data)
        return len(data)


class Subject(Protocol):
    """What a row asks of one; not all can do all."""

    def save(self, name: str, file: IO[bytes]) -> None: ...  # noqa: D102 - their names say it
    def save_all(self, prefix: str, directory: Path) -> None: ...  # noqa: D102
    def read(self, name: str, size: int) -> None: ...  # noqa: D102
    def begin(self, name: str) -> None: ...  # noqa: D102
    def exists(self, name: str) -> None: ...  # noqa: D102
    def size(self, name: str) -> None: ...  # noqa: D102
    def list(self, name: str) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class OfStorage:
    """Either storage."""

    def __init__(self, setup: dict[str, Any], port: int) -> None:
        from django.utils.module_loading import import_string

        kind = import_string(ADAPTERS[setup["protocol"]])
        self.storage = kind(**storage_options(setup, port))

    def save(self, name: str, file: IO[bytes]) -> None:
        """Save under a free name, as a view does with an upload."""
        from django.core.files.base import ContentFile, File

        with open(os.dup(file.fileno()), "rb") as own:  # noqa: PTH123 - one closes it
            own.seek(0)
            large = os.fstat(own.fileno()).st_size >= MIB
            self.storage.save(name, File(own) if large else ContentFile(own.read()))

    def save_all(self, prefix: str, directory: Path) -> None:
        """Save one after the other."""
        for path in directory.iterdir():
            with path.open("rb") as file:
                self.save(prefix + path.name, file)

    def read(self, name: str, size: int) -> None:
        """Open, and read all in the file's own chunks."""
        with self.storage.open(name) as file:
            must(sum(len(chunk) for chunk in file.chunks()) == size, "all of the file")

    def begin(self, name: str) -> None:
        """Read the first ten bytes."""
        with self.storage.open(name) as file:
            must(len(file.read(FEW)) == FEW, "ten bytes")

    def exists(self, name: str) -> None:
        """Ask."""
        must(self.storage.exists(name), "True")

    def size(self, name: str) -> None:
        """Ask."""
        must(self.storage.size(name) > 0, "a size")

    def list(self, name: str) -> None:
        """List a directory."""
        must(len(self.storage.listdir(name)[1]) == LISTED, "every name")

    def close(self) -> None:
        """Disconnect, if it knows how."""
        for method in ("close", "disconnect"):
            if hasattr(self.storage, method):
                with contextlib.suppress(AttributeError):
                    getattr(self.storage, method)()
                return


class Paramiko:
    """paramiko's own client, as it comes."""

    def __init__(self, setup: dict[str, Any], port: int) -> None:
        import paramiko

        self.client = paramiko.SSHClient()
        self.client.load_host_keys(setup["known_hosts"])
        self.client.connect(**{**setup["params"], "hostname": setup["host"], "port": port})
        self.sftp = self.client.open_sftp()
        self.sftp.chdir(setup["root"])

    def save(self, name: str, file: IO[bytes]) -> None:
        """Put."""
        file.seek(0)
        self.sftp.putfo(file, name)

    def save_all(self, prefix: str, directory: Path) -> None:
        """Put one after the other."""
        for path in directory.iterdir():
            self.sftp.put(str(path), prefix + path.name)

    def read(self, name: str, size: int) -> None:
        """Get, with its prefetching."""
        self.sftp.getfo(name, discarded := Discarded())  # type: ignore[arg-type]
        must(discarded.size == size, "all of the file")

    def begin(self, name: str) -> None:
        """Open and read ten bytes."""
        with self.sftp.open(name) as file:
            must(len(file.read(FEW)) == FEW, "ten bytes")

    def exists(self, name: str) -> None:
        """Ask."""
        self.sftp.stat(name)

    def size(self, name: str) -> None:
        """Ask."""
        must((self.sftp.stat(name).st_size or 0) > 0, "a size")

    def list(self, name: str) -> None:
        """List a directory."""
        must(len(self.sftp.listdir_attr(name)) == LISTED, "every name")

    def close(self) -> None:
        """Disconnect."""
        self.client.close()


class Ftplib:
    """ftplib's own client, as it comes."""

    def __init__(self, setup: dict[str, Any], port: int) -> None:
        self.ftp = ftplib.FTP()  # noqa: S321 - of a server on this machine
        self.ftp.connect(setup["host"], port)
        self.ftp.login(setup["user"], setup["password"])
        self.ftp.cwd(setup["root"])
        self.ftp.voidcmd("TYPE I")

    def save(self, name: str, file: IO[bytes]) -> None:
        """STOR."""
        file.seek(0)
        self.ftp.storbinary(f"STOR {name}", file, 64 * KB)

    def save_all(self, prefix: str, directory: Path) -> None:
        """STOR one after the other."""
        for path in directory.iterdir():
            with path.open("rb") as file:
                self.save(prefix + path.name, file)

    def read(self, name: str, size: int) -> None:
        """RETR."""
        discarded = Discarded()
        self.ftp.retrbinary(f"RETR {name}", discarded.write, 64 * KB)
        must(discarded.size == size, "all of the file")

    def begin(self, name: str) -> None:
        """RETR, and away."""
        data = self.ftp.transfercmd(f"RETR {name}")
        must(len(data.recv(FEW)) == FEW, "ten bytes")
        data.close()
        with contextlib.suppress(ftplib.Error):
            self.ftp.voidresp()

    def exists(self, name: str) -> None:
        """SIZE."""
        self.ftp.size(name)

    def size(self, name: str) -> None:
        """SIZE."""
        must((self.ftp.size(name) or 0) > 0, "a size")

    def list(self, name: str) -> None:
        """NLST."""
        must(len(self.ftp.nlst(name)) == LISTED, "every name")

    def close(self) -> None:
        """Quit."""
        self.ftp.quit()


class Program:
    """A command-line client: started, connected and ended for each work."""

    def __init__(self, setup: dict[str, Any], port: int) -> None:
        self.setup = setup
        self.port = port

    def run(self, *arguments: str, standard_input: str = "") -> None:
        """Run it; RuntimeError shows what it said."""
        command = [argument.replace("{port}", str(self.port)) for argument in arguments]
        done = subprocess.run(
            command,
            input=standard_input,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {done.stdout}")

    def begin(self, name: str) -> None:
        """Not asked for."""
        raise NotImplementedError

    exists = size = list = begin

    def close(self) -> None:
        """Nothing is open."""


class Sftp(Program):
    """OpenSSH's ``sftp``."""

    def batch(self, *lines: str) -> None:
        """Let it do this."""
        root = f"cd {self.setup['root']}"
        self.run(*self.setup["command"], standard_input="\n".join([root, *lines, ""]))

    def save(self, name: str, file: IO[bytes]) -> None:
        """Put."""
        self.batch(f"put /proc/{os.getpid()}/fd/{file.fileno()} {name}")

    def save_all(self, prefix: str, directory: Path) -> None:
        """Put -r."""
        self.batch(f"mkdir {prefix}d", f"put -r {directory}/* {prefix}d/")

    def read(self, name: str, size: int) -> None:  # noqa: ARG002 - it can be relied on
        """Get."""
        self.batch(f"get {name} /dev/null")


class Curl(Program):
    """``curl``."""

    def save(self, name: str, file: IO[bytes]) -> None:
        """Put."""
        path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
        self.run("curl", "-sS", "-T", path, self.setup["url"] + name)

    def save_all(self, prefix: str, directory: Path) -> None:
        """Put all on one connection."""
        self.run("curl", "-sS", "-T", f"{directory}/[0-{MANY - 1}]", f"{self.setup['url']}{prefix}")

    def read(self, name: str, size: int) -> None:  # noqa: ARG002 - it can be relied on
        """Get."""
        self.run("curl", "-sS", "-o", "/dev/null", self.setup["url"] + name)


class Anew:
    """A subject that connects and disconnects with each thing that it does."""

    def __init__(self, make: Callable[[], Subject]) -> None:
        self.make = make

    def __getattr__(self, method: str) -> Callable[..., None]:
        def call(*arguments: Any) -> None:
            subject = self.make()
            getattr(subject, method)(*arguments)
            subject.close()

        return call

    def close(self) -> None:
        """Nothing is open."""


def storage_options(setup: dict[str, Any], port: int) -> dict[str, Any]:
    """The options of either storage."""
    if setup["protocol"] == "ftp":
        return {"location": setup["url"].replace("{port}", str(port))}
    return {
        "host": setup["host"],
        "root_path": setup["root"],
        "known_host_file": setup["known_hosts"],
        "params": {**setup["params"], "port": port},
    }


SUBJECTS: dict[str, dict[str, Callable[[dict[str, Any], int], Subject]]] = {
    "sftp": {"command": Sftp, "raw": Paramiko, "peer": OfStorage, "ours": OfStorage},
    "ftp": {"command": Curl, "raw": Ftplib, "peer": OfStorage, "ours": OfStorage},
}
