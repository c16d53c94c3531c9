"""Ceph's radosgw: a real S3, with a monitor and one object store daemon that keeps data in memory.

Signatures, MD5s and the condition on PUT are checked as they should be. What version 16 lacks:
the condition on CompleteMultipartUpload (it replaces, silently) and If-Match on PUT.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import uuid
from pathlib import Path
from typing import Any, ClassVar

from tests.servers.process import HOST, Server, find, free_port
from tests.servers.s3 import S3Server

CONFIGURATION = """
[global]
fsid = {fsid}
mon host = v2:{host}:{monitor}
mon initial members = a
public addr = {host}
cluster addr = {host}
ms bind msgr1 = false
ms bind ipv6 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = {directory}/keyring
run dir = {directory}/run
admin socket = {directory}/run/$name.asok
log file = {directory}/$name.log
pid file = {directory}/run/$name.pid
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 2000
mon data avail crit = 1
crush location = root=default host=h
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
mon osd cache size = 500
osd max markdown count = 1000
osd heartbeat interval = 3
osd objectstore = memstore
memstore device bytes = 8589934592
osd memory target = 939524096
rgw override bucket index max shards = 1
rgw dns name = localhost
rgw gc obj min wait = 1
rgw gc processor period = 5
rgw gc processor max time = 5
rgw enable usage log = false
rgw enable ops log = false
debug rgw = 0
[mon.a]
mon data = {directory}/mon
[osd.0]
osd data = {directory}/osd
"""
ALL = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
PACKAGES = ("ceph-mon", "ceph-osd", "radosgw")


class _Daemon(Server):
    """One of the processes, in the directory of the whole."""

    packages: ClassVar[tuple[str, ...]] = PACKAGES

    def __init__(self, directory: Path, *command: str) -> None:
        super().__init__()
        self.directory.rmdir()
        self.directory = directory
        self.log = directory / f"{command[0]}.log"
        self._command = command

    def command(self) -> list[str]:
        """As given, in the foreground, with the common configuration."""
        program, *arguments = self._command
        configuration = str(self.directory / "ceph.conf")
        return [find(program, package=program), "-f", *arguments, "-c", configuration]

    def is_ready(self) -> bool:
        """Whether the process runs; whoever needs it waits for its answers."""
        return self.process is not None and self.process.poll() is None


class RadosGW(S3Server):
    """radosgw over memory."""

    packages: ClassVar[tuple[str, ...]] = PACKAGES

    def __init__(self) -> None:
        super().__init__()
        self._daemons: list[_Daemon] = []

    def prepare(self) -> None:
        """Make the cluster: keys, the monitor, the object store, one user."""
        directory = self.directory
        monitor = free_port()
        fsid = str(uuid.uuid4())
        configuration = CONFIGURATION.format(
            fsid=fsid, host=HOST, monitor=monitor, directory=directory
        )
        (directory / "ceph.conf").write_text(configuration)
        for part in ("mon", "osd", "rgw", "run"):
            (directory / part).mkdir()
        keyring = str(directory / "keyring")
        self._tool("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.",
                   "--cap", "mon", "allow *")  # fmt: skip
        for name, caps in (
            ("client.admin", ALL),
            ("client.rgw.a", ("--cap", "mon", "allow rw", "--cap", "osd", "allow rwx")),
            ("osd.0", ("--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")),
        ):
            self._tool("ceph-authtool", keyring, "--gen-key", "-n", name, *caps)
        monmap = str(directory / "monmap")
        self._tool("monmaptool", "--create", "--fsid", fsid, "--addv", "a",
                   f"[v2:{HOST}:{monitor}]", monmap)  # fmt: skip
        self._tool("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring,
                   *self._configured)  # fmt: skip
        self._add("ceph-mon", "-i", "a")
        identity = str(uuid.uuid4())
        self._tool("ceph", *self._configured, "osd", "new", identity)
        self._tool("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", identity, *self._configured)
        self._add("ceph-osd", "-i", "0")
        while not self._store_is_up():
            pass
        self._tool("radosgw-admin", *self._configured, "user", "create", "--uid", "test",
                   "--display-name", "test", "--access-key", self.access_key,
                   "--secret-key", self.secret_key)  # fmt: skip

    def command(self) -> list[str]:
        """``radosgw`` in the foreground."""
        return [
            find("radosgw", package="radosgw"),
            "-f",
            "-n",
            "client.rgw.a",
            *self._configured,
            "--rgw-data",
            str(self.directory / "rgw"),
            "--keyring",
            str(self.directory / "keyring"),
            "--rgw-frontends",
            f"beast {self._listens()} tcp_nodelay=1",
        ]

    def _listens(self) -> str:
        return f"endpoint={HOST}:{self.port}"

    def start(self) -> None:
        """Start the gateway, and first of all the daemons behind it."""
        for daemon in self._daemons:
            daemon.start()
        super().start()

    def close(self) -> None:
        """Stop the gateway and the daemons, and remove their directory."""
        self.stop()
        for daemon in reversed(self._daemons):
            daemon.stop()
        super().close()

    @property
    def _configured(self) -> tuple[str, str]:
        return "-c", str(self.directory / "ceph.conf")

    def _add(self, *command: str) -> None:
        daemon = _Daemon(self.directory, *command)
        self._daemons.append(daemon)
        daemon.start()

    def _tool(self, program: str, *arguments: str) -> None:
        self.run(find(program, package="ceph-common"), *arguments)

    def _store_is_up(self) -> bool:
        ceph = find("ceph", package="ceph-common")
        command = [ceph, *self._configured, "osd", "stat", "-f", "json"]
        shown = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
        return bool(json.loads(shown)["num_up_osds"])


class RadosGWOverTLS(RadosGW):
    """The same over TLS, with a certificate of its own making: ``certificate`` is to be trusted."""

    packages: ClassVar[tuple[str, ...]] = (*PACKAGES, "openssl")

    @property
    def certificate(self) -> str:
        """The file of the certificate."""
        return str(self.directory / "server.crt")

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return f"https://{HOST}:{self.port}"

    def options(self, **more: Any) -> dict[str, Any]:
        """Options for S3Storage, which trusts the certificate."""
        return super().options(**{"verify": self.certificate, **more})

    def client(self, **more: Any) -> Any:
        """A plain boto3 client that trusts it, and sends the checksums that radosgw takes."""
        from botocore.config import Config

        config = Config(request_checksum_calculation="when_required")
        return super().client(verify=self.certificate, config=config, **more)

    def prepare(self) -> None:
        """Make the cluster, and the certificate."""
        super().prepare()
        self.run(find("openssl", package="openssl"), "req", "-x509", "-newkey", "rsa:2048",
                 "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-addext", f"subjectAltName=IP:{HOST}",
                 "-keyout", self.certificate + ".key", "-out", self.certificate)  # fmt: skip

    def is_ready(self) -> bool:
        """Whether it shakes hands."""
        context = ssl.create_default_context(cafile=self.certificate)
        try:
            with (
                socket.create_connection((HOST, self.port), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname=HOST),
            ):
                return True
        except OSError:
            return False

    def _listens(self) -> str:
        key = f"{self.certificate}.key"
        return (
            f"ssl_endpoint={HOST}:{self.port} "
            f"ssl_certificate={self.certificate} ssl_private_key={key}"
        )
