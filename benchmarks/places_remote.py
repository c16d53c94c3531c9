"""The backends that today's django-storages has too, S3, SFTP and FTP, and GridFS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.place import COMMAND, OURS, PEER, RAW, Place, Setup, storage
from tests.faults.ftpproxy import FTPProxy
from tests.servers.process import HOST

__all__ = ["PLACES"]

OLD = "django-storages 1.14.6"


class S3(Place):
    """Ceph, whose objects are in memory."""

    name = page = "s3"
    server = "Ceph radosgw"
    peer_packages = ("boto3",)
    subjects: ClassVar[dict[str, str]] = {RAW: "boto3", PEER: OLD, OURS: "this package"}

    def start(self) -> None:
        """Start it, make a bucket."""
        from tests.servers.radosgw import RadosGW

        self.started = self.stack.enter_context(RadosGW())
        self.lines(self.started.port)
        self.bucket = self.started.new_bucket()

    def setup(self, subject: str, line: str) -> Setup:
        """The port is in the endpoint's URL."""
        given = self.started.options()
        given["endpoint_url"] = f"http://{HOST}:{self.ports[line]}"
        if subject == RAW:
            given["aws_access_key_id"] = given.pop("access_key")
            given["aws_secret_access_key"] = given.pop("secret_key")
            del given["addressing_style"]
            return {"kind": "boto3", "options": given, "bucket": self.bucket}
        given |= {"bucket_name": self.bucket, "file_overwrite": False, "signature_version": "s3v4"}
        return storage("storages.backends.s3.S3Storage", **given)


class Files(Place):
    """A server whose files are below a directory of this machine."""

    most_names = 100_000
    directory: Path

    def fill(self, count: int) -> int:
        """Empty files, which the server's user owns."""
        owner = self.directory.stat()
        top = self.directory / "many"
        made = top / str(count)
        made.mkdir(parents=True, exist_ok=True)
        for number in range(1, count):
            (made / f"{number}.png").touch()
        if os.getuid() == 0:
            for path in (top, made):
                os.chown(path, owner.st_uid, owner.st_gid)
        return count


class SFTP(Files):
    """OpenSSH's server."""

    name = page = "sftp"
    server = "OpenSSH"
    peer_packages = ("paramiko",)
    subjects: ClassVar[dict[str, str]] = {
        COMMAND: "sftp",
        RAW: "paramiko",
        PEER: OLD,
        OURS: "this package",
    }
    not_measured: ClassVar[dict[str, str]] = {
        "peer read far 100000000": "it waits for each 8 KiB: 12,207 times 20 ms",
    }

    def start(self) -> None:
        """Start it, and tell clients its key at each port."""
        from tests.servers.sshd import Sshd

        self.started = self.stack.enter_context(Sshd())
        ports = self.lines(self.started.port)
        self.directory = self.started.new_directory("bench")
        line = self.started.known_hosts.read_text()
        self.hosts = self.started.directory / "all_known_hosts"
        self.hosts.write_text(
            "".join(line.replace(f":{self.started.port} ", f":{p} ") for p in ports.values())
        )

    def setup(self, subject: str, line: str) -> Setup:
        """The port is among the parameters."""
        port = self.ports[line]
        params = {**self.started.options()["params"], "port": port}
        root, hosts = str(self.directory), str(self.hosts)
        if subject == COMMAND:
            command = ["sftp", "-q", "-b", "-", "-P", str(port), "-i", str(self.started.key), "-o"]
            command += [f"UserKnownHostsFile={hosts}", "-F", "none"]
            command += [f"{self.started.username}@{HOST}"]
            return {"kind": "sftp", "root": root, "command": command}
        if subject == RAW:
            given = {"known_hosts": hosts, "host": HOST, "root": root}
            return {"kind": "paramiko", "params": params, **given}
        return storage(
            "storages.backends.sftpstorage.SFTPStorage",
            host=HOST,
            root_path=root,
            known_host_file=hosts,
            params=params,
            base_url="/media/",
        )


class FTP(Files):
    """vsftpd."""

    name = page = "ftp"
    server = "vsftpd"
    subjects: ClassVar[dict[str, str]] = {
        COMMAND: "curl",
        RAW: "ftplib",
        PEER: OLD,
        OURS: "this package",
    }

    def start(self) -> None:
        """Start it."""
        from tests.servers.ftp import Vsftpd

        class Server(Vsftpd):
            """With a password that needs no quoting: django-storages 1.14.6 does not undo it."""

            password = "benchmark"  # noqa: S105 - of a server that lives as long as this program

        self.started = self.stack.enter_context(Server())
        self.lines(self.started.port, FTPProxy)
        self.root = self.started.new_place()
        self.directory = self.started.file(self.root)

    def setup(self, subject: str, line: str) -> Setup:
        """The port is in the URL."""
        port = self.ports[line]
        url = self.started.location(self.root, port=port) + "/"
        if subject == COMMAND:
            put = ["--ftp-create-dirs", "-T", "{path}", f"{url}{{name}}"]
            return {"kind": "curl", "put": put, "each": put, "get": [f"{url}{{name}}"]}
        if subject == RAW:
            user = {"user": self.started.username, "password": self.started.password}
            return {"kind": "ftplib", "host": HOST, "port": port, "root": self.root, **user}
        return storage("storages.backends.ftp.FTPStorage", location=url, base_url="/media/")


class GridFS(Place):
    """SecantusDB; beside pymongo's GridFSBucket, in the same database."""

    name = page = "gridfs"
    server = "SecantusDB"
    subjects: ClassVar[dict[str, str]] = {RAW: "GridFSBucket", OURS: "this package"}

    def start(self) -> None:
        """Start it."""
        from tests.servers.secantus import Secantus

        self.started = self.stack.enter_context(Secantus())
        self.lines(self.started.port)
        self.database = self.started.new_database()

    def setup(self, subject: str, line: str) -> Setup:
        """The port is in the connection string; no monitor may speak between."""
        uri = f"mongodb://{HOST}:{self.ports[line]}/?serverMonitoringMode=poll"
        if subject == RAW:
            return {"kind": "gridfs", "uri": uri, "database": self.database}
        given: dict[str, Any] = {"uri": uri, "database_name": self.database}
        return storage("storages.backends.gridfs.GridFSStorage", base_url="/media/", **given)

    def fill(self, count: int) -> int:
        """Files without chunks, as drivers write empty ones."""
        from datetime import datetime, timezone

        with self.started.client(serverSelectionTimeoutMS=60_000) as client:
            files = client[self.database]["fs.files"]
            for begin in range(1, count, 1000):
                files.insert_many(
                    {
                        "filename": f"many/{count}/{number}.png",
                        "length": 0,
                        "chunkSize": 255 * 1024,
                        "uploadDate": datetime.now(timezone.utc),
                    }
                    for number in range(begin, min(count, begin + 1000))
                )
        return count


PLACES = (S3, SFTP, FTP, GridFS)
