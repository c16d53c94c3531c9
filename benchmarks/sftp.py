"""The SFTP storage beside ``sftp``, raw paramiko and today's django-storages.

``make bench-sftp``, or ``.venv/bin/python benchmarks/sftp.py --check --docs``; see beside.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.beside import Benchmark, Place
from tests.faults.proxy import TCPProxy
from tests.servers.process import HOST
from tests.servers.sshd import Sshd

GOALS = {
    "save": "trips 6",
    "begin": "moved 1024",
    "save-connect": "command 0.8",
    "read-connect": "command 0.8",
    "save-far": "command 0.9",
    "read-far": "command 0.9",
}


@contextmanager
def place() -> Iterator[Place]:
    """OpenSSH's server, its port behind proxies too: one that counts, one that is 20 ms away."""
    with (
        Sshd() as server,
        TCPProxy(server.port) as watched,
        TCPProxy(server.port, delay=0.01) as slow,
    ):
        directory = server.new_directory("bench")
        ports = {"direct": server.port, "watched": watched.port, "slow": slow.port}
        line = server.known_hosts.read_text()
        hosts = server.directory / "all_known_hosts"
        hosts.write_text(
            "".join(line.replace(f":{server.port} ", f":{p} ") for p in ports.values())
        )
        params = dict(server.options()["params"])
        del params["port"]
        command = ["sftp", "-q", "-b", "-", "-P", "{port}", "-i", str(server.key), "-o"]
        command += [f"UserKnownHostsFile={hosts}", "-F", "none", f"{server.username}@{HOST}"]
        setup = {
            "protocol": "sftp",
            "ports": ports,
            "host": HOST,
            "root": str(directory),
            "known_hosts": str(hosts),
            "params": params,
            "command": command,
        }
        yield Place(setup, directory, watched)


def main() -> None:
    """Measure."""
    import paramiko

    package = f"paramiko=={paramiko.__version__}"
    Benchmark("sftp", place, "sftp", "paramiko", package, GOALS).main()


if __name__ == "__main__":
    main()
