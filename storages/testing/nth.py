"""Failing hooks: whichever call of a hook fails, nothing is lost and nothing is half there.

What users do is done again and again on a storage whose n-th call of a hook fails, for n = 1, 2,
3 ..., until it gets through without a failure. A call fails before the hook has run, or after it
(the answer is lost), and so does each piece of a file or of a listing that a hook hands out. After
each, another storage object for the same place is asked what is there.
"""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from unittest import mock

from django.core.files.base import ContentFile

from storages.errors import StorageError
from storages.hooks import Hooks
from storages.testing.calls import HOOKS, LOST, REFUSED, REPEATED, Calls, Failure, Interrupted
from storages.testing.case import ContractCase

__all__ = ["HookFailuresContract"]

#: More calls than any scenario makes: one that never gets through fails the case.
MOST_CALLS = 500

Files = dict[str, bytes]


@dataclass(frozen=True)
class Scenario:
    """What is done to a storage, and what may be there afterwards.

    ``states`` are the files that may be there after a failure; the last of them are there after
    success. In them ``"*"`` stands for a name that nobody knows before, which ``act`` returns.
    ``result``: what ``act`` returns when it succeeds. ``repeats``: whether a lost answer is to be
    got over by trying again. ``anew``: whether a listing that breaks off is begun anew. ``asks``:
    whether a hook is asked in any case.
    """

    act: Callable[[Any], object]
    states: Sequence[Files] = ()
    result: object = None
    repeats: bool = True
    anew: bool = True
    asks: bool = True


