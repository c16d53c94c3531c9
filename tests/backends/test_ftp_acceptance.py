"""The acceptance cases of the FTP storage, FTP-1 to FTP-8, on real servers."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage
from storages.errors import PermissionDenied
from storages.testing.processes import peak_of_round_trip, run_processes
from tests.servers import ftp, shared
from tests.servers.ftp_base import FTPServer

MIB = 1024 * 1024
PLAIN: list[type[FTPServer]] = [ftp.Vsftpd, ftp.PureFtpd, ftp.Proftpd, ftp.Pyftpdlib]
ALL: list[type[FTPServer]] = [
    *PLAIN,
    ftp.VsftpdTLS,
    ftp.VsftpdImplicit,
    ftp.PureFtpdTLS,
    ftp.ProftpdTLS,
    ftp.ProftpdImplicit,
    ftp.PyftpdlibTLS,
    ftp.PyftpdlibImplicit,
]


def made(server: FTPServer) -> FTPStorage:
    """A storage for a new directory."""
    return FTPStorage(**server.options(server.new_place()))


def read(storage: FTPStorage, name: str) -> bytes:
    """All bytes of a file."""
    with storage.open(name) as file:
        return bytes(file.read())


@pytest.mark.parametrize(
    ("kind", "size", "limit"),
    [
        (ftp.Vsftpd, 100, 16),
        (ftp.ProftpdTLS, 100, 16),
        pytest.param(ftp.Vsftpd, 1024, 32, marks=pytest.mark.slow),
    ],
)
def test_ftp_1_large_files_take_little_memory(kind: type[FTPServer], size: int, limit: int) -> None:
    """FTP-1: 100 MiB there and back grow a process by less than 16 MiB, 1 GiB by less than 32."""
    storage = pickle.dumps(made(shared(kind)))
    arguments = (storage, "large.bin", b"", size * MIB)
    ((growth, equal),) = run_processes("fork", peak_of_round_trip, [arguments])
    assert equal
    assert growth < limit * MIB


@pytest.mark.parametrize("kind", PLAIN)
def test_ftp_2_a_second_file_of_one_name_keeps_the_first(kind: type[FTPServer]) -> None:
    """FTP-2: also at the top of a location with a path, where the original lost the first one."""
    with made(shared(kind)) as storage:
        first = storage.save("report.txt", ContentFile(b"first"))
        second = storage.save("report.txt", ContentFile(b"second"))
        assert first == "report.txt"
        assert second != first
        for name, content in ((first, b"first"), (second, b"second")):
            assert read(storage, name) == content


@pytest.mark.parametrize("kind", PLAIN)
def test_ftp_3_names_with_spaces(kind: type[FTPServer]) -> None:
    """FTP-3: they are listed, and those beside them are still found."""
    server = shared(kind)
    names = ["two words.txt", "a  b   c.txt", "1 Jan  2020 12:00 x.txt", "a -> b.txt", "plain.txt"]
    with made(server) as storage:
        for name in names:
            assert (
                storage.save(f"my files/{name}", ContentFile(name.encode())) == f"my files/{name}"
            )
        assert storage.listdir("") == (["my files"], [])
        directories, files = storage.listdir("my files")
        assert (directories, sorted(files)) == ([], sorted(names))
        for name in names:
            assert storage.size(f"my files/{name}") == len(name)
            assert read(storage, f"my files/{name}") == name.encode()


@pytest.mark.parametrize("kind", PLAIN)
def test_ftp_4_writing_with_open(kind: type[FTPServer]) -> None:
    """FTP-4: all that was written is there after close(), text too; opening for "w" truncates."""
    with made(shared(kind)) as storage:
        with storage.open("d/notes.txt", "w") as file:
            file.write("one\n")
            file.write("zwölf\n")
        with storage.open("d/notes.txt", "r") as file:
            assert file.read() == "one\nzwölf\n"
        with storage.open("d/notes.txt", "ab") as file:
            file.write(b"more")
        assert read(storage, "d/notes.txt") == "one\nzwölf\nmore".encode()
        storage.open("d/notes.txt", "wb").close()
        assert storage.size("d/notes.txt") == 0


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.PureFtpd, ftp.ProftpdTLS])
def test_ftp_5_connections_that_are_lost_between_calls(kind: type[FTPServer]) -> None:
    """FTP-5: the server drops the connection before each call, and no call notices."""
    with kind() as server, made(server) as storage:
        name = storage.save("d/a.txt", ContentFile(b"content"))
        calls: dict[str, Callable[[], object]] = {
            "exists": lambda: storage.exists(name),
            "size": lambda: storage.size(name) == 7,
            "listdir": lambda: storage.listdir("d") == ([], ["a.txt"]),
            "open": lambda: read(storage, name) == b"content",
            "modified": lambda: storage.get_modified_time(name),
            "save": lambda: storage.save("d/b.txt", ContentFile(b"b")) == "d/b.txt",
            "move": lambda: storage.move("d/b.txt", "c.txt") == "c.txt",
        }
        for what, call in calls.items():
            server.end_sessions()
            assert server.left() == 0
            assert call(), what
        server.end_sessions()
        storage.delete("c.txt")
        server.restart()
        assert storage.listdir("d") == ([], ["a.txt"])


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.ProftpdTLS])
def test_ftp_6_a_wrong_password_is_not_shown(
    kind: type[FTPServer], caplog: pytest.LogCaptureFixture
) -> None:
    """FTP-6: the error names the setting and the server, and neither it nor a log the password."""
    caplog.set_level(logging.DEBUG)
    server = shared(kind)
    options = server.options(server.new_place(), password="wr0ng:pa/ss")
    with FTPStorage(**options) as storage, pytest.raises(PermissionDenied) as caught:
        storage.exists("a.txt")
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert "FTP_STORAGE_LOCATION" in told
    assert "127.0.0.1" in told
    for secret in ("wr0ng", "pa/ss", server.password, server.quoted_password()):
        assert secret not in told


# pyftpdlib loses a connection in active mode now and then, without any error.
BOTH = [(kind, False) for kind in ALL] + [
    (kind, True) for kind in ALL if not issubclass(kind, ftp.Pyftpdlib)
]


@pytest.mark.parametrize(("kind", "active"), BOTH)
def test_ftp_7_active_and_passive(kind: type[FTPServer], active: bool) -> None:
    """FTP-7: every server serves both ways, with and without TLS."""
    server = shared(kind)
    place = server.new_place()
    options = server.options(place)
    if active:
        options["location"] = f"a{options['location']}"
    data = bytes(range(256)) * 4096
    with FTPStorage(**options) as storage:
        assert storage.save("d/ä ö.bin", ContentFile(data)) == "d/ä ö.bin"
        assert server.file(f"{place}/d/ä ö.bin").read_bytes() == data
        with storage.open("d/ä ö.bin") as file:
            assert file.read(10) == data[:10]
            file.seek(1_000_000)
            assert file.read() == data[1_000_000:]
        copied = storage.copy("d/ä ö.bin", "e/copy.bin")
        moved = storage.move(copied, "f/moved.bin")
        assert sorted(storage.listdir("")[0]) == ["d", "e", "f"]
        assert storage.listdir("f") == ([], ["moved.bin"])
        assert storage.size(moved) == len(data)
        storage.delete(moved)
        assert not storage.exists(moved)
    assert server.left() == 0


def test_ftp_8_urls_are_quoted() -> None:
    """FTP-8: a space becomes %20. No server is asked."""
    storage = FTPStorage("ftp://nobody@127.0.0.1:1/", "https://media.example/")
    assert storage.url("a/b c.txt") == "https://media.example/a/b%20c.txt"
