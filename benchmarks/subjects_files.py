"""paramiko, ftplib, and the programs ``sftp`` and ``curl``: what is beside a storage."""

from __future__ import annotations

import contextlib
import ftplib
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.sources import Source
from benchmarks.subjects import BLOCK, FEW, Subject, must


class Discarded:
    """A file that counts what is written to it, and keeps nothing."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        """Count."""
        self.size += len(data)
        return len(data)


class Paramiko(Subject):
    """paramiko's own client, as it comes."""

    def __init__(self, setup: dict[str, Any]) -> None:
        import paramiko

        self.setup = setup
        self.client = paramiko.SSHClient()
        self.client.load_host_keys(setup["known_hosts"])
        self.client.connect(setup["host"], **setup["params"])
        self.sftp = self.client.open_sftp()
        self.sftp.chdir(setup["root"])
        self.made: set[str] = set()

    def save(self, name: str, source: Source) -> str:
        """Put, into a directory that is made."""
        directory = name.rpartition("/")[0]
        if directory not in self.made:
            self.made.add(directory)
            with contextlib.suppress(OSError):  # it is there
                self.sftp.mkdir(directory)
        with source.file() as file:
            self.sftp.putfo(file, name)
        return name

    def read(self, name: str) -> int:
        """Get, with its prefetching."""
        self.sftp.getfo(name, discarded := Discarded())  # type: ignore[arg-type]
        return discarded.size

    def part(self, name: str, offset: int) -> int:
        """Open, seek, read."""
        with self.sftp.open(name) as file:
            file.seek(offset)
            return len(file.read(FEW))

    def missing(self, name: str) -> None:
        """Open."""
        with contextlib.suppress(FileNotFoundError):
            self.sftp.open(name)
            must(met=False, what="FileNotFoundError")

    def exists(self, name: str) -> bool:
        """Stat."""
        return self.sftp.stat(name) is not None

    def size(self, name: str) -> int:
        """Stat."""
        return self.sftp.stat(name).st_size or 0

    def list(self, name: str) -> int:
        """With the attributes: they tell files from directories."""
        return len(self.sftp.listdir_attr(name))

    def delete(self, name: str) -> None:
        """Remove."""
        self.sftp.remove(name)

    def thread(self, number: int) -> Subject:
        """A connection of its own."""
        return Paramiko(self.setup) if number else self

    def close(self) -> None:
        """Disconnect."""
        self.client.close()


class Ftplib(Subject):
    """ftplib's own client, as it comes."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup
        self.ftp = ftplib.FTP()  # noqa: S321 - of a server on this machine
        self.ftp.connect(setup["host"], setup["port"])
        self.ftp.login(setup["user"], setup["password"])
        self.ftp.cwd(setup["root"])
        self.ftp.voidcmd("TYPE I")
        self.made: set[str] = set()

    def save(self, name: str, source: Source) -> str:
        """STOR, into a directory that is made."""
        directory = name.rpartition("/")[0]
        if directory not in self.made:
            self.made.add(directory)
            with contextlib.suppress(ftplib.Error):  # it is there
                self.ftp.mkd(directory)
        with source.file() as file:
            self.ftp.storbinary(f"STOR {name}", file, BLOCK)
        return name

    def read(self, name: str) -> int:
        """RETR."""
        discarded = Discarded()
        self.ftp.retrbinary(f"RETR {name}", discarded.write, BLOCK)
        return discarded.size

    def part(self, name: str, offset: int) -> int:
        """REST, RETR, and away."""
        data = self.ftp.transfercmd(f"RETR {name}", offset)
        found = len(data.recv(FEW))
        data.close()
        with contextlib.suppress(ftplib.Error):
            self.ftp.voidresp()
        return found

    def missing(self, name: str) -> None:
        """RETR."""
        with contextlib.suppress(ftplib.error_perm):
            self.ftp.transfercmd(f"RETR {name}")
            must(met=False, what="an error")

    def exists(self, name: str) -> bool:
        """SIZE."""
        return self.ftp.size(name) is not None

    def size(self, name: str) -> int:
        """SIZE."""
        return self.ftp.size(name) or 0

    def list(self, name: str) -> int:
        """LIST: it tells files from directories."""
        lines: list[str] = []
        self.ftp.dir(name, lines.append)
        return len(lines)

    def delete(self, name: str) -> None:
        """DELE."""
        self.ftp.delete(name)

    def thread(self, number: int) -> Subject:
        """A connection of its own."""
        return Ftplib(self.setup) if number else self

    def close(self) -> None:
        """Quit."""
        self.ftp.quit()


class Program(Subject):
    """A command-line client, started and connected for each work: for large files only."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.setup = setup

    def run(self, *command: str, told: str = "") -> None:
        """Run it; RuntimeError shows what it said."""
        done = subprocess.run(
            command,
            input=told,
            text=True,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}")


class Sftp(Program):
    """OpenSSH's ``sftp``."""

    def batch(self, *lines: str) -> None:
        """Let it do this."""
        told = "\n".join([f"cd {self.setup['root']}", *lines, ""])
        self.run(*self.setup["command"], told=told)

    def save(self, name: str, source: Source) -> str:
        """Put."""
        self.batch(f"-mkdir {name.rpartition('/')[0]}", f"put {source.path} {name}")
        return name

    def save_all(self, directory: str, files: Path, count: int) -> None:
        """Put -r."""
        del count
        self.batch(f"mkdir {directory}", f"put -r {files}/* {directory}/")

    def read(self, name: str) -> int:
        """Get."""
        self.batch(f"get {name} /dev/null")
        return int(self.setup["sizes"][name])

    def delete(self, name: str) -> None:
        """Rm."""
        self.batch(f"rm {name}")


class Curl(Program):
    """``curl``. ``put`` and ``get`` are its arguments; ``hashing`` lets md5sum read along."""

    def arguments(self, which: str, name: str, path: str = "") -> list[str]:
        """What is told to it."""
        quoted = quote(name, safe=self.setup.get("safe", "/"))
        return [
            each.replace("{name}", quoted).replace("{plain}", name).replace("{path}", path)
            for each in self.setup[which]
        ]

    def save(self, name: str, source: Source) -> str:
        """Upload."""
        if "md5sum" in self.setup:
            self.run("md5sum", source.path)
        self.run("curl", "-sS", "--fail", *self.arguments("put", name, source.path))
        return name

    def save_all(self, directory: str, files: Path, count: int) -> None:
        """All on one connection, where a URL can be put together so."""
        if "each" not in self.setup:
            raise NotImplementedError
        given = self.arguments("each", f"{directory}/", f"{files}/[0-{count - 1}]")
        self.run("curl", "-sS", "--fail", *given)

    def read(self, name: str) -> int:
        """Download."""
        command = ["curl", "-sS", "--fail", *self.arguments("get", name)]
        if "md5sum" in self.setup:
            with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
                subprocess.run(
                    ["md5sum"], check=True, stdin=process.stdout, stdout=subprocess.DEVNULL
                )
            must(process.returncode == 0, "a download")
        else:
            self.run(*command, "-o", "/dev/null")
        return int(self.setup["sizes"][name])

    def delete(self, name: str) -> None:
        """What it saved stays."""
