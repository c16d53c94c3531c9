"""What is done while something goes wrong: a call, what it returns, and what it changes.

Before each there are two files, one that nobody changes and one that may be replaced, renamed or
deleted, and below ``many`` some more where a listing is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.core.files.base import ContentFile

from storages.base import RemoteStorage
from tests.faults.flows import DOWN, UP, Way
from tests.faults.matrix.scene import Scene

__all__ = ["COPY", "DELETE", "LIST", "MOVE", "OPERATIONS", "READ", "REPLACE", "SAVE", "Operation"]

Files: TypeAlias = dict[str, bytes]


@dataclass(frozen=True)
class Operation:
    """One call. ``way``: where the bytes of the file, or of the answer, pass.

    ``words`` tell what it does: "saving a new file".
    """

    id: str
    words: str
    way: Way
    call: Callable[[Scene, RemoteStorage], Any]
    result: Callable[[Scene], Any]

    def before(self, scene: Scene) -> Files:
        """What is stored before."""
        other, old, _ = scene.contents
        files = {scene.named("other.bin", other): other, scene.named("replaced.bin", old): old}
        if self.id == "list":
            small = {f"many/{number:03}.txt": b"%d" % number for number in range(scene.entries)}
            files |= {scene.named(name, held): held for name, held in small.items()}
        return files

    def after(self, scene: Scene) -> Files:
        """What is stored when it has succeeded."""
        return self.states(scene)[-1]

    def states(self, scene: Scene) -> list[Files]:
        """What may be stored when it has failed: as before, half-way (two steps), as after.

        Nothing else: no half file, no second one, none missing.
        """
        files = self.before(scene)
        _, old, new = scene.contents
        without = {name: held for name, held in files.items() if name != "replaced.bin"}
        changed: Mapping[str, list[Files]] = {
            "save": [{**files, scene.named("new.bin", new): new}],
            "replace": [{**files, "replaced.bin": new}],
            "copy": [{**files, "copied.bin": old}],
            # Where it is copied and then deleted, both names may have it.
            "move": [{**files, "moved.bin": old}, {**without, "moved.bin": old}],
            "delete": [{n: h for n, h in files.items() if n != scene.named("replaced.bin", old)}],
        }
        return [files, *changed.get(self.id, [])]


def _save(scene: Scene, storage: RemoteStorage) -> str:
    return storage.save("new.bin", ContentFile(scene.contents[2]))


def _replace(scene: Scene, storage: RemoteStorage) -> None:
    with storage.open("replaced.bin", "wb") as file:
        file.write(scene.contents[2])


def _read(scene: Scene, storage: RemoteStorage) -> bytes:
    with storage.open(scene.named("other.bin", scene.contents[0])) as file:
        content: bytes = file.read()
    return content


def _list(scene: Scene, storage: RemoteStorage) -> list[str]:
    directories, files = storage.listdir("many")
    return sorted([*directories, *files])


SAVE = Operation(
    "save", "saving a new file", UP, _save, lambda scene: scene.named("new.bin", scene.contents[2])
)
REPLACE = Operation("replace", "replacing a file", UP, _replace, lambda _: None)
READ = Operation("read", "reading a file", DOWN, _read, lambda scene: scene.contents[0])
LIST = Operation(
    "list",
    "listing a directory",
    DOWN,
    _list,
    lambda scene: [f"{number:03}.txt" for number in range(scene.entries)],
)
DELETE = Operation(
    "delete",
    "deleting a file",
    UP,
    lambda scene, storage: storage.delete(scene.named("replaced.bin", scene.contents[1])),
    lambda _: None,
)
MOVE = Operation(
    "move",
    "renaming a file",
    UP,
    lambda _, storage: storage.move("replaced.bin", "moved.bin"),
    lambda _: "moved.bin",
)
COPY = Operation(
    "copy",
    "copying a file",
    UP,
    lambda _, storage: storage.copy("replaced.bin", "copied.bin"),
    lambda _: "copied.bin",
)
OPERATIONS = (SAVE, REPLACE, READ, LIST, DELETE, MOVE, COPY)
