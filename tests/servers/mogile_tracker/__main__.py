"""The process: ``python -m tests.servers.mogile_tracker DATABASE PORT [--mysql] [--cuts]``."""

from __future__ import annotations

import argparse
import re
import socketserver
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.servers.mogile_tracker import wire
from tests.servers.mogile_tracker.admin import Admin
from tests.servers.mogile_tracker.faults import GARBAGE, Faults, Planned
from tests.servers.mogile_tracker.files import Files
from tests.servers.mogile_tracker.nodes import Nodes
from tests.servers.mogile_tracker.store import Store
from tests.servers.mogile_tracker.wire import Answer, Arguments, RefusedError
from tests.servers.mogile_tracker.workers import Workers
from tests.servers.process import HOST

Command = Callable[[Arguments], Answer]
_LINE = re.compile(r"(\w+)\s*(.*)", re.DOTALL)


class CutError(Exception):
    """Nothing more is said on this connection; ``rest`` is what is said before it closes."""

    def __init__(self, rest: str = "") -> None:
        super().__init__()
        self.rest = rest


class Tracker(socketserver.ThreadingTCPServer):
    """A listening socket, and what the connections share."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, store: Store) -> None:
        self.store = store
        self.nodes = Nodes(store)
        self.files = Files(store, self.nodes)
        self.workers = Workers(self.files)
        self.faults = Faults()
        admin = Admin(store, self.nodes)
        sources = {
            self.files: "create_open create_close get_paths file_info list_keys list_fids delete"
            " rename updateclass",
            admin: "create_domain delete_domain get_domains create_class update_class delete_class"
            " create_host update_host get_hosts create_device set_state get_devices",
        }
        self.commands: dict[str, Command] = {
            name: getattr(source, name)
            for source, names in sources.items()
            for name in names.split()
        }
        self.commands["noop"] = self.commands["test"] = lambda _: {}
        self.verbs: dict[str, Callable[..., Iterable[object] | None]] = {
            "clear": self.faults.clear,
            "counts": lambda: [f"{name} {count}" for name, count in self.faults.counts.items()],
            "fault": self.faults.plan,
            "fired": lambda: self.faults.fired,
            "pause": self._pause,
            "resume": self._resume,
            "show": self._show,
            "stray": self.faults.stray_hits,
            "version": lambda: ["2.73, of the tests"],
            "watch": self.nodes.watch,
            "work": lambda: [self.workers.work(all_now=True)],
        }
        self.nodes.watch()
        super().__init__((HOST, port), Conversation)

    def command(self, line: str, session: Conversation) -> str:
        """Answer a line, unless something is to go wrong."""
        found = _LINE.match(line)
        name = found[1].lower() if found else ""
        given = wire.arguments(found[2]) if found else {}
        fault = self.faults.meet(name)
        if session.is_hit or self.faults.hit_by_stray() or (fault and fault.kind == "drop"):
            raise CutError
        if fault and fault.kind == "error":
            return wire.failed(RefusedError(fault.value), given)
        if fault and fault.kind == "delay":
            time.sleep(float(fault.value))
        try:
            answer = wire.succeeded(self._run(name, given), given)
        except RefusedError as error:
            if error.code == "key_exists":
                # The real one answers once more, inside: the next command pays for it.
                session.is_hit = self.faults.leave_stray()
            answer = wire.failed(error, given)
        return _spoilt(answer, fault) if fault else answer

    def _run(self, name: str, given: Arguments) -> Answer:
        command = self.commands.get(name)
        if command is None:
            raise RefusedError("unknown_command")
        try:
            return command(given)
        except RefusedError:
            raise
        except Exception as error:
            traceback.print_exc()
            raise RefusedError("failure") from error

    def verb(self, line: str) -> list[str]:
        """Do what a test asks for."""
        name, *words = line[1:].split(" ")
        return [str(told) for told in self.verbs[name](*words) or ()]

    def _show(self, host: str, port: str) -> None:
        self.store.run("update host set shown_port = ? where hostname = ?", int(port), host)

    def _pause(self, kind: str) -> None:
        self.store.run("insert or ignore into paused values (?)", kind)

    def _resume(self, kind: str) -> None:
        self.store.run("delete from paused where kind = ?", kind)


def _spoilt(answer: str, fault: Planned) -> str:
    if fault.kind == "bad":
        return GARBAGE
    if fault.kind == "stall":
        time.sleep(float(fault.value))
        raise CutError
    if fault.kind == "lose":
        raise CutError
    if fault.kind == "cut":
        raise CutError(answer[: int(fault.value)])
    return answer


class Conversation(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True
    server: Tracker
    is_hit = False  # a stray answer closes it at the next command

    def handle(self) -> None:
        """Answer lines until the client goes or is cut off."""
        try:
            while raw := self.rfile.readline():
                line = raw.decode("latin-1").rstrip("\r\n")
                if line.startswith("!"):
                    self._say(*self.server.verb(line), ".")
                elif line:
                    self._say(self.server.command(line, self))
        except CutError as cut:
            self.wfile.write(cut.rest.encode("latin-1"))
        except OSError:
            return
        finally:
            self.server.store.close()

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode("latin-1"))


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("database", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--mysql", action="store_true", help="keys as a MySQL store has them")
    parser.add_argument("--cuts", action="store_true", help="keys are cut, as MySQL once did")
    given = parser.parse_args()
    store = Store(given.database, mysql=given.mysql, cuts=given.cuts)
    with Tracker(given.port, store) as tracker:
        tracker.workers.start()
        tracker.serve_forever(poll_interval=60)


if __name__ == "__main__":
    main()
