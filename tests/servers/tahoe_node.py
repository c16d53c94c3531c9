"""Run ``tahoe`` with a limit on its memory, and listening on loopback only.

A program for the Python of Tahoe-LAFS's own environment: ``tahoe_node.py run NODEDIR``.
"""

from __future__ import annotations

import resource
import socket
import sys
from importlib import import_module
from typing import Any

#: A capability that claims a huge file makes a gateway take all the memory that it can get.
MEMORY = 2 * 1024**3


def listen_on_loopback(tub: Any, _: object = None) -> int:
    """Open the port that a node opens for its log: no setting keeps it from 0.0.0.0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    tub.listenOn(f"tcp:{port}:interface=127.0.0.1")
    tub.setLocation(f"127.0.0.1:{port}")
    return port


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    vars(import_module("allmydata.util.iputil"))["listenOnUnused"] = listen_on_loopback
    sys.argv[0] = "tahoe"
    sys.exit(import_module("allmydata.scripts.runner").run())
