"""Start a program for each connection, as inetd does: ``python inetd.py PORT PROGRAM ARGUMENT...``.

The program speaks on its standard input and output. Runs on the standard library.
"""

from __future__ import annotations

import socket
import subprocess
import sys


def main(port: int, command: list[str]) -> None:
    """Serve until a signal ends it."""
    running: list[subprocess.Popen[bytes]] = []
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                end = connection.fileno()
                running.append(subprocess.Popen(command, stdin=end, stdout=end))
            running = [process for process in running if process.poll() is None]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
