"""What a tracker does in the background: watch the nodes, make copies, remove what was deleted."""

from __future__ import annotations

import http.client
import os
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable

from tests.servers.mogile_tracker.files import Files
from tests.servers.mogile_tracker.nodes import MissingError

WATCH_EVERY = 1.0  # seconds
WORK_EVERY = 0.1
AGAIN = 0.5  # seconds until a job that failed is tried again


class Workers:
    """Two threads, until ``stop``."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.store = files.store
        self.nodes = files.nodes
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin."""
        for every, what in ((WATCH_EVERY, self.nodes.watch), (WORK_EVERY, self.work)):
            threading.Thread(target=self._repeat, args=(every, what), daemon=True).start()

    def stop(self) -> None:
        """End soon."""
        self._stopping.set()

    def work(self, *, all_now: bool = False) -> int:
        """Do what is due (or all of it); return how much is left."""
        waiting = "kind not in (select kind from paused)"
        due = self.store.rows(
            f"select * from queue where {waiting} and (nexttry <= ? or ?)", time.time(), all_now
        )
        for job in due:
            if job["owner"] is None or not _runs(job["owner"]):
                claimed = self.store.run(
                    "update queue set owner = ? where kind = ? and fid = ? and owner is ?",
                    *(os.getpid(), job["kind"], job["fid"], job["owner"]),
                )
                if claimed:
                    self._do(job["kind"], job["fid"])
        left = self.store.row(f"select count(*) as jobs from queue where {waiting}")
        assert left is not None
        jobs: int = left["jobs"]
        return jobs

    def _do(self, kind: str, fid: int) -> None:
        try:
            done = self._remove(fid) if kind == "delete" else self._replicate(fid)
        except (OSError, http.client.HTTPException, MissingError):
            done = False
        # Unless it was put there again in the meantime: then it is nobody's.
        job = (kind, fid, os.getpid())
        if done:
            self.store.run("delete from queue where kind = ? and fid = ? and owner = ?", *job)
        else:
            self.store.run(
                "update queue set owner = null, nexttry = ?"
                " where kind = ? and fid = ? and owner = ?",
                *(time.time() + AGAIN, *job),
            )

    def _remove(self, fid: int) -> bool:
        for devid in self.files.devices(fid):
            if self.nodes.can_be_read(devid) and self.nodes.remove(devid, fid):
                self.store.run("delete from file_on where fid = ? and devid = ?", fid, devid)
        return not self.files.devices(fid)

    def _replicate(self, fid: int) -> bool:
        file = self.store.row(
            "select file.*, mindevcount from file join class using (dmid, classid) where fid = ?",
            fid,
        )
        if file is None:
            return True
        have = self.files.devices(fid)
        if len(have) < file["mindevcount"]:
            target = self._target(have)
            sources = [devid for devid in have if self.nodes.can_be_read(devid)]
            if target is None or not any(
                self.nodes.copy(source, target, fid, file["length"]) for source in sources
            ):
                return False
            # It may have been deleted in the meantime: then this copy goes the same way.
            self.store.run("insert or ignore into file_on values (?, ?)", fid, target)
            have = self.files.devices(fid)
        self.store.run("update file set devcount = ? where fid = ?", len(have), fid)
        if not self.store.row("select 1 from file where fid = ?", fid):
            self.files.enqueue("delete", fid)
        return bool(len(have) >= file["mindevcount"])

    def _target(self, have: list[int]) -> int | None:
        """A device of a host that has no copy yet."""
        hosts = {device["hostid"] for devid in have if (device := self.nodes.device(devid))}
        found = [each for each in self.nodes.writable() if each["hostid"] not in hosts]
        return found[0]["devid"] if found else None

    def _repeat(self, every: float, what: Callable[[], object]) -> None:
        while not self._stopping.wait(every):
            try:
                what()
            except sqlite3.OperationalError:  # busy: next time
                continue
            except Exception:  # noqa: BLE001 - the log tells; the tracker goes on
                traceback.print_exc()
        self.store.close()


def _runs(pid: int) -> bool:
    """Whether the tracker that has begun a job is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
