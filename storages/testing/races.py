"""Races: many threads and processes at once, forced to meet and left free, round after round.

What they did is judged as a whole: there must be an order in which the operations, one after the
other, have these outcomes and leave these files.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from storages.testing import races_operations as do
from storages.testing.case import ContractCase
from storages.testing.races_crews import Outcome, in_processes, in_threads

__all__ = ["RacesContract"]

CREW = 8
#: So many rounds are run by one crew: to start eight processes takes longer than many rounds.
_BATCH = 50
#: Larger than what readers read ahead, so that a seek asks the store anew.
LARGE = 300_000

Check: TypeAlias = Callable[[list[Outcome]], None]


@dataclass
class Round:
    """One race: what is there before, who does what, and what else must hold."""

    operations: Sequence[do.Operation]
    before: dict[str, bytes] = field(default_factory=dict)
    check: Check | None = None
    #: Whether operations are missing that would meet: nobody can be waited for.
    forces: bool = True


#: Prepares a race in a directory of its own.
Stage: TypeAlias = Callable[[str], Round]


class RacesContract(ContractCase):
    """Races, chapter C from C20 on."""

    # How a race is run ----------------------------------------------------------------------------

    @property
    def race_sides(self) -> int:
        """How many there are of each kind in a race of two kinds."""
        return CREW // 2 if self.full else 2

    def race(self, stage: Stage, *, processes: bool = False) -> None:
        """Run a race by threads and, also in the quick pass if ``processes``, by processes."""
        self.run_race("threads", stage)
        if self.multi_process and (processes or self.full):
            self.run_race("processes", stage)

    def run_race(self, crew: str, stage: Stage) -> None:
        """Run ``race_rounds`` rounds, forced and free in turn."""
        for first in range(0, self.race_rounds, _BATCH):
            numbers = range(first, min(first + _BATCH, self.race_rounds))
            rounds = {f"{crew}{number}": stage(f"{crew}{number}") for number in numbers}
            size = max(len(each.operations) for each in rounds.values())
            plans = [
                [
                    (number % 2 == 0, operations[worker] if worker < len(operations) else None)
                    for number, each in zip(numbers, rounds.values(), strict=True)
                    for operations in [each.operations]
                ]
                for worker in range(size)
            ]
            if crew == "threads":
                outcomes = in_threads(self.make_storage, plans)
            else:
                outcomes = in_processes(self.start_method, self.storage, plans)
            for index, (directory, each) in enumerate(rounds.items()):
                own = [outcomes[worker][index] for worker in range(len(each.operations))]
                self.judge_race(directory, each, own, forced=numbers[index] % 2 == 0)

    def judge_race(
        self, directory: str, race: Round, outcomes: list[Outcome], *, forced: bool
    ) -> None:
        """The race was one, and some order of its operations explains all that is seen."""
        kind = "forced" if forced else "free"
        told = [f"{do_} -> {got}" for do_, got in zip(race.operations, outcomes, strict=True)]
        account = "\n".join([f"{directory}, {kind}:", *told])
        if forced and race.forces:
            self.assertGreaterEqual(sum(got.met for got in outcomes), 2, account)
        after = self.files_of_race(directory, race, outcomes)
        parts = [
            part
            for operation, outcome in sorted(
                zip(race.operations, outcomes, strict=True),
                key=lambda pair: pair[0].place(after),
            )
            for part in operation.parts(outcome, self)
        ]
        if not do.is_explained(race.before, parts, after):
            found = {name: len(data) for name, data in after.items()}
            self.fail(f"No order of the operations explains this.\n{account}\nthere: {found}")
        if race.check is not None:
            race.check(outcomes)

    def files_of_race(
        self, directory: str, race: Round, outcomes: list[Outcome]
    ) -> dict[str, bytes]:
        """The files of a race, as a storage object sees them that took no part."""
        if self.lists:
            names = self.race_names_below(directory)
        else:
            saved = {got.value for got in outcomes if isinstance(got.value, str)}
            names = self.all_names() & (saved | set(race.before))
        found = {name: self.read(name) for name in names}
        for name, data in found.items():
            self.assertEqual(self.storage.size(name), len(data), name)
            if not self.lists:
                self.storage.delete(name)
        return found

    def race_names_below(self, directory: str) -> set[str]:
        """The names of all files below a directory."""
        try:
            directories, files = self.storage.listdir(directory)
        except FileNotFoundError:
            return set()
        names = {f"{directory}/{name}" for name in files}
        return names.union(*(self.race_names_below(f"{directory}/{name}") for name in directories))

    def race_save(self, name: str, data: bytes, max_length: int | None = None) -> do.Save:
        """Saving ``data`` under ``name``."""
        return do.Save(name, data, self.expected_name(name, data), max_length)

    # The races ------------------------------------------------------------------------------------

    def test_C20_same_name_saves(self) -> None:
        """All that eight save under one name is kept; where that replaces, one of them is whole."""

        def stage(directory: str) -> Round:
            name = f"{directory}/d/race.txt"
            contents = [self.content(1000 + number) for number in range(CREW)]
            if self.same_name == "content-addressed":
                contents[CREW // 2 :] = [contents[0]] * (CREW // 2)
            return Round([self.race_save(name, data) for data in contents])

        self.race(stage, processes=True)

    def test_C20_same_name_saves_within_max_length(self) -> None:
        """The same where only two characters of the name, and what makes it another, have room."""
        if self.same_name != "alternative":
            self.not_applicable(f"declared same_name = {self.same_name!r}: no name is made")

        def stage(directory: str) -> Round:
            name = f"{directory}/d/abcdefghij.txt"
            contents = [self.content(100 + number) for number in range(CREW)]
            limit = len(self.expected_name(name, contents[0]))
            return Round([self.race_save(name, data, limit) for data in contents])

        self.race(stage)

    def test_C21_save_against_delete(self) -> None:
        """What is saved while its name is deleted is there, or was deleted after it."""

        def stage(directory: str) -> Round:
            name, old = f"{directory}/x.txt", self.content(500)
            saved = self.put(name, old)
            contents = [self.content(100 + number) for number in range(self.race_sides)]
            if self.same_name == "content-addressed":
                contents = [old] * self.race_sides  # so that they meet
            saves = [self.race_save(name, data) for data in contents]
            return Round([*saves, *[do.Delete(saved)] * self.race_sides], {saved: old})

        self.race(stage)

    def test_C21_deletes(self) -> None:
        """All who delete one file at once are done with it, and it is gone."""

        def stage(directory: str) -> Round:
            old = self.content()
            saved = self.put(f"{directory}/sub/x.txt", old)
            return Round([do.Delete(saved)] * (2 * self.race_sides), {saved: old})

        self.race(stage)

    def test_C22_writers(self) -> None:
        """Of eight that write one file at once, each whole content may stay, and one does."""
        self.needs("opens_for_writing")

        def stage(directory: str) -> Round:
            name = f"{directory}/w.bin"
            contents = [self.content(100 + 10_000 * number) for number in range(CREW)]
            return Round([do.Write(name, data) for data in contents])

        self.race(stage)

    def test_C22_exclusive_creation(self) -> None:
        """Of eight that create one file at once with mode x, one does; it is told to the others."""
        self.needs("opens_for_writing")

        def check(outcomes: list[Outcome]) -> None:
            errors = [got.error for got in outcomes if got.error is not None]
            self.assertEqual(len(errors), CREW - 1)
            for error in errors:
                with self.assertOurs(FileExistsError):
                    raise error

        def stage(directory: str) -> Round:
            name = f"{directory}/d/x.bin"
            contents = [self.content(100 + number) for number in range(CREW)]
            return Round([do.Create(name, data) for data in contents], check=check)

        self.race(stage)

    def test_C23_overwrite_against_read(self) -> None:
        """Who reads while a file is replaced gets one content or Changed, and never misses it."""
        self.needs("opens_for_writing")

        def stage(directory: str) -> Round:
            name = f"{directory}/live.bin"
            versions = [
                self.content(LARGE + 50_000 * number) for number in range(self.race_sides + 1)
            ]
            self.write(name, versions[0])
            reads: list[do.Operation] = [do.ReadParts(name), do.Read(name), do.Look(name)]
            reads.insert(0, do.ReadParts(name))
            writes = [do.Write(name, data) for data in versions[1:]]
            own = reads[:4] if self.full else reads[1:]
            return Round([*writes, *own], {name: versions[0]})

        self.race(stage, processes=True)

    def test_C24_move_against_list(self) -> None:
        """Whoever lists while files are renamed sees each under its old name or its new."""
        self.needs("extended")
        self.needs("copies")
        self.needs("lists")

        def check(pairs: list[tuple[str, str]], stays: list[str], got: list[Outcome]) -> None:
            for listed in [each.value for each in got if isinstance(each.value, list)]:
                self.assertEqual(len(listed), len(set(listed)), listed)
                self.assertLessEqual(set(stays), set(listed))
                for pair in pairs:
                    count = len(set(pair) & set(listed))
                    least = 1 if self.lists_at_one_moment else 0
                    most = 1 if self.moves_in_one_step and self.lists_at_one_moment else 2
                    self.assertTrue(least <= count <= most, (pair, listed))

        def stage(directory: str) -> Round:
            before = {}
            for number in range(self.race_sides + 4):
                data = self.content()
                before[self.put(f"{directory}/{number}.txt", data)] = data
            names = list(before)
            moved, stays = names[: self.race_sides], names[self.race_sides :]
            # HashPath's names are in directories of their own.
            top = names[0].rpartition("/")[0]
            pairs = [(name, f"{top}/new{number}.txt") for number, name in enumerate(moved)]
            moves = [do.Move(*pair) for pair in pairs]
            lists = [do.List(top, walks=bool(number % 2)) for number in range(self.race_sides)]
            base = [
                tuple(name.rpartition("/")[2] for name in pair)
                for pair in pairs
                if pair[0].rpartition("/")[0] == top
            ]
            kept = [name.rpartition("/")[2] for name in stays if name.rpartition("/")[0] == top]
            return Round(
                [*moves, *lists],
                before,
                functools.partial(check, base, kept),  # type: ignore[arg-type]
            )

        self.race(stage)

    def test_C24_moves_onto_one_target(self) -> None:
        """Of several files that are renamed to one name, one gets it and the others stay."""
        self.needs("extended")
        self.needs("copies")

        def check(outcomes: list[Outcome]) -> None:
            self.assertEqual(sum(got.error is None for got in outcomes), 1)

        def stage(directory: str) -> Round:
            before = {}
            for number in range(2 * self.race_sides):
                data = self.content(100 + number)
                before[self.put(f"{directory}/{number}.txt", data)] = data
            target = f"{directory}/target.txt"
            return Round([do.Move(name, target) for name in before], before, check)

        self.race(stage)

    def test_C24_move_against_delete(self) -> None:
        """A file that is renamed and deleted at once is one or the other; no move makes two."""
        self.needs("extended")
        self.needs("copies")

        def stage(directory: str) -> Round:
            data = self.content()
            name = self.put(f"{directory}/x.txt", data)
            targets = [f"{directory}/to{number}.txt" for number in range(self.race_sides)]
            moves = [do.Move(name, target) for target in targets]
            return Round([*moves, *[do.Delete(name)] * self.race_sides], {name: data})

        self.race(stage)

    def test_C25_copy_against_overwrite(self) -> None:
        """A copy of a file that is being replaced is one of the contents, whole."""
        self.needs("extended")
        self.needs("copies")
        self.needs("opens_for_writing")

        def stage(directory: str) -> Round:
            name = f"{directory}/x.bin"
            versions = [
                self.content(LARGE + 50_000 * number) for number in range(self.race_sides + 1)
            ]
            self.write(name, versions[0])
            writes = [do.Write(name, data) for data in versions[1:]]
            copies = [
                do.Copy(name, f"{directory}/{number}.bin") for number in range(self.race_sides)
            ]
            return Round([*writes, *copies], {name: versions[0]})

        self.race(stage)

    def test_C26_delete_many_against_save(self) -> None:
        """What is saved while its name is among many that are deleted is kept, or comes first."""
        self.needs("extended")

        def stage(directory: str) -> Round:
            before, saves = {}, []
            for number in range(self.race_sides):
                name, old = f"{directory}/{number}.txt", self.content(200)
                before[self.put(name, old)] = old
                same = self.same_name == "content-addressed"
                saves.append(self.race_save(name, old if same else self.content(300)))
            deletes = [do.DeleteMany(next(iter(before)), tuple(before)[1:])] * self.race_sides
            return Round([*saves, *deletes], before)

        self.race(stage)

    def test_C26_delete_against_read(self) -> None:
        """Who reads a file that is being deleted gets all of it, or is told that it is gone."""

        def stage(directory: str) -> Round:
            data = self.content(LARGE)
            name = self.put(f"{directory}/x.bin", data)
            reads = [do.Read(name), do.ReadParts(name)] * (self.race_sides // 2)
            deletes = [do.Delete(name)] * self.race_sides
            return Round([*deletes, *reads], {name: data})

        self.race(stage)

    def test_C27_appends(self) -> None:
        """What is appended is in the file, unless its writer was told that the file has changed."""
        self.needs("opens_for_writing")
        if self.extended and self.storage.stat(self.put("probe.txt")).version is None:
            self.not_applicable("the store tells no version, so that no change can be noticed")

        def check(outcomes: list[Outcome]) -> None:
            self.assertTrue(any(got.error is None for got in outcomes))

        def stage(directory: str) -> Round:
            name, base = f"{directory}/log.txt", self.content()
            self.write(name, base)
            pieces = [b"\n%d" % number * (1 + number) for number in range(2 * self.race_sides)]
            return Round([do.Append(name, piece) for piece in pieces], {name: base}, check)

        self.race(stage, processes=True)

    def test_C28_save_while_the_last_file_is_deleted(self) -> None:
        """A save into a directory that vanishes with its last file succeeds."""

        def stage(directory: str) -> Round:
            old = self.content()
            last = self.put(f"{directory}/a/b/last.txt", old)
            contents = [self.content(100 + number) for number in range(self.race_sides)]
            saves = [
                self.race_save(f"{directory}/a/b/{number}.txt", data)
                for number, data in enumerate(contents)
            ]
            parent = last.rpartition("/")[0] if self.real_directories else ""
            return Round([*saves, *[do.Delete(last, parent)] * self.race_sides], {last: old})

        self.race(stage)

    def test_C29_listing_during_changes(self) -> None:
        """Files that nobody touches are listed once, whatever comes and goes beside them."""
        self.needs("extended")
        self.needs("lists")
        stays: dict[str, bytes] = {}
        for number in range(20):
            data = self.content()
            stays[self.put(f"stay/{number}.txt", data)] = data
        # HashPath's names are in directories of their own.
        top = next(iter(stays)).rpartition("/")[0]
        shown = {name.rpartition("/")[2] for name in stays if name.rpartition("/")[0] == top}

        def check(outcomes: list[Outcome]) -> None:
            for listed in [got.value for got in outcomes if got.value is not None]:
                self.assertEqual(len(listed), len(set(listed)), listed)
                self.assertLessEqual(shown, set(listed))

        def stage(directory: str) -> Round:
            churns = []
            for number in range(self.race_sides):
                names = [f"{top}/{number}{letter}-{directory}.txt" for letter in "abc"]
                contents = tuple((name, self.content()) for name in names)
                churns.append(do.Churn(names[0], contents))
            lists = [do.List(top, walks=bool(number % 2)) for number in range(self.race_sides)]
            return Round([*churns, *lists], check=check)

        self.race(stage)
        self.assertEqual(self.race_names_below("stay"), set(stays))