class HookFailuresContract(ContractCase):
    """Failing hooks."""

    failing_hooks: ClassVar[tuple[str, ...]] = HOOKS
    """The methods whose calls fail: those of the core, and what the storage calls instead."""

    failures_in_turn: ClassVar[bool] = False
    """Whether the quick pass lets each call fail in one way instead of three: for slow servers."""

    part_reads: ClassVar[int] = 3
    """How many blocks of 64 KiB the file has that is read."""

    files: Files
    stored: dict[str, str]
    failing_storage: Any
    calls: Calls
    fired: int

    # What is there ------------------------------------------------------------------------------

    def prepare(self, **contents: bytes) -> None:
        """Store a file that nobody touches, and ``contents``; make the storage that is to fail."""
        self.needs("extended")
        self.failing_storage = self.another()
        if not isinstance(self.failing_storage, Hooks):
            self.not_applicable("it is not made of hooks")
        with warnings.catch_warnings():  # of what others have forgotten
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        self.fired = 0
        self.calls = Calls()
        for hook in self.failing_hooks:
            patch = mock.patch.object(
                self.failing_storage, hook, self.calls.wrap(self.failing_storage, hook)
            )
            patch.start()
            self.addCleanup(patch.stop)
        self.files, self.stored = {}, {}
        for kind, data in {"other": self.content(), **contents}.items():
            self.stored[kind] = self.put(self.name(kind), data)
            self.files[self.stored[kind]] = data

    def name(self, kind: str) -> str:
        """The name of a file, long enough to be shortened."""
        suffix = getattr(self, "static_suffix", ".bin")
        return f"d/a-name-of-some-length-for-{kind}{suffix}"

    def found(self) -> Files:
        """All files that are there, those included that the core would not show."""
        with mock.patch("storages.base.is_temporary", return_value=False):
            names = self.all_names()
        return {name: self.read(name) for name in names}

    def restore(self, found: Files) -> None:
        """Make of the files that were found those that were there before."""
        for name, data in found.items():
            if self.files.get(name) != data:
                self.storage.delete(name)
        for kind, name in self.stored.items():
            if found.get(name) != self.files[name]:
                self.assertEqual(self.put(self.name(kind), self.files[name]), name)

    # What is done -------------------------------------------------------------------------------

    def fail_each(self, scenarios: Sequence[Scenario]) -> None:
        """Do what the scenarios say with every failure, at every call of a hook."""
        for number, scenario in enumerate(scenarios):
            before = self.fired
            for failures in self.ways(number):
                with self.subTest(scenario=number, failures=" / ".join(map(str, failures))):
                    self.fail_at_each_call(scenario, failures)
            if scenario.asks:
                self.assertGreater(self.fired, before, "no call of a hook failed")

    def ways(self, number: int) -> list[list[Failure]]:
        """The failures for a scenario, each for every call; of some the calls take turns."""
        kinds = (REFUSED, LOST, REPEATED)
        if self.full:
            return [[failure] for kind in kinds for failure in kind]
        # The quick pass goes through them, a scenario at a time.
        few = [kind[(number * 3 + 1) % len(kind)] for kind in kinds]
        few = few[number % 3 :] + few[: number % 3]
        return [few] if self.failures_in_turn else [[failure] for failure in few]

    def fail_at_each_call(self, scenario: Scenario, failures: Sequence[Failure]) -> None:
        """Do what the scenario says, with a failure at the first call, at the second ..."""
        for when in itertools.count(1):
            self.assertLess(when, MOST_CALLS, "the scenario never gets through")
            failure = failures[(when - 1) % len(failures)]
            self.calls.arm(failure, when)
            with (
                mock.patch.object(type(self.failing_storage), "retry", failure.retry),
                self.assertNothingForgotten(),
            ):
                succeeded, result, wrong = self.attempt(scenario)
            fired = self.calls.fired
            self.calls.arm(None, 0)
            self.check(scenario, succeeded=succeeded, result=result)
            self.assertEqual(wrong, "")
            if not fired:
                self.assertTrue(succeeded)
                return
            self.fired += len(fired)
            if self.must_get_through(scenario, failure, fired):
                self.assertTrue(succeeded, f"not got over: {fired} at call {when}")

    def attempt(self, scenario: Scenario) -> tuple[bool, object, str]:
        """Do it once; return whether it succeeded, what it returned, what is wrong with its error.

        No error outlives this: it would keep what its traceback refers to.
        """
        raised = self.calls.raised
        try:
            result = scenario.act(self.failing_storage)
        except StorageError as error:
            wrong = "" if raised else f"without a failure: {error!r}"
            if isinstance(error, FileNotFoundError):
                wrong = f"what cannot be told is not missing: {error!r}"
            if not (error.operation and error.storage):
                wrong = f"it does not say where: {error!r}"
            return False, None, wrong
        except Interrupted as error:
            return False, None, "" if error is raised[0] else f"another one: {error!r}"
        swallowed = Interrupted in map(type, raised)
        return True, result, "an interruption was swallowed" if swallowed else ""

    @staticmethod
    def must_get_through(scenario: Scenario, failure: Failure, fired: list[str]) -> bool:
        """Whether trying again has to help."""
        return (
            failure.retry.attempts > 1
            and (scenario.repeats or not failure.after)
            # Half a listing has been handed out already.
            and (scenario.anew or not any("further on" in what for what in fired))
        )

    def check(self, scenario: Scenario, *, succeeded: bool, result: object) -> None:
        """Compare what is there, and what was returned, with what may be."""
        if not scenario.states:
            if succeeded:
                self.assertEqual(result, scenario.result)
            return
        found = self.found()
        try:
            shown = dict(found)
            if any("*" in state for state in scenario.states):
                new = [name for name in found if name not in self.files]
                self.assertLessEqual(len(new), 1, "one file has two names")
                if new:
                    shown["*"] = shown.pop(new[0])
                if succeeded:
                    self.assertEqual([result], new)
            elif succeeded:
                self.assertEqual(result, scenario.result)
            allowed = [scenario.states[-1]] if succeeded else [self.files, *scenario.states]
            self.assertIn(shown, allowed)
        finally:
            if found != self.files:
                self.restore(found)

    @contextmanager
    def assertNothingForgotten(self) -> Iterator[None]:
        """Nothing that was opened in the block is left open."""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
            gc.collect(1)
        forgotten = [str(each.message) for each in caught if each.category is ResourceWarning]
        self.assertEqual(forgotten, [])

    # The cases ----------------------------------------------------------------------------------

    def saving(self, asked: str, data: bytes, **kwargs: Any) -> Callable[[Any], object]:
        """Saving ``data``."""
        return lambda storage: storage.save(asked, ContentFile(data), **kwargs)

    def test_F30_saving(self) -> None:
        """A save that fails leaves all of the file or nothing, and never touches another."""
        old, new = self.content(), self.content()
        self.prepare(old=old)
        taken, free = self.name("old"), self.name("new")
        created = self.expected_name(free, new)
        after = {**self.files, created: new}
        room = max(len(taken), len(self.expected_name(taken, new)))
        scenarios = [Scenario(self.saving(free, new), [after], created)]
        if self.same_name == "alternative":
            another = [{**self.files, "*": new}]
            scenarios += [
                Scenario(self.saving(taken, new), another),
                Scenario(self.saving(taken, new, max_length=room), another),
            ]
        else:
            name = self.expected_name(taken, new)
            after = {**self.files, name: new}
            scenarios += [
                Scenario(self.saving(taken, new), [after], name),
                Scenario(self.saving(taken, new, max_length=room), [after], name),
                Scenario(self.saving(taken, old), [self.files], self.expected_name(taken, old)),
            ]
        self.fail_each(scenarios)

    def test_F31_writing(self) -> None:
        """A file that cannot be published is as it was; one that cannot be created is not there."""
        self.needs("opens_for_writing")
        old, new = self.content(), self.content(150)
        self.prepare(old=old)
        name, created = self.stored["old"], self.name("new")

        def writing(target: str, mode: str, seek: int | None = None) -> Callable[[Any], object]:
            def act(storage: Any) -> None:
                with storage.open(target, mode) as file:
                    if seek is not None:
                        file.seek(seek)
                    file.write(new)

            return act

        end = len(old) - 5
        self.fail_each(
            [
                Scenario(writing(name, "wb"), [{**self.files, name: new}]),
                Scenario(writing(name, "ab"), [{**self.files, name: old + new}]),
                Scenario(writing(name, "r+b", end), [{**self.files, name: old[:end] + new}]),
                Scenario(writing(created, "xb"), [{**self.files, created: new}]),
                Scenario(writing(created, "ab"), [{**self.files, created: new}]),
            ]
        )

    def test_F32_copying_and_moving(self) -> None:
        """The target is all there or as it was; what is moved has one of its names at least."""
        self.needs("copies")
        old, second = self.content(), self.content()
        self.prepare(old=old, second=second)
        name, over, target = self.stored["old"], self.stored["second"], self.name("new")

        def transfer(method: str, to: str, *, overwrite: bool = False) -> Callable[[Any], object]:
            return lambda storage: getattr(storage, method)(name, to, overwrite=overwrite)

        copied = {**self.files, target: old}
        copied_over = {**self.files, over: old}
        moved = {each: data for each, data in copied.items() if each != name}
        moved_over = {each: data for each, data in copied_over.items() if each != name}
        # After a lost answer nobody knows whether the file has been moved, or was never there.
        self.fail_each(
            [
                Scenario(transfer("copy", target), [copied], target),
                Scenario(transfer("copy", over, overwrite=True), [copied_over], over),
                Scenario(transfer("move", target), [copied, moved], target, repeats=False),
                Scenario(
                    transfer("move", over, overwrite=True),
                    [copied_over, moved_over],
                    over,
                    repeats=False,
                ),
            ]
        )

    def test_F33_deleting(self) -> None:
        """What cannot be deleted is there, whole, and so is everything else."""
        self.prepare(old=self.content(), second=self.content())
        old, second = self.stored["old"], self.stored["second"]

        def without(*deleted: str) -> Files:
            return {each: data for each, data in self.files.items() if each not in deleted}

        both = [without(old), without(second), without(old, second)]
        self.fail_each(
            [
                Scenario(lambda storage: storage.delete(old), [without(old)]),
                Scenario(lambda storage: storage.delete_many([old, second]), both),
                Scenario(lambda storage: storage.delete(self.missing_name), [self.files]),
            ]
        )

    @property
    def missing_name(self) -> str:
        """A name that no file has."""
        return self.expected_name(self.name("missing"), b"x" * max(1, self.minimum_size))

    def test_F34_reading(self) -> None:
        """A reader gives the bytes of the file or an error, from wherever it is read."""
        data = self.content(self.part_reads * 64 * 1024)
        self.prepare(large=data)
        name, middle = self.stored["large"], len(data) // 2

        def whole(storage: Any) -> bytes:
            with storage.open(name) as file:
                return bytes(file.read())

        def pieces(storage: Any) -> bytes:
            with storage.open(name) as file:
                return b"".join(file.chunks(50_000))

        def seeks(storage: Any) -> bytes:
            with storage.open(name) as file:
                file.seek(-10, 2)
                end = file.read()
                file.seek(middle)
                second = file.read(middle)
                file.seek(0)
                return bytes(file.read(middle) + second + data[2 * middle :] + end)

        self.fail_each(
            [
                Scenario(whole, result=data),
                Scenario(pieces, result=data),
                Scenario(seeks, result=data + data[-10:]),
            ]
        )
        self.assertEqual(self.found(), self.files)

    def test_F35_asking(self) -> None:
        """What is asked of a file is answered rightly, or with an error: never that it is gone."""
        self.prepare(old=self.content(123))
        name = self.stored["old"]
        size = len(self.files[name])
        version = self.storage.stat(name).version
        # A directory is known by asking the store's disk, where that is this machine's.
        asks = not self.has_paths
        self.fail_each(
            [
                Scenario(lambda storage: storage.size(name), result=size),
                Scenario(lambda storage: storage.stat(name).version, result=version),
                Scenario(lambda storage: storage.exists(name), result=True, asks=asks),
                Scenario(
                    lambda storage: storage.exists(self.missing_name), result=False, asks=asks
                ),
            ]
        )
        self.assertEqual(self.found(), self.files)

    def test_F36_listing(self) -> None:
        """A listing tells all there is, or an error."""
        self.needs("lists")
        self.prepare(old=self.content(), second=self.content())
        names = self.all_names()

        def listed(storage: Any) -> set[str]:
            return self.all_names_or_error(storage)

        def walked(storage: Any) -> set[str]:
            return {f"{top}/{each}" for top, _, files in storage.walk() for each in files}

        def scanned(storage: Any) -> set[str]:
            return {each for each, _ in storage.scantree()}

        self.fail_each(
            [
                Scenario(listed, result=names),
                Scenario(walked, result=names),
                Scenario(scanned, result=names, anew=False),
            ]
        )
        self.assertEqual(self.found(), self.files)

    @staticmethod
    def all_names_or_error(storage: Any) -> set[str]:
        """All names, by ``listdir``."""
        found: set[str] = set()
        waiting = [""]
        while waiting:
            directory = waiting.pop()
            directories, files = storage.listdir(directory)
            prefix = f"{directory}/" if directory else ""
            found.update(prefix + name for name in files)
            waiting.extend(prefix + name for name in directories)
        return found
