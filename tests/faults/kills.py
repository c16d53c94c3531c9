"""What killed savers leave, on every storage: whole files, and nothing that users see."""

# ruff: noqa: PT009 - a unittest mix-in

from __future__ import annotations

import json
import pickle
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal
from unittest import mock

from django.conf import settings

from storages.errors import Changed
from storages.staging import is_temporary
from storages.testing.capabilities import FULL
from storages.testing.case import ContractCase
from tests.faults.kill_writers import number_of
from tests.faults.killed_savers import WITHIN, Task, created, replaced

#: Kills that meet a save under way, of each kind.
KILLS = 100 if FULL else 2
#: Between two saves a kill meets none; so many in a row do not happen.
MOST = 20 * KILLS
#: The content of save n begins so that every saver's is another's.
STEP = 1000


class KilledSavers(ContractCase):
    """Savers of the storage are killed, and another process looks at what they left."""

    scale: ClassVar[int] = 10
    """What the sizes, of 3 and 0.7 megabytes, are divided by."""

    needed_settings: ClassVar[tuple[str, ...]] = ()
    """The settings of this process that the storage needs."""

    def test_savers_that_are_killed(self) -> None:
        """A file that is there is complete; every save that returned is there; no others."""
        self.kill("create")

    def test_replacers_that_are_killed(self) -> None:
        """The file is that of the last save that returned, or of the one that was under way."""
        self.kill("replace")

    def kill(self, action: Literal["create", "replace"]) -> None:
        """Kill savers until enough were met at work."""
        other = {self.put("killed/other.bin", b"untouched"): b"untouched"}
        task = Task(pickle.dumps(self.storage), action, self.scale, self.settings())
        interrupted = 0
        # What a server may still be about to do for a saver that is dead.
        possible: dict[str, set[int]] = {}
        with savers(task) as kill_one:
            for number in range(1, MOST):
                if interrupted == KILLS:
                    break
                first = number * STEP
                told = kill_one(first)
                self.assertTrue(told["killed"], "the saver ended by itself")
                self.assertGreater(told["returned"], first, "no save returned in time")
                interrupted += told["begun"] > told["returned"]
                self.look(action, first, told, possible, other)
        self.assertEqual(interrupted, KILLS, "too few kills met a save under way")
        self.look_at_orphans(interrupted)

    def look(
        self,
        action: str,
        first: int,
        told: dict[str, int],
        possible: dict[str, set[int]],
        other: dict[str, bytes],
    ) -> None:
        """Compare what is there with what the savers can have done; remove it."""
        done, begun = told["returned"], told["begun"]
        files = {name: self.settled(name) for name in self.all_names()}
        self.assertEqual(files.pop("killed/other.bin"), other["killed/other.bin"])
        if action == "create":
            must = {created(number): {number} for number in range(first + 1, done + 1)}
            possible[created(begun)] = {begun}
        else:
            must = {replaced(first): {done, begun}}
            possible[replaced(first)] = {done, begun}
        rehearsed = {created(0) if action == "create" else replaced(0): {0}}
        allowed = {**rehearsed, **possible, **must}
        self.assertEqual([name for name in must if name not in files], [], "lost")
        for name, data in files.items():
            self.assertIn(name, allowed)
            self.assertIn(number_of(data, self.scale), allowed[name], f"{name} is torn")
        self.storage.delete_many(files)

    def settled(self, name: str) -> bytes:
        """Read a file, again where the server was just replacing it for one that is dead."""
        try:
            return self.read(name)
        except Changed:
            return self.read(name)

    def settings(self) -> dict[str, Any]:
        """Return the settings that the storage needs, as they are in this process."""
        return {name: getattr(settings, name) for name in self.needed_settings}

    def look_at_orphans(self, kills: int) -> None:
        """What the killed leave is none of a user's files, and at most one of each."""
        orphans = self.orphans()
        self.assertLessEqual(len(orphans), kills)
        self.assertTrue(all(map(is_temporary, orphans)), orphans)

    def orphans(self) -> list[str]:
        """The base names of what the killed have left, and nobody is shown."""
        with mock.patch("storages.base.is_temporary", return_value=False):
            everything = self.all_names()
        return [name.rpartition("/")[2] for name in everything - self.all_names()]


@contextmanager
def savers(task: Task) -> Iterator[Any]:
    """Give a function: it lets a saver begin with a number, kills it, and tells how far it came."""
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.killed_savers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            cwd=Path(__file__).parents[2],
        )

        def kill_one(first: int) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"%d\n" % first)
            process.stdin.flush()
            if not select.select([process.stdout], [], [], 2 * WITHIN)[0]:
                raise TimeoutError("no saver was killed")
            line = process.stdout.readline()
            complaints.seek(0)
            said = complaints.read().decode()
            assert line, said
            assert not said, said
            return json.loads(line)

        try:
            assert process.stdin is not None
            process.stdin.write(pickle.dumps(task))
            process.stdin.flush()
            yield kill_one
        finally:
            process.kill()
            process.communicate()
