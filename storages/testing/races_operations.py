"""What workers do in a race, and in which states of the store their outcomes are possible.

An operation is made of steps, each of which happens at one moment. A race is lost when there is no
order of all the steps that gives these outcomes, and leaves these files.
"""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from django.core.files.base import ContentFile

from storages.errors import Changed, DirectoryNotEmpty
from storages.testing.capabilities import Capabilities
from storages.testing.races_crews import Outcome, Worker

__all__ = [
    "Append",
    "Churn",
    "Copy",
    "Create",
    "Delete",
    "DeleteMany",
    "List",
    "Look",
    "Move",
    "Operation",
    "Read",
    "ReadParts",
    "Save",
    "Write",
    "is_explained",
]

#: The files of a race: their names and contents.
State: TypeAlias = Mapping[str, bytes]
#: What a step makes of a state; None: this cannot happen in that state.
Step: TypeAlias = Callable[[State], "State | None"]
#: Steps that happen in this order, others' between them.
Steps: TypeAlias = Sequence[Step]


@dataclass(frozen=True)
class Operation:
    """Something that a worker does with the file ``name``."""

    name: str
    hooks: ClassVar[tuple[str, ...]] = ()
    lingers: ClassVar[tuple[str, ...]] = ()

    def run(self, worker: Worker) -> Any:
        """Do it; return what is to be judged."""
        raise NotImplementedError

    def steps(self, outcome: Outcome, promises: Capabilities) -> Sequence[Steps]:
        """Return what must have happened for this outcome: sequences, in any order."""
        if outcome.error is not None:
            step = self.refused(outcome.error, promises)
            return [] if step is None else [[step]]
        return [self.done(outcome.value, promises)]

    def done(self, value: Any, promises: Capabilities) -> Steps:
        """Return the steps that end with ``value``."""
        raise NotImplementedError

    def refused(self, error: BaseException, promises: Capabilities) -> Step | None:  # noqa: ARG002
        """Return the step that ends with ``error``; without one, it is raised."""
        raise error


@dataclass(frozen=True)
class Save(Operation):
    """Save content; ``wanted`` is what it is called if that is free."""

    data: bytes = field(repr=False)
    wanted: str
    max_length: int | None = None
    hooks: ClassVar[tuple[str, ...]] = ("_write",)

    def run(self, worker: Worker) -> Any:
        content = ContentFile(self.data)
        if self.max_length is None:
            return worker.storage.save(self.name, content)
        return worker.storage.save(self.name, content, max_length=self.max_length)

    def done(self, value: Any, promises: Capabilities) -> Steps:
        def step(state: State) -> State | None:
            if promises.same_name == "alternative":
                if (self.wanted in state) == (value == self.wanted) or value in state:
                    return None
            elif value != self.wanted:
                return None
            if self.max_length is not None and len(value) > self.max_length:
                return None
            return {**state, value: self.data}

        return [step]


@dataclass(frozen=True)
class Write(Operation):
    """Replace the file, or make it: ``open("wb")``."""

    data: bytes = field(repr=False)
    mode: ClassVar[str] = "wb"
    hooks: ClassVar[tuple[str, ...]] = ("_write",)

    def run(self, worker: Worker) -> Any:
        with worker.storage.open(self.name, self.mode) as file:
            file.write(self.data)

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return [lambda state: {**state, self.name: self.data}]


@dataclass(frozen=True)
class Create(Write):
    """Make a file that must not be there: ``open("xb")``."""

    mode: ClassVar[str] = "xb"

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return [lambda state: None if self.name in state else {**state, self.name: self.data}]

    def refused(self, error: BaseException, promises: Capabilities) -> Step | None:
        if isinstance(error, FileExistsError):
            return lambda state: state if self.name in state else None
        return super().refused(error, promises)


@dataclass(frozen=True)
class Append(Write):
    """Add to a file: ``open("ab")``. Who does not succeed gets Changed."""

    mode: ClassVar[str] = "ab"
    hooks: ClassVar[tuple[str, ...]] = ()
    lingers: ClassVar[tuple[str, ...]] = ("_write",)

    def run(self, worker: Worker) -> Any:
        with worker.storage.open(self.name, self.mode) as file:
            file.write(self.data)
            worker.meet()

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return [lambda state: {**state, self.name: state.get(self.name, b"") + self.data}]

    def refused(self, error: BaseException, promises: Capabilities) -> Step | None:
        return None if isinstance(error, Changed) else super().refused(error, promises)


@dataclass(frozen=True)
class Delete(Operation):
    """Delete the file, and ``directory`` if that is given and empty."""

    directory: str = ""
    hooks: ClassVar[tuple[str, ...]] = ("_remove",)

    def run(self, worker: Worker) -> Any:
        worker.storage.delete(self.name)
        if self.directory:
            with suppress(DirectoryNotEmpty):
                worker.storage.delete(self.directory)

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return [lambda state: _without(state, self.name)]


@dataclass(frozen=True)
class DeleteMany(Operation):
    """Delete ``name`` and ``others``."""

    others: tuple[str, ...] = ()
    hooks: ClassVar[tuple[str, ...]] = ("_remove_many", "_remove")

    def run(self, worker: Worker) -> Any:
        worker.storage.delete_many([self.name, *self.others])

    def steps(self, outcome: Outcome, promises: Capabilities) -> Sequence[Steps]:
        """Each is deleted by itself, in any order."""
        if outcome.error is not None:
            return super().steps(outcome, promises)
        names = (self.name, *self.others)
        return [[lambda state, n=name: _without(state, n)] for name in names]  # type: ignore[misc] # mypy does not see Step in it


