"""Reading: what ``open()`` returns behaves like a file on disk, and is one version of the file."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import tarfile
import zipfile

from django.core.files import File
from django.http import FileResponse, HttpResponse

from storages.testing.case import ContractCase

__all__ = ["ReadingContract"]


class ReadingContract(ContractCase):
    """Chapter R."""

    def test_R01_odd_pieces(self) -> None:
        """Pieces of any size add up to the content; at the end reading gives b"" for ever."""
        data = self.content(100_003)
        with self.storage.open(self.put("r.bin", data)) as file:
            pieces = []
            sizes = random.Random(1)  # noqa: S311
            while piece := file.read(sizes.choice((1, 2, 7, 511, 4097, 30_000))):
                pieces.append(piece)
            self.assertEqual(b"".join(pieces), data)
            self.assertEqual([file.read(10), file.read(), file.read(1)], [b"", b"", b""])

    def test_R02_read_everything(self) -> None:
        """``read()``, ``read(-1)`` and ``read(None)`` read to the end, ``read(0)`` nothing."""
        data = self.content(5000)
        name = self.put("r.bin", data)
        for args in ((), (-1,), (None,)):
            with self.subTest(args=args), self.storage.open(name) as file:
                self.assertEqual(file.read(0), b"")
                self.assertEqual(file.read(3), data[:3])
                self.assertEqual(file.read(0), b"")
                self.assertEqual(file.read(*args), data[3:])
                self.assertEqual(file.read(0), b"")

    def test_R03_random_seeks(self) -> None:
        """Seeking and reading at random gives what BytesIO gives, past the end too."""
        data = self.content(200_000)
        model = io.BytesIO(data)
        steps = random.Random(3)  # noqa: S311
        with self.storage.open(self.put("r.bin", data)) as file:
            for _ in range(60):
                whence = steps.choice((os.SEEK_SET, os.SEEK_CUR, os.SEEK_END))
                target = steps.randrange(0, len(data) + 5000)
                offset = target - (0, model.tell(), len(data))[whence]
                self.assertEqual(file.seek(offset, whence), model.seek(offset, whence))
                self.assertEqual(file.tell(), model.tell())
                count = steps.choice((0, 1, 100, 9000))
                self.assertEqual(file.read(count), model.read(count))
                self.assertEqual(file.tell(), model.tell())

    def test_R04_seek_before_the_start(self) -> None:
        """Seeking before the start is an error, and the position stays."""
        data = self.content(1000)
        with self.storage.open(self.put("r.bin", data)) as file:
            file.seek(5)
            for offset, whence in ((-1, os.SEEK_SET), (-6, os.SEEK_CUR), (-len(data) - 1, 2)):
                with self.assertRaises((ValueError, OSError)):
                    file.seek(offset, whence)
            self.assertEqual(file.tell(), 5)
            self.assertEqual(file.read(5), data[5:10])

    def test_R05_chunks(self) -> None:
        """``chunks()`` starts at the beginning each time, in pieces of the size asked for."""
        data = self.content(150_001)
        with self.storage.open(self.put("r.bin", data)) as file:
            self.assertEqual(b"".join(file.chunks()), data)
            pieces = list(file.chunks(1000))
            self.assertEqual(b"".join(pieces), data)
            self.assertEqual({len(piece) for piece in pieces[:-1]}, {1000})
            file.seek(7)
            self.assertEqual(b"".join(file.chunks()), data)
            self.assertTrue(file.multiple_chunks())
            self.assertFalse(file.multiple_chunks(len(data)))

    def test_R06_size_and_position(self) -> None:
        """A file just opened knows its size and name and stands at 0."""
        data = self.content(5000)
        name = self.put("d/r.bin", data)
        with self.storage.open(name) as file:
            self.assertIsInstance(file, File)
            self.assertEqual((file.tell(), file.size, len(file)), (0, 5000, 5000))
            self.assertEqual(str(file.name).rpartition("/")[2], name.rpartition("/")[2])
            self.assertTrue(file)
            file.read()
            self.assertEqual((file.tell(), file.size), (5000, 5000))

    def test_R07_lines(self) -> None:
        """Lines end where they end on disk: LF, CRLF, none at the end; of any length."""
        self.needs_any_content()
        long = b"x" * 150_000
        data = b"one\ntwo\r\n\nthree\r" + long + b"\n" + "é\u2028\n".encode() + b"last"
        lines = io.BytesIO(data).readlines()
        name = self.put("lines.txt", data)
        with self.storage.open(name) as file:
            self.assertEqual(file.readlines(), lines)
            file.seek(0)
            self.assertEqual(file.readline(), lines[0])
            self.assertEqual(file.readline(2), b"tw")
            self.assertEqual(file.readline(), b"o\r\n")
            file.seek(0)
            self.assertEqual(b"".join(file), data)
        with self.storage.open(name) as file:
            self.assertEqual(next(iter(file)), lines[0])

    def test_R08_readinto(self) -> None:
        """``readinto`` fills what it is given."""
        data = self.content(10_000)
        with self.storage.open(self.put("r.bin", data)) as file:
            buffer, found = bytearray(777), b""
            while count := file.readinto(buffer):
                found += buffer[:count]
            self.assertEqual(found, data)

    def test_R09_two_handles_are_independent(self) -> None:
        """Two open files of one name each have their own position, and closing is separate."""
        data = self.content(100_000)
        name = self.put("r.bin", data)
        first, second = self.storage.open(name), self.storage.open(name)
        self.assertEqual(first.read(70_000), data[:70_000])
        self.assertEqual(second.read(10), data[:10])
        first.close()
        self.assertEqual(second.read(), data[10:])
        second.close()

    def test_R10_closed_file(self) -> None:
        """A closed file says so, refuses to read, and may be closed again."""
        file = self.storage.open(self.put("r.bin"))
        self.assertFalse(file.closed)
        file.close()
        file.close()
        self.assertTrue(file.closed)
        for attempt in (file.read, lambda: file.seek(0), file.readline):
            with self.assertRaises(ValueError):
                attempt()

    def test_R10_with(self) -> None:
        """A file is a context manager that gives itself and closes."""
        data = self.content()
        opened = self.storage.open(self.put("r.bin", data))
        with opened as file:
            self.assertIs(file, opened)
            self.assertEqual(file.read(), data)
        self.assertTrue(opened.closed)

    def test_R11_reopen(self) -> None:
        """``file.open()`` rewinds an open file, reopens a closed one, and returns it."""
        data = self.content(1000)
        file = self.storage.open(self.put("d/r.bin", data))
        file.read(10)
        self.assertIs(file.open(), file)
        self.assertEqual(file.tell(), 0)
        self.assertEqual(file.read(), data)
        file.close()
        with file.open() as again:
            self.assertFalse(again.closed)
            self.assertEqual(again.read(), data)
        with file.open("rb") as again:
            self.assertEqual(again.read(), data)

    def test_R12_abilities(self) -> None:
        """A reader says that it can read and seek, and not write."""
        with self.storage.open(self.put("r.bin")) as file:
            self.assertEqual(
                (file.readable(), file.seekable(), file.writable()), (True, True, False)
            )

    def test_R13_writing_to_a_reader(self) -> None:
        """A file opened for reading refuses to be written, and keeps its bytes."""
        data = self.content()
        name = self.put("r.bin", data)
        with self.storage.open(name) as file, self.assertRaises((OSError, AttributeError)):
            file.write(b"x")
        self.assertFiles({name: data})

    def test_R14_zipfile(self) -> None:
        """A zip archive can be read in place."""
        self.needs_any_content()
        archive, content = io.BytesIO(), self.content(300_000)
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("a.txt", b"small")
            made.writestr("d/b.bin", content)
        with self.storage.open(self.put("a.zip", archive.getvalue())) as file:
            with zipfile.ZipFile(file) as read:
                self.assertIsNone(read.testzip())
                self.assertEqual(read.read("d/b.bin"), content)

    def test_R14_tarfile(self) -> None:
        """A tar archive can be read in place."""
        self.needs_any_content()
        archive, content = io.BytesIO(), self.content(100_000)
        with tarfile.open(fileobj=archive, mode="w:gz") as made:
            member = tarfile.TarInfo("d/b.bin")
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
        with self.storage.open(self.put("a.tar.gz", archive.getvalue())) as file:
            with tarfile.open(fileobj=file) as read:
                extracted = read.extractfile("d/b.bin")
                assert extracted is not None
                self.assertEqual(extracted.read(), content)

    def test_R14_csv(self) -> None:
        """A text file can be given to ``csv``."""
        self.needs_any_content()
        with self.storage.open(self.put("a.csv", "é,b\r\n1,2\r\n".encode()), "r") as file:
            self.assertEqual(list(csv.reader(file)), [["é", "b"], ["1", "2"]])

    def test_R14_pillow(self) -> None:
        """Pillow opens an image, and finds its size without reading everything."""
        try:
            from PIL import Image
        except ImportError:
            self.not_applicable("Pillow is not installed")
        image = io.BytesIO()
        Image.new("RGB", (120, 80), "teal").save(image, "PNG")
        with self.storage.open(self.put("a.png", image.getvalue())) as file:
            with Image.open(file) as read:
                self.assertEqual(read.size, (120, 80))
                self.assertEqual(read.convert("RGB").getpixel((5, 5)), (0, 128, 128))

    def test_R14_copyfileobj(self) -> None:
        """``shutil.copyfileobj`` copies the content."""
        data, copy = self.content(300_000), io.BytesIO()
        with self.storage.open(self.put("a.bin", data)) as file:
            shutil.copyfileobj(file, copy)
        self.assertEqual(copy.getvalue(), data)

    def test_R14_file_response(self) -> None:
        """FileResponse sends it with the right length, and closes it."""
        data = self.content(150_000)
        name = self.put("d/a.bin", data)
        file = self.storage.open(name)
        response = FileResponse(file, as_attachment=True)
        self.assertEqual(response.headers["Content-Length"], "150000")
        self.assertIn(name.rpartition("/")[2], response.headers["Content-Disposition"])
        self.assertEqual(b"".join(response), data)
        response.close()
        self.assertTrue(file.closed)

    def test_R14_http_response(self) -> None:
        """HttpResponse takes it as content."""
        data = self.content(1000)
        with self.storage.open(self.put("d/a.bin", data)) as file:
            self.assertEqual(HttpResponse(file).content, data)

    def test_R14_saved_into_itself(self) -> None:
        """A file read from the storage can be saved to it under another name."""
        data = self.content(300_000)
        name = self.put("d/a.bin", data)
        with self.storage.open(name) as file:
            copy = self.storage.save("e/b.bin", file)
            self.assertFalse(file.closed)
        self.assertFiles({name: data, copy: data})

    def test_R15_missing_file_fails_at_open(self) -> None:
        """Opening a missing file raises FileNotFoundError at ``open()``, in every reading mode."""
        for mode in ("rb", "r", "r+b") if self.opens_for_writing else ("rb", "r"):
            with self.subTest(mode=mode), self.assertOurs(FileNotFoundError):
                self.storage.open("d/missing.txt", mode)
        self.assertFiles({})

    def test_R16_opening_a_directory(self) -> None:
        """Opening a directory raises an error of ours, also for writing."""
        self.needs("lists")
        data = self.content()
        name = self.put("d/e/f.txt", data)
        directory = name.rpartition("/")[0]
        with self.assertOurs(IsADirectoryError, FileNotFoundError):
            self.storage.open(directory)
        if self.opens_for_writing and not self.nests_in_files:
            with self.assertOurs(IsADirectoryError, FileExistsError):
                self.write(directory, data)
        self.assertFiles({name: data})

    def test_R17_one_operation(self) -> None:
        """Opening and reading a file is one call to the store; its size and time cost none."""
        self.needs("extended")
        from storages.testing.events import assertNumOperations

        data = self.content(300_000)
        name = self.put("r.bin", data)
        with assertNumOperations(1, using=self.storage), self.storage.open(name) as file:
            self.assertEqual(file.size, 300_000)
            self.assertEqual(file.read(10), data[:10])
            self.assertEqual(file.read(), data[10:])

    def test_R18_overwritten_while_open(self) -> None:
        """A reader goes on with the old bytes or fails; it never gets a mixture."""
        self.needs("opens_for_writing")
        old = self.content(1_000_000)
        for step, new in enumerate((self.content(1_000_000), self.content(500_000))):
            name = self.put(f"{step}/r.bin", old)
            with self.subTest(size=len(new)), self.storage.open(name) as file:
                start = file.read(10)
                self.write(name, new, self.another())
                try:
                    found = start + file.read()
                    file.seek(999_990)
                    self.assertEqual(file.read(), old[999_990:])
                except OSError as error:
                    self.assertIn("chang", str(error).lower())
                else:
                    self.assertEqual(found, old)
            self.assertEqual(self.read(name), new)

    def test_R19_deleted_while_open(self) -> None:
        """A reader of a file that was deleted goes on with the old bytes or fails."""
        old = self.content(1_000_000)
        name = self.put("r.bin", old)
        with self.storage.open(name) as file:
            start = file.read(10)
            self.another().delete(name)
            try:
                found = start + file.read()
            except OSError:
                found = old
            self.assertEqual(found, old)
        self.assertFalse(self.storage.exists(name))

    def test_R20_reading_changes_nothing(self) -> None:
        """Size, version and modified time are the same after reading."""
        name = self.put("r.bin", self.content(5000))

        def facts() -> list[object]:
            found: list[object] = [self.storage.size(name)]
            if "modified" in self.supports_times:
                found.append(self.storage.get_modified_time(name))
            if self.extended:
                stat = self.storage.stat(name)
                found += [stat.size, stat.modified, stat.version, stat.checksum]
            return found

        before = facts()
        for _ in range(3):
            self.read(name)
        self.assertEqual(facts(), before)

    def test_R21_another_thread(self) -> None:
        """A file opened in one thread can be read, sought and closed in another."""
        data = self.content(300_000)
        file = self.storage.open(self.put("r.bin", data))
        start = file.read(10)

        def go_on() -> bytes:
            rest: bytes = file.read()
            file.seek(5)
            self.assertEqual(file.read(5), data[5:10])
            file.close()
            return rest

        self.assertEqual(start + self.in_threads(go_on)[0], data)

    def test_R22_not_closed(self) -> None:
        """A reader that is forgotten half-read warns and harms nothing."""
        data = self.content(300_000)
        name = self.put("r.bin", data)
        with self.assertWarnsUnclosed():
            file = self.storage.open(name)
            file.read(10)
            del file
        self.assertEqual(self.read(name), data)
        self.assertFiles({name: data})
