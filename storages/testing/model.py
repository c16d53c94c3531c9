"""The model: a storage, whatever is done to it, behaves like a dict from names to bytes.

A hypothesis state machine saves, writes, fails, appends, deletes, reads ranges, copies, moves and
lists at random, does the same to a dict, and compares. When they differ, hypothesis looks for the
shortest history that shows it. This module needs hypothesis; the others do not.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, cast
from unittest import mock

from django.core.files.base import ContentFile
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from storages.errors import StorageError, Unavailable
from storages.retry import Retry
from storages.testing.case import ContractCase, listing_of
from storages.testing.sources import Failing, SourceFailure, Unseekable

__all__ = ["StorageMachine", "interrupted", "run_model"]

# Few, so that histories meet: one like another, one below another, one deep, one odd. Not of the
# letters a-f: storages that name files after hashes make directories of those.
NAMES = st.sampled_from(["k", "k.txt", "p/k", "p/q/r.txt", "p", "o/k", "p/100%_[x]", "q/é.txt"])
SIZES = st.sampled_from([0, 1, 100, 65_535, 65_536, 65_537, 600_000])
SEEDS = st.integers(0, 5)


def _failing() -> Iterator[bytes]:
    yield b"more"
    raise SourceFailure


class Interruptions:
    """Lets each ``number``-th call of a hook fail for a while: once before it runs, once after.

    ``fired`` tells how often each hook has failed, and how. Histories ``begin`` anew: who repeats
    one meets the same failures.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.fired: Counter[str] = Counter()
        self.begin()

    def begin(self) -> None:
        """Count calls from the first one on."""
        self._calls = itertools.count(1)

    def failing(self, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``hook``, which fails now and then."""

        def call(*args: Any, **given: Any) -> Any:
            at = next(self._calls)
            if at % self.number == 0:
                self.fired[f"{name} not called"] += 1
                raise Unavailable("The connection broke.")
            result = hook(*args, **given)
            if at % self.number == self.number // 2 and name in {"_write", "_stat"}:
                self.fired[f"{name} not answered"] += 1
                raise Unavailable("The answer was lost.")
            return result

        return call


class StorageMachine(RuleBasedStateMachine):
    """Random histories of one storage and of a dict; ``case`` tells what the storage promises.

    Each history has a directory of its own, so that the storage need not be emptied in between.
    ``unanswered``: attempts fail, of which nobody can tell whether they have done something.
    """

    histories = 0

    def __init__(self, case: ContractCase, *, unanswered: Interruptions | None = None) -> None:
        super().__init__()
        if unanswered is not None:
            unanswered.begin()
        StorageMachine.histories += 1
        self.top = f"model{StorageMachine.histories}"
        self.case = case
        self.unanswered = unanswered
        self.storage: Any = case.storage
        self.files: dict[str, bytes] = {}
        # Where a name is a promise about the content, changing that in place breaks it.
        self.updates = case.opens_for_writing and case.same_name != "content-addressed"

    # What the rules share ---------------------------------------------------------------------

    def content(self, seed: int, size: int) -> bytes:
        """Valid content for a draw."""
        return self.case.make_content(seed, max(size, self.case.minimum_size))

    def is_directory(self, name: str) -> bool:
        """Whether the model has files below ``name``."""
        return any(other.startswith(f"{name}/") for other in self.files)

    def blocked(self, name: str) -> bool:
        """Whether a file of that name would be in the way of others; chapter N tests that."""
        if self.case.nests_in_files:
            return False
        parents = [name[:index] for index, letter in enumerate(name) if letter == "/"]
        return (
            any(parent in self.files for parent in parents)
            or self.is_directory(name)
            # What is left of a directory whose files were deleted is still one.
            or (name not in self.files and self.storage.exists(name))
        )

    def existing(self, data: st.DataObject) -> str:
        """One of the files."""
        return data.draw(st.sampled_from(sorted(self.files)), label="file")

    def saved(self, wanted: str, content: bytes, name: str) -> None:
        """Take over what a save did, after judging the name that it returned."""
        expected = self.case.expected_name(wanted, content)
        taken = expected in self.files
        if self.case.same_name == "alternative" and taken:
            self.is_free_or_its_own(name, content)
            assert name != expected or self.unanswered
        else:
            assert name == expected
        self.files[name] = content

    def is_free_or_its_own(self, name: str, content: bytes) -> None:
        """Require that nothing had that name which has just been created."""
        if name in self.files:
            # Who asks again, and finds what was to be created, has to take it for its own.
            assert self.unanswered, f"{name} was taken"
            assert self.files[name] == content, f"{name} was taken"

    # Rules ------------------------------------------------------------------------------------

    @rule(name=NAMES, seed=SEEDS, size=SIZES, seekable=st.booleans())
    def save(self, name: str, seed: int, size: int, *, seekable: bool) -> None:
        """Save a file."""
        content = self.content(seed, size)
        source = ContentFile(content) if seekable else Unseekable(content, 40_000)
        wanted = f"{self.top}/{name}"
        if self.blocked(wanted):
            return
        self.saved(wanted, content, self.storage.save(wanted, source))

    @rule(name=NAMES, seed=SEEDS, size=SIZES)
    def save_failing(self, name: str, seed: int, size: int) -> None:
        """Save from a source that fails half-way: nothing changes."""
        wanted, content = f"{self.top}/{name}", self.content(seed, size)
        if self.blocked(wanted):
            return
        try:
            self.storage.save(wanted, Failing(content))
        except SourceFailure:
            return
        raise AssertionError("the source's failure was swallowed")

    @precondition(lambda self: self.case.opens_for_writing)
    @rule(name=NAMES, seed=SEEDS, size=SIZES, fail=st.booleans())
    def write(self, name: str, seed: int, size: int, *, fail: bool) -> None:
        """Write a file with ``open()``, or fail in the middle of that."""
        name, content = f"{self.top}/{name}", self.content(seed, size)
        if self.blocked(name):
            return
        if fail:
            try:
                with self.storage.open(name, "wb") as file:
                    file.write(content)
                    file.writelines(_failing())
            except SourceFailure:
                return
        with self.storage.open(name, "wb") as file:
            file.write(content)
        self.files[name] = content

    @precondition(lambda self: self.updates and self.files)
    @rule(data=st.data(), more=st.binary(max_size=70_000))
    def append(self, data: st.DataObject, more: bytes) -> None:
        """Append to a file."""
        name = self.existing(data)
        with self.storage.open(name, "ab") as file:
            file.write(more)
        self.files[name] += more

    @precondition(lambda self: self.updates and self.files)
    @rule(data=st.data(), seed=SEEDS)
    def update(self, data: st.DataObject, seed: int) -> None:
        """Change the end of a file in place."""
        name = self.existing(data)
        start = max(self.case.minimum_size, len(self.files[name]) - 10)
        piece = bytes([seed]) * 30
        with self.storage.open(name, "r+b") as file:
            file.seek(start)
            file.write(piece)
        old = self.files[name]
        self.files[name] = old[:start] + piece + old[start + 30 :]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        """Delete a file."""
        name = self.existing(data)
        self.storage.delete(name)
        del self.files[name]

    @rule(name=NAMES)
    def delete_perhaps(self, name: str) -> None:
        """Delete a name that may be a file, nothing, or a directory."""
        name = f"{self.top}/{name}"
        full = self.is_directory(name)
        try:
            self.storage.delete(name)
        except OSError:
            # A directory that has only empty ones left is not empty.
            if not full and self.case.directory_removed_with_last_file:
                raise
            assert name not in self.files
        else:
            if name in self.files:
                del self.files[name]
            elif full and not self.case.deletes_files_only:
                raise AssertionError("a full directory was deleted")

    @precondition(lambda self: self.files)
    @rule(data=st.data(), start=st.floats(0, 1.1), length=st.integers(0, 100_000))
    def read_range(self, data: st.DataObject, start: float, length: int) -> None:
        """Read a part of a file, and then the rest."""
        self.compare_range(self.existing(data), start, length)

    def compare_range(self, name: str, start: float, length: int) -> None:
        """Read a file from there, and from a place before that."""
        content = self.files[name]
        offset = int(len(content) * start)
        with self.storage.open(name) as file:
            file.seek(offset)
            assert file.read(length) == content[offset : offset + length]
            assert file.read() == content[offset + length :]
            back = min(offset, len(content)) // 2
            file.seek(back)
            assert file.read(length) == content[back : back + length]

    @precondition(lambda self: self.case.opens_for_writing and self.files)
    @rule(data=st.data(), seed=SEEDS, size=SIZES, length=st.integers(0, 70_000))
    def replace_while_reading(self, data: st.DataObject, seed: int, size: int, length: int) -> None:
        """Replace a file that is being read: the reader gets the old one, or an error of ours."""
        name, content = self.existing(data), self.content(seed, size)
        old = self.files[name]
        with self.storage.open(name) as file:
            assert file.read(length) == old[:length]
            with self.storage.open(name, "wb") as other:
                other.write(content)
            self.files[name] = content
            try:
                rest = file.read()
            except OSError as error:
                assert isinstance(error, StorageError) or not self.case.extended
            else:
                assert rest == old[length:]
        self.compare_range(name, 0.5, length)

    @precondition(lambda self: self.case.extended and self.files)
    @rule(data=st.data(), name=NAMES, overwrite=st.booleans(), move=st.booleans())
    def copy_or_move(self, data: st.DataObject, name: str, *, overwrite: bool, move: bool) -> None:
        """Copy or move a file, perhaps over another one."""
        source, target = self.existing(data), f"{self.top}/{name}"
        if self.blocked(target):
            return
        operation = self.storage.move if move else self.storage.copy
        try:
            operation(source, target, overwrite=overwrite)
        except FileExistsError:
            assert not overwrite
            assert target in self.files
            return
        if not overwrite:
            self.is_free_or_its_own(target, self.files[source])
        self.files[target] = self.files[source]
        if move and source != target:
            del self.files[source]

    @precondition(lambda self: self.case.extended and self.files)
    @rule(data=st.data())
    def delete_many(self, data: st.DataObject) -> None:
        """Delete several files at once, and one that is not there."""
        names = data.draw(st.lists(st.sampled_from(sorted(self.files)), unique=True), label="files")
        self.storage.delete_many([*names, f"{self.top}/missing"])
        for name in names:
            del self.files[name]

    @rule(name=NAMES)
    def exists(self, name: str) -> None:
        """Ask whether a name is taken."""
        name = f"{self.top}/{name}"
        found = self.storage.exists(name)
        if name in self.files or self.is_directory(name):
            assert found
        elif self.case.directory_removed_with_last_file:
            assert not found
        elif found:
            # An empty directory that is left over: it has no size.
            try:
                self.storage.size(name)
            except StorageError:
                return
            raise AssertionError(f"{name} is no file")

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        """Read a file and its size."""
        name = self.existing(data)
        assert self.case.read(name) == self.files[name]
        assert self.storage.size(name) == len(self.files[name])

    @precondition(lambda self: self.case.extended)
    @rule(directory=st.sampled_from(["", "/p", "/p/q", "/o", "/q"]))
    def scan(self, directory: str) -> None:
        """Look at a directory and all below it, in each of the ways that there are."""
        top = self.top + directory
        below = {name: data for name, data in self.files.items() if name.startswith(f"{top}/")}
        try:
            entries = list(self.storage.scandir(top))
            walked = list(self.storage.walk(top))
            scanned = dict(self.storage.scantree(top))
        except (FileNotFoundError, NotADirectoryError):
            assert not below
            return
        told = {f"{top}/{entry.name}": entry.stat for entry in entries if not entry.is_dir}
        assert set(told) == {f"{top}/{name}" for name in listing_of(below, top)[1]}
        assert {f"{place}/{name}" for place, _, names in walked for name in names} == set(below)
        assert set(scanned) == set(below)
        for name, stat in [*told.items(), *scanned.items()]:
            assert stat is None or stat.size == len(below[name]), name

    @precondition(lambda self: self.case.extended)
    @rule(name=NAMES)
    def ask(self, name: str) -> None:
        """Ask about a name that may be a file, nothing, or a directory."""
        name = f"{self.top}/{name}"
        try:
            stat = self.storage.stat(name)
        except StorageError as error:
            assert name not in self.files
            # An empty directory that is left over is one too.
            assert isinstance(error, (FileNotFoundError, IsADirectoryError))
        else:
            assert stat.size == len(self.files[name])

    @invariant()
    def listings_agree(self) -> None:
        """Every directory lists what the model has there (and perhaps empty directories)."""
        directories = {self.top}
        for name in self.files:
            parts = name.split("/")[:-1]
            directories.update("/".join(parts[: n + 1]) for n in range(len(parts)))
        for directory in directories:
            expected = listing_of(self.files, directory)
            try:
                found = self.storage.listdir(directory)
            except FileNotFoundError:
                found = ([], [])
            assert sorted(found[1]) == sorted(expected[1]), directory
            if self.case.directory_removed_with_last_file:
                assert sorted(found[0]) == sorted(expected[0]), directory
            else:
                assert set(found[0]) >= expected[0], directory

    def teardown(self) -> None:
        """Compare everything, and leave nothing behind."""
        for name, content in self.files.items():
            assert self.case.read(name) == content, name
        for name in self.files:
            self.storage.delete(name)


@contextmanager
def interrupted(storage: Any, number: int) -> Iterator[Interruptions]:
    """Let each ``number``-th call of the storage's hooks fail; it is to try again."""
    interruptions = Interruptions(number)
    with ExitStack() as stack:
        # Some have a property of that name.
        policy = Retry(attempts=5, backoff=0.001)
        stack.enter_context(mock.patch.object(type(storage), "retry", policy))
        for name in ("_stat", "_open_read", "_write", "_remove", "_list"):
            hook = interruptions.failing(name, getattr(storage, name))
            stack.enter_context(mock.patch.object(storage, name, hook))
        yield interruptions


def run_model(  # noqa: PLR0913 - all of a run
    case: ContractCase,
    examples: int,
    *,
    steps: int = 30,
    shrink: bool = True,
    derandomize: bool = False,
    unanswered: Interruptions | None = None,
) -> None:
    """Compare ``examples`` random histories of ``case``'s storage with the model.

    Raises what the first difference raises, with the history that leads to it in its notes: the
    shortest one that is found, which takes a while, unless ``shrink`` is False. With
    ``derandomize`` the histories are the same each time. ``unanswered``: the storage's calls fail
    now and then, which it is to hide.
    """
    phases = [Phase.explicit, Phase.generate]
    run_state_machine_as_test(
        cast("type[StorageMachine]", lambda: StorageMachine(case, unanswered=unanswered)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=derandomize,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            phases=[*phases, Phase.shrink] if shrink else phases,
        ),
    )
