"""The processes of a Swift cluster: ``.cache/swift/bin/python swift_cluster.py swift.conf``.

Runs with the Python of Swift's own environment. One process imports Swift, makes the rings and
forks one child per server; SIGTERM ends all of them, and so does the end of any one.

Swift reads /etc/swift/swift.conf and nothing else, unless that name is changed before the rest of
it is imported.
"""

# ruff: noqa: E402 - see above

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import swift.common.utils

CONFIGURATION = Path(sys.argv[1])
swift.common.utils.SWIFT_CONF_FILE = str(CONFIGURATION)

from swift.common.ring import RingBuilder

#: What each configuration file beside swift.conf is for.
SERVERS = {
    "account.conf": "swift.account.server",
    "container.conf": "swift.container.server",
    "object.conf": "swift.obj.server",
    "proxy.conf": "swift.proxy.server",
    "bare-proxy.conf": "swift.proxy.server",
}
PR_SET_PDEATHSIG = 1


def make_rings(ports: dict[str, int]) -> None:
    """Write the rings that say that everything lies on this machine, once."""
    for name, port in ports.items():
        path = CONFIGURATION.with_name(f"{name}.ring.gz")
        if path.exists():
            continue
        builder = RingBuilder(4, 1, 0)
        device = {"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "weight": 1.0}
        builder.add_dev({**device, "device": "device"})
        builder.rebalance()
        builder.get_ring().save(str(path))


def fork(*command: str) -> int:
    """Start a server, or a program, that ends with this process; return its process id."""
    child = os.fork()
    if not child:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if command[0] in SERVERS:
            serve(command[0])
        os.execv(command[0], command)
    return child


def serve(name: str) -> NoReturn:
    """Be one of Swift's servers."""
    sys.argv = [SERVERS[name], str(CONFIGURATION.with_name(name)), "-v"]
    importlib.import_module(SERVERS[name]).main()
    sys.exit(1)


def main(memcached: list[str], ports: dict[str, int]) -> None:
    """Run the cluster until it is told to end."""
    make_rings(ports)
    for module in SERVERS.values():
        importlib.import_module(module)
    children: set[int] = set()

    def stop(*_: object) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    children = {fork(*memcached), *(fork(name) for name in SERVERS)}
    signal.signal(signal.SIGTERM, stop)
    ended, status = os.wait()
    children.remove(ended)
    stop()
    while children:
        children.discard(os.wait()[0])
    sys.exit(os.waitstatus_to_exitcode(status) and 1)


if __name__ == "__main__":
    account, container, objects, *program = sys.argv[2:]
    main(program, {"account": int(account), "container": int(container), "object": int(objects)})
