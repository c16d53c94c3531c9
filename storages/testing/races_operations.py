"""What workers do in a race, and in which states of the store their outcomes are possible.

An operation is made of steps, each of which happens at one moment. A race is lost when there is no
order of all the steps that gives these outcomes, and leaves these files.
"""

# ruff: noqa: D102 - the methods are documented where they come from

from __future__ import annotations

from collections import Counter
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
#: The names that steps look at or change, and the steps.
Part: TypeAlias = tuple[frozenset[str], tuple[Step, ...]]


@dataclass(frozen=True)
class Operation:
    """Something that a worker does with the file ``name``."""

    name: str
    hooks: ClassVar[tuple[str, ...]] = ()
    lingers: ClassVar[tuple[str, ...]] = ()

    def run(self, worker: Worker) -> Any:
        """Do it; return what is to be judged."""
        raise NotImplementedError

    def parts(self, outcome: Outcome, promises: Capabilities) -> Sequence[Part]:
        """Return what must have happened for this outcome; the parts in any order."""
        if outcome.error is not None:
            step = self.refused(outcome.error, promises)
            steps: Steps = () if step is None else (step,)
        else:
            steps = self.done(outcome.value, promises)
        return [(self.touched(outcome.value), tuple(steps))] if steps else []

    def touched(self, value: Any) -> frozenset[str]:  # noqa: ARG002
        """Return the names of the files that it looks at or changes, when it ends with that."""
        return frozenset({self.name})

    def place(self, after: State) -> int:  # noqa: ARG002
        """Return where in the order this seems to be, as far as the files tell in the end."""
        return 0

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

    def touched(self, value: Any) -> frozenset[str]:
        return frozenset({self.wanted, value})

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

    def place(self, after: State) -> int:
        return after.get(self.name, b"").find(self.data)

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
        return [_Removal(self.name)]


@dataclass(frozen=True)
class DeleteMany(Operation):
    """Delete ``name`` and ``others``."""

    others: tuple[str, ...] = ()
    hooks: ClassVar[tuple[str, ...]] = ("_remove_many", "_remove")

    def run(self, worker: Worker) -> Any:
        worker.storage.delete_many([self.name, *self.others])

    def parts(self, outcome: Outcome, promises: Capabilities) -> Sequence[Part]:
        """Each is deleted by itself, in any order."""
        if outcome.error is not None:
            return super().parts(outcome, promises)
        names = (self.name, *self.others)
        return [(frozenset({name}), (_Removal(name),)) for name in names]


@dataclass(frozen=True)
class Copy(Operation):
    """Copy the file."""

    target: str
    hooks: ClassVar[tuple[str, ...]] = ("_copy", "_write")

    def run(self, worker: Worker) -> Any:
        return worker.storage.copy(self.name, self.target)

    def touched(self, value: Any) -> frozenset[str]:  # noqa: ARG002
        return frozenset({self.name, self.target})

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
            return [self._copied, _Removal(self.name)]

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


@dataclass(frozen=True)
class _Removal:
    """The step in which a file goes, if it is there."""

    name: str

    def __call__(self, state: State) -> State:
        return _without(state, self.name)


def is_explained(before: State, parts: Sequence[Part], after: State) -> bool:
    """Tell whether some order of all steps leads from one state to the other."""
    # What happens to files that have nothing to do with one another can be in any order.
    groups: list[tuple[frozenset[str], list[Part]]] = []
    for part in parts:
        near = [group for group in groups if group[0] & part[0]]
        groups = [group for group in groups if group not in near]
        names = part[0].union(*(group[0] for group in near))
        groups.append((names, [each for group in near for each in group[1]] + [part]))
    touched = frozenset[str]().union(*(names for names, _ in groups))
    return all(
        _leads(_only(before, names), Counter(own), _only(after, names), set())
        for names, own in groups
    ) and _but(before, touched) == _but(after, touched)


def _leads(state: State, left: Counter[Part], after: State, seen: set[Any]) -> bool:
    """Tell whether what is left leads there. Of equal parts it does not matter which is first."""
    here = frozenset(left.items()), frozenset(state.items())
    if here in seen:
        return False
    seen.add(here)
    touched = frozenset[str]().union(*(names for names, _ in left))
    if _but(state, touched) != _but(after, touched):
        return False  # and nobody will change it any more
    if not left:
        return True
    for part in left:
        names, steps = part
        following = steps[0](state)
        if following is None:
            continue
        rest = left - Counter([part])
        if steps[1:]:
            rest[names, steps[1:]] += 1
        if _leads(following, rest, after, seen):
            return True
    return False


def _only(state: State, names: frozenset[str]) -> State:
    return {name: data for name, data in state.items() if name in names}


def _but(state: State, names: frozenset[str]) -> State:
    return {name: data for name, data in state.items() if name not in names}
