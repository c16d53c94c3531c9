"""Writing with ``open()``: published whole at a clean close, and not at all otherwise."""

from __future__ import annotations

import gc
import io
import zipfile
from unittest import mock

from storages.testing.case import ContractCase
from storages.testing.sources import SourceFailure

__all__ = ["TextContract", "WritingContract"]


class WritingContract(ContractCase):
    """Chapter W. Where ``open()`` does not write, each mode is refused (W00)."""

    def setUp(self) -> None:
        """Leave only W00 and W16 to storages that do not write with ``open()``."""
        super().setUp()
        chapter = "_".join(self.id().rpartition(".")[2].split("_")[:2])
        if chapter.startswith("test_W") and chapter not in {"test_W00", "test_W16"}:
            self.needs("opens_for_writing")

    def test_W00_writing_is_refused(self) -> None:
        """A storage that does not write with ``open()`` says so, and changes nothing."""
        data = self.content()
        name = self.put("w.bin", data)
        if self.opens_for_writing:
            with self.storage.open(name, "r+b") as file:
                self.assertTrue(file.writable())
            self.assertFiles({name: data})
            return
        for mode in ("w", "wb", "x", "xb", "a", "ab", "r+", "r+b"):
            with self.subTest(mode=mode), self.assertRaises((ValueError, OSError)):
                self.storage.open(name, mode)
        self.assertFiles({name: data})

    def test_W01_writes_concatenate(self) -> None:
        """Several writes make one content; each returns its length."""
        data = self.content(200_000)
        with self.storage.open("d/w.bin", "wb") as file:
            self.assertEqual(file.write(data[:10]), 10)
            for start in range(10, len(data), 33_333):
                file.write(data[start : start + 33_333])
        self.assertFiles({"d/w.bin": data})

    def test_W02_visible_after_close_only(self) -> None:
        """A new file is not found before ``close()``."""
        data = self.content(200_000)
        file = self.storage.open("d/w.bin", "wb")
        file.write(data)
        self.assertFalse(self.storage.exists("d/w.bin"))
        self.assertEqual(self.all_names(self.another()), set())
        file.close()
        self.assertFiles({"d/w.bin": data})

    def test_W03_nothing_written_makes_an_empty_file(self) -> None:
        """Opening for writing and closing makes an empty file, or empties one."""
        if self.minimum_size:
            with self.assertRaises(ValueError), self.storage.open("w.bin", "wb"):
                pass
            self.assertFiles({})
            return
        self.storage.open("w.bin", "wb").close()
        self.assertFiles({"w.bin": b""})
        self.write("w.bin", b"full")
        self.storage.open("w.bin", "w").close()
        self.assertFiles({"w.bin": b""})

    def test_W04_replaces_longer_content(self) -> None:
        """Nothing of longer old content is left."""
        long, short = self.content(50_000), self.content(100)
        self.write("w.bin", long)
        self.write("w.bin", short)
        self.assertFiles({"w.bin": short})

    def test_W05_exclusive_creation(self) -> None:
        """Mode x makes a new file and refuses an existing one, also one made meanwhile."""
        data, other = self.content(), self.content()
        with self.storage.open("w.bin", "xb") as file:
            file.write(data)
        with self.assertOurs(FileExistsError), self.storage.open("w.bin", "xb") as file:
            file.write(other)
        self.assertFiles({"w.bin": data})
        with self.assertOurs(FileExistsError), self.storage.open("v.bin", "xb") as file:
            file.write(other)
            self.write("v.bin", data, self.another())
        self.assertFiles({"w.bin": data, "v.bin": data})

    def test_W06_append(self) -> None:
        """Mode a extends a file and makes a missing one."""
        data = self.content(1000)
        for piece in (data[:900], data[900:950], data[950:]):
            with self.storage.open("d/w.bin", "ab") as file:
                file.write(piece)
        self.assertFiles({"d/w.bin": data})

    def test_W06_appending_nothing(self) -> None:
        """Opening for appending and writing nothing keeps the file, and reads are refused."""
        data = self.content()
        self.write("w.bin", data)
        with self.storage.open("w.bin", "ab") as file, self.assertRaises(OSError):
            file.read()
        self.assertFiles({"w.bin": data})

    def test_W07_update_in_place(self) -> None:
        """Mode r+ reads and writes anywhere; the rest stays; it needs the file to exist."""
        data = self.content(100_000)
        self.write("w.bin", data)
        with self.storage.open("w.bin", "r+b") as file:
            self.assertEqual(file.read(10), data[:10])
            file.seek(50_000)
            file.write(b"CHANGED")
            file.seek(49_999)
            self.assertEqual(file.read(9), data[49_999:50_000] + b"CHANGED" + data[50_007:50_008])
        self.assertFiles({"w.bin": data[:50_000] + b"CHANGED" + data[50_007:]})
        with self.assertOurs(FileNotFoundError):
            self.storage.open("missing.bin", "r+b")

    def test_W07_update_that_changes_nothing(self) -> None:
        """A file opened with r+ and only read keeps its bytes."""
        data = self.content()
        self.write("w.bin", data)
        with self.storage.open("w.bin", "r+b") as file:
            self.assertEqual(file.read(), data)
        self.assertFiles({"w.bin": data})

    def test_W08_exception_publishes_nothing(self) -> None:
        """An exception inside ``with`` leaves no file, or the old one, in every mode."""
        for mode in ("wb", "w", "xb", "ab", "w+b"):
            with self.subTest(mode=mode), self.assertRaises(SourceFailure):
                with self.storage.open("new.bin", mode) as file:
                    file.write("x" * 100_000 if mode == "w" else b"x" * 100_000)
                    raise SourceFailure
            self.assertFiles({})
        data = self.content()
        self.write("old.bin", data)
        for mode in ("wb", "w", "ab", "r+b", "w+b", "a+b"):
            with self.subTest(mode=mode), self.assertRaises(SourceFailure):
                with self.storage.open("old.bin", mode) as file:
                    file.write("x" * 100_000 if mode == "w" else b"x" * 100_000)
                    raise SourceFailure
            self.assertTrue(file.closed)
            self.assertFiles({"old.bin": data})

    def test_W08_close_after_an_exception(self) -> None:
        """``close()`` after a ``with`` block that failed does not publish either."""
        with self.assertRaises(SourceFailure), self.storage.open("new.bin", "wb") as file:
            file.write(self.content())
            raise SourceFailure
        file.close()
        self.assertFiles({})

    def test_W09_forgotten_writer_publishes_nothing(self) -> None:
        """A writer that is never closed publishes nothing and gives a ResourceWarning."""
        old = self.content()
        self.write("old.bin", old)
        for name in ("new.bin", "old.bin"):
            with self.assertWarnsUnclosed():
                file = self.storage.open(name, "wb")
                file.write(self.content(200_000))
                del file
        gc.collect()
        self.assertFiles({"old.bin": old})

    def test_W10_closing_twice(self) -> None:
        """The second ``close()`` does not publish again over what came later."""
        first, second = self.content(), self.content()
        file = self.storage.open("w.bin", "wb")
        file.write(first)
        file.close()
        self.write("w.bin", second)
        file.close()
        self.assertFiles({"w.bin": second})
        with self.assertRaises(ValueError):
            file.write(b"more")

    def test_W11_failing_close(self) -> None:
        """When publishing fails, ``close()`` raises, nothing is stored, and it may be repeated."""
        self.needs("extended")
        data = self.content(100_000)
        file = self.storage.open("w.bin", "wb")
        file.write(data)
        refused = PermissionError(13, "Permission denied")
        with mock.patch.object(self.storage, "_write", side_effect=refused) as hook:
            with self.assertOurs(PermissionError):
                file.close()
        self.assertTrue(hook.called)
        self.assertFiles({})
        file.close()
        self.assertTrue(file.closed)
        self.assertIn(self.all_names(), [set(), {"w.bin"}])
        if self.all_names():
            self.assertFiles({"w.bin": data})

    def test_W12_seek_tell_truncate_read_back(self) -> None:
        """A file opened with w+ is a scratch file until it is closed."""
        data = self.content(10_000)
        with self.storage.open("w.bin", "w+b") as file:
            file.write(data)
            self.assertEqual(file.tell(), 10_000)
            file.seek(0)
            self.assertEqual(file.read(100), data[:100])
            file.seek(-500, io.SEEK_END)
            self.assertEqual(file.truncate(), 9500)
            file.seek(9000)
            file.write(b"x")
            self.assertEqual((file.readable(), file.writable(), file.seekable()), (True,) * 3)
        self.assertFiles({"w.bin": data[:9000] + b"x" + data[9001:9500]})

    def test_W12_zip_archive(self) -> None:
        """A zip archive can be written in place, though that seeks back."""
        self.needs_any_content()
        with self.storage.open("a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a.txt", b"content")
        with self.storage.open("a.zip") as file, zipfile.ZipFile(file) as archive:
            self.assertEqual(archive.read("a.txt"), b"content")

    def test_W13_flush_does_not_publish(self) -> None:
        """``flush()`` may be called and shows nothing."""
        data = self.content(200_000)
        with self.storage.open("w.bin", "wb") as file:
            file.write(data)
            file.flush()
            self.assertFalse(self.storage.exists("w.bin"))
        self.assertFiles({"w.bin": data})

    def test_W14_text_is_utf_8(self) -> None:
        """Text written in mode w is stored as UTF-8; bytes are accepted there too."""
        self.needs_any_content()
        with self.storage.open("w.txt", "w") as file:
            file.write("héé ")
            file.write("日本🙂")
        self.assertFiles({"w.txt": "héé 日本🙂".encode()})
        with self.storage.open("w.txt", "a") as file:
            file.write(" é")
        self.assertFiles({"w.txt": "héé 日本🙂 é".encode()})

    def test_W15_newlines_are_not_translated(self) -> None:
        """Line ends are stored as they were written, on every platform."""
        self.needs_any_content()
        with self.storage.open("w.txt", "w") as file:
            file.write("a\nb\r\nc\r")
        self.assertFiles({"w.txt": b"a\nb\r\nc\r"})

    def test_W16_invalid_modes(self) -> None:
        """A mode that is none raises ValueError before anything is done."""
        data = self.content()
        name = self.put("w.bin", data)
        for mode in ("", "z", "rw", "wr", "b", "rbt", "++", "r++", "wa", "rbb"):
            with self.subTest(mode=mode), self.assertRaises(ValueError):
                self.storage.open(name, mode)
        self.assertFiles({name: data})

    def test_W17_size_while_writing(self) -> None:
        """A writer's size is what was written so far, and ``File`` methods work on it."""
        data = self.content(5000)
        with self.storage.open("d/w.bin", "w+b") as file:
            file.write(data)
            self.assertEqual(file.size, 5000)
            self.assertEqual(b"".join(file.chunks()), data)
        self.assertFiles({"d/w.bin": data})