@dataclass(frozen=True)
class Copy(Operation):
    """Copy the file."""

    target: str
    hooks: ClassVar[tuple[str, ...]] = ("_copy", "_write")

    def run(self, worker: Worker) -> Any:
        return worker.storage.copy(self.name, self.target)

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return [self._copied]

    def _copied(self, state: State) -> State | None:
        if self.name not in state or self.target in state:
            return None
        return {**state, self.target: state[self.name]}

    def refused(self, error: BaseException, promises: Capabilities) -> Step | None:
        if isinstance(error, FileNotFoundError):
            return lambda state: None if self.name in state else state
        if isinstance(error, FileExistsError):
            return lambda state: state if self.target in state else None
        return None if isinstance(error, Changed) else super().refused(error, promises)


@dataclass(frozen=True)
class Move(Copy):
    """Rename the file, in one step; else it is copied and then deleted."""

    hooks: ClassVar[tuple[str, ...]] = ("_move", "_write")

    def run(self, worker: Worker) -> Any:
        return worker.storage.move(self.name, self.target)

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        if not promises.moves_in_one_step:
            return [self._copied, lambda state: _without(state, self.name)]

        def moved(state: State) -> State | None:
            copied = self._copied(state)
            return None if copied is None else _without(copied, self.name)

        return [moved]


@dataclass(frozen=True)
class Read(Operation):
    """Read the file as a whole, after its size."""

    hooks: ClassVar[tuple[str, ...]] = ("_open_read",)

    def run(self, worker: Worker) -> Any:
        with worker.storage.open(self.name) as file:
            return file.size, file.read()

    def done(self, value: Any, promises: Capabilities) -> Steps:
        def step(state: State) -> State | None:
            found = state.get(self.name)
            if found is None:
                return None if promises.forgets_deleted else state
            return state if self.is_of(value, found) else None

        return [step]

    def is_of(self, value: Any, data: bytes) -> bool:
        """Tell whether this was read of that content."""
        return bool(value == (len(data), data))

    def refused(self, error: BaseException, promises: Capabilities) -> Step | None:
        if isinstance(error, promises.missing):
            return lambda state: None if self.name in state else state
        return None if isinstance(error, Changed) else super().refused(error, promises)


@dataclass(frozen=True)
class ReadParts(Read):
    """Read the beginning; when the others have come, the end and the middle."""

    hooks: ClassVar[tuple[str, ...]] = ()

    def run(self, worker: Worker) -> Any:
        with worker.storage.open(self.name) as file:
            size = file.size
            parts = [(0, file.read(1000))]
            worker.meet()
            for place in (size - 1000, size // 2):
                file.seek(place)
                parts.append((place, file.read(1000)))
        return size, parts

    def is_of(self, value: Any, data: bytes) -> bool:
        """Tell whether all parts are of that content."""
        size, parts = value
        return size == len(data) and all(
            data[place : place + 1000] == part for place, part in parts
        )


@dataclass(frozen=True)
class Look(Operation):
    """Ask whether the file is there, and then for its size."""

    hooks: ClassVar[tuple[str, ...]] = ("_stat",)

    def run(self, worker: Worker) -> Any:
        return worker.storage.exists(self.name), worker.storage.size(self.name)

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        exists, size = value
        return [
            lambda state: state if exists == (self.name in state) else None,
            lambda state: state if len(state.get(self.name, b"")) == size else None,
        ]


@dataclass(frozen=True)
class List(Operation):
    """List the directory ``name``, as ``listdir`` or as ``walk`` does; return the files' names.

    A listing need not show one moment, so its case says what it must show.
    """

    walks: bool = False
    hooks: ClassVar[tuple[str, ...]] = ("_list",)

    def run(self, worker: Worker) -> Any:
        if self.walks:
            return next(iter(worker.storage.walk(self.name)))[2]
        return worker.storage.listdir(self.name)[1]

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return []


@dataclass(frozen=True)
class Churn(Operation):
    """Save files and delete them again."""

    contents: tuple[tuple[str, bytes], ...] = field(repr=False, default=())
    hooks: ClassVar[tuple[str, ...]] = ("_write",)

    def run(self, worker: Worker) -> Any:
        for name, data in self.contents:
            worker.storage.delete(worker.storage.save(name, ContentFile(data)))

    def done(self, value: Any, promises: Capabilities) -> Steps:  # noqa: ARG002
        return []


def _without(state: State, name: str) -> State:
    return {other: data for other, data in state.items() if other != name}


def is_explained(before: State, sequences: Sequence[Steps], after: State) -> bool:
    """Tell whether some order of all steps leads from one state to the other."""
    seen: set[tuple[tuple[int, ...], frozenset[tuple[str, bytes]]]] = set()

    def leads(state: State, done: tuple[int, ...]) -> bool:
        here = done, frozenset(state.items())
        if here in seen:
            return False
        seen.add(here)
        finished = True
        for number, steps in enumerate(sequences):
            if done[number] == len(steps):
                continue
            finished = False
            following = steps[done[number]](state)
            if following is not None and leads(
                following, (*done[:number], done[number] + 1, *done[number + 1 :])
            ):
                return True
        return finished and state == after

    return leads(before, (0,) * len(sequences))
