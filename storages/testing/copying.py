"""What this package adds to Django's API: copy, move, delete_many, and the async twins."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.files.base import ContentFile

from storages.testing.case import ContractCase
from storages.testing.sources import SourceFailure

__all__ = ["AsyncContract", "CopyingContract"]


class CopyingContract(ContractCase):
    """Chapter Y."""

    def setUp(self) -> None:
        """Leave the chapter to storages that have what it tests."""
        super().setUp()
        if "test_Y" in self.id() or "test_A" in self.id():
            self.needs("extended")

    def test_Y01_copy(self) -> None:
        """A copy has the bytes of the original, which stays; directories appear as needed."""
        self.needs("copies")
        for size in (100, 300_000):
            data = self.content(size)
            name = self.put(f"{size}/a.bin", data)
            target = f"{size}/copies/b.bin"
            self.assertEqual(self.storage.copy(name, target), target)
            self.assertEqual(self.read(name), data)
            self.assertEqual(self.read(target), data)
            self.assertEqual(self.storage.size(target), len(data))

    def test_Y02_copies_are_independent(self) -> None:
        """Changing or deleting one of the two leaves the other."""
        self.needs("copies")
        data, other = self.content(), self.content()
        name = self.put("a.bin", data)
        self.storage.copy(name, "b.bin")
        self.replace(name, other)
        self.assertFiles({name: other, "b.bin": data})
        self.storage.delete(name)
        self.assertFiles({"b.bin": data})

    def test_Y03_taken_target(self) -> None:
        """A target that exists is refused, or replaced when that is asked for."""
        self.needs("copies")
        data, old = self.content(), self.content(500)
        name, taken = self.put("a.bin", data), self.put("d/taken.bin", old)
        for operation in (self.storage.copy, self.storage.move):
            with self.assertOurs(FileExistsError):
                operation(name, taken)
            self.assertFiles({name: data, taken: old})
        self.assertEqual(self.storage.copy(name, taken, overwrite=True), taken)
        self.assertFiles({name: data, taken: data})

    def test_Y03_no_copies(self) -> None:
        """Where a name cannot be chosen, copy and move raise, and do nothing."""
        if self.copies:
            self.not_applicable("declared copies = True")
        data = self.content()
        name = self.put("a.bin", data)
        for operation in (self.storage.copy, self.storage.move):
            with self.assertRaises(NotImplementedError):
                operation(name, "b.bin")
        self.assertFiles({name: data})

    def test_Y04_missing_original(self) -> None:
        """Copying or moving what is not there raises FileNotFoundError and changes nothing."""
        data = self.content()
        name = self.put("d/a.bin", data)
        for operation in (self.storage.copy, self.storage.move):
            for missing in ("missing.bin", "no/such", f"{name}/below"):
                for overwrite in (False, True):
                    with self.assertOurs(FileNotFoundError):
                        operation(missing, "target.bin", overwrite=overwrite)
            with self.assertOurs(IsADirectoryError, FileNotFoundError):
                operation("d", "target.bin")
        self.assertFiles({name: data})

    def test_Y05_move(self) -> None:
        """A moved file has its bytes under the new name only."""
        self.needs("copies")
        for size in (100, 300_000):
            data = self.content(size)
            name = self.put(f"{size}/a.bin", data)
            self.assertEqual(self.storage.move(name, f"{size}/to/b.bin"), f"{size}/to/b.bin")
            self.assertFalse(self.storage.exists(name))
            self.assertFiles({f"{size}/to/b.bin": data})
            self.storage.delete(f"{size}/to/b.bin")

    def test_Y06_move_over_a_file(self) -> None:
        """With ``overwrite`` a move replaces the target."""
        self.needs("copies")
        data = self.content()
        name, taken = self.put("a.bin", data), self.put("taken.bin", self.content(500))
        self.assertEqual(self.storage.move(name, taken, overwrite=True), taken)
        self.assertFiles({taken: data})

    def test_Y07_onto_itself(self) -> None:
        """A file copied or moved onto itself stays what it is."""
        self.needs("copies")
        data = self.content()
        name = self.put("d/a.bin", data)
        for operation in (self.storage.copy, self.storage.move):
            with self.assertOurs(FileExistsError):
                operation(name, name)
            self.assertEqual(operation(name, name, overwrite=True), name)
            self.assertFiles({name: data})
            with self.assertOurs(FileNotFoundError):
                operation("missing", "missing", overwrite=True)

    def test_Y08_impossible_targets(self) -> None:
        """A target that is a directory, or lies below a file, is refused; nothing changes."""
        self.needs("copies")
        if self.nests_in_files:
            self.not_applicable("declared nests_in_files = True")
        data, other = self.content(), self.content()
        name, file = self.put("a.bin", data), self.put("d/e/f.bin", other)
        for operation in (self.storage.copy, self.storage.move):
            for overwrite in (False, True):
                with self.assertOurs(IsADirectoryError, FileExistsError):
                    operation(name, "d", overwrite=overwrite)
                with self.assertOurs(NotADirectoryError, FileExistsError):
                    operation(name, f"{file}/below", overwrite=overwrite)
            self.assertFiles({name: data, file: other})

    def test_Y09_delete_many(self) -> None:
        """``delete_many`` deletes what it is given, passes over what is missing, keeps the rest."""
        data = self.content()
        kept = self.put("d/kept.bin", data)
        gone = [self.put(f"d/{number}.bin") for number in range(5)]
        self.storage.delete_many([*gone, "missing.bin", "no/such/file"])
        self.assertFiles({kept: data})
        self.storage.delete_many([])
        self.storage.delete_many(iter([kept]))
        self.assertFiles({})

    def test_Y10_delete_many_judges_first(self) -> None:
        """An empty name in the list is refused before anything is deleted."""
        data = self.content()
        name = self.put("a.bin", data)
        with self.assertRaises(ValueError):
            self.storage.delete_many([name, ""])
        self.assertFiles({name: data})


class AsyncContract(ContractCase):
    """Chapter A: the async twins."""

    def test_A01_round_trip(self) -> None:
        """The async twins do what the methods do."""
        data, storage = self.content(100_000), self.storage

        async def run() -> None:
            name = await storage.asave("d/a.bin", ContentFile(data))
            self.assertEqual(name, self.expected_name("d/a.bin", data))
            self.assertTrue(await storage.aexists(name))
            self.assertEqual(await storage.asize(name), len(data))
            self.assertEqual((await storage.astat(name)).size, len(data))
            async with await storage.aopen(name) as file:
                self.assertEqual(await file.aread(10), data[:10])
                chunks = [chunk async for chunk in file.achunks(30_000)]
            self.assertEqual(b"".join(chunks), data)
            if self.lists:
                directories, files = await storage.alistdir(name.rpartition("/")[0])
                self.assertEqual((directories, files), ([], [name.rpartition("/")[2]]))
            if self.copies:
                self.assertEqual(await storage.acopy(name, "b.bin"), "b.bin")
                self.assertEqual(await storage.amove("b.bin", "c.bin"), "c.bin")
            if "modified" in self.supports_times:
                await storage.aget_modified_time(name)
            await storage.adelete(name)
            await storage.adelete_many(["c.bin"])
            self.assertFalse(await storage.aexists(name))
            if self.forgets_deleted:
                with self.assertOurs(FileNotFoundError):
                    await storage.aopen(name)

        self.in_async(run())
        self.assertFiles({})

    def test_A02_writing(self) -> None:
        """A file is written in ``async with``; an exception there publishes nothing."""
        self.needs("opens_for_writing")
        data, storage = self.content(100_000), self.storage

        async def run() -> None:
            async with await storage.aopen("w.bin", "wb") as file:
                await file.awrite(data)
            with self.assertRaises(SourceFailure):
                async with await storage.aopen("w.bin", "wb") as file:
                    await file.awrite(b"x" * 100_000)
                    raise SourceFailure

        self.in_async(run())
        self.assertFiles({"w.bin": data})

    def test_A03_together(self) -> None:
        """Many saves of one name that are awaited together lose nothing."""
        contents = [self.content(2000 + number) for number in range(8)]
        storage = self.storage

        async def run() -> list[str]:
            saves = [storage.asave("d/a.bin", ContentFile(data)) for data in contents]
            return list(await asyncio.gather(*saves))

        names = self.in_async(run())
        if self.same_name == "overwrite":
            self.assertEqual(set(names), {"d/a.bin"})
            self.assertIn(self.read("d/a.bin"), contents)
        else:
            self.assertFiles(dict(zip(names, contents, strict=True)))

    def test_A04_every_method_has_its_twin(self) -> None:
        """Each public method that asks the store has an async twin with the same parameters."""
        import inspect

        for method in [
            "open",
            "save",
            "delete",
            "delete_many",
            "exists",
            "listdir",
            "scandir",
            "scantree",
            "stat",
            "size",
            "url",
            "copy",
            "move",
            "get_modified_time",
            "get_created_time",
            "get_accessed_time",
        ]:
            twin = getattr(self.storage, f"a{method}")
            self.assertTrue(inspect.iscoroutinefunction(twin), method)
            self.assertEqual(
                list(inspect.signature(twin).parameters),
                list(inspect.signature(getattr(self.storage, method)).parameters),
                method,
            )

    def in_async(self, coroutine: Any) -> Any:
        """Run a coroutine in a loop of its own; the connections of its threads are closed."""
        return asyncio.run(coroutine)