class TextContract(ContractCase):
    """Chapter M: reading text."""

    def test_M01_text_is_decoded(self) -> None:
        """Mode r decodes UTF-8, and the size asked for counts characters."""
        self.needs_any_content()
        name = self.put("t.txt", "héé 日本🙂".encode())
        with self.storage.open(name, "r") as file:
            self.assertEqual(file.read(3), "héé")
            self.assertEqual(file.read(), " 日本🙂")
            self.assertEqual(file.read(), "")

    def test_M02_characters_across_blocks(self) -> None:
        """A character of several bytes may lie across any boundary."""
        self.needs_any_content()
        for shift in range(4):
            text = "x" * shift + "日🙂" * 60_000
            with self.storage.open(self.put(f"{shift}.txt", text.encode()), "r") as file:
                self.assertEqual("".join(iter(lambda: file.read(4099), "")), text)

    def test_M03_lines(self) -> None:
        """Iterating gives lines of text."""
        self.needs_any_content()
        name = self.put("t.txt", "é\nb\n\nlast".encode())
        with self.storage.open(name, "r") as file:
            self.assertEqual(list(file), ["é\n", "b\n", "\n", "last"])
        with self.storage.open(name, "rt") as file:
            self.assertEqual(file.readline(), "é\n")
            self.assertEqual(file.readlines(), ["b\n", "\n", "last"])

    def test_M04_rewind(self) -> None:
        """``seek(0)`` and reading again gives the same text; so does a position from tell()."""
        self.needs_any_content()
        text = "é日\n" * 1000
        with self.storage.open(self.put("t.txt", text.encode()), "r") as file:
            self.assertEqual(file.read(), text)
            file.seek(0)
            self.assertEqual(file.read(3), text[:3])
            position = file.tell()
            self.assertEqual(file.read(), text[3:])
            file.seek(position)
            self.assertEqual(file.read(), text[3:])

    def test_M05_byte_order_mark_is_kept(self) -> None:
        """A byte order mark is content."""
        self.needs_any_content()
        with self.storage.open(self.put("t.txt", b"\xef\xbb\xbfa"), "r") as file:
            self.assertEqual(file.read(), "\ufeffa")

    def test_M06_invalid_text(self) -> None:
        """Bytes that are no UTF-8 raise UnicodeDecodeError, not a storage error, nor garbage."""
        self.needs_any_content()
        with self.storage.open(self.put("t.txt", b"ok \xff\xfe"), "r") as file:
            with self.assertRaises(UnicodeDecodeError):
                file.read()
