"""FTP: servers that lack, list, name or refuse as none of the real ones does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage, inquiry
from storages.errors import (
    AlreadyExists,
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Unavailable,
)
from storages.retry import Retry
from tests.backends.ftp_scripted import ScriptedFTP, Session, dos, unix
from tests.backends.ftp_served import MLST, read, served

SERVERS: dict[str, dict[str, Any]] = {
    "with MLSD": {"features": MLST},
    "without MLSD": {},
    "without FEAT": {"features": None},
    "without SIZE and MDTM": {"features": (), "lacks": frozenset({"SIZE", "MDTM"})},
    "that prints like DOS": {"listing": dos},
    "without PASV": {"lacks": frozenset({"PASV"})},
    "without OPTS": {"features": MLST, "lacks": frozenset({"OPTS"})},
}


@pytest.mark.parametrize("kind", SERVERS)
def test_everything_works_on_a_server(kind: str) -> None:
    """Whatever it lacks, there is another way."""
    with served(**SERVERS[kind]) as (server, storage):
        assert storage.save("d/e/a b.txt", ContentFile(b"first")) == "d/e/a b.txt"
        second = storage.save("d/e/a b.txt", ContentFile(b"second"))
        assert second != "d/e/a b.txt"
        assert read(storage, "d/e/a b.txt") == b"first"
        assert read(storage, second) == b"second"
        assert storage.size(second) == 6
        assert storage.listdir("d") == (["e"], [])
        directories, files = storage.listdir("d/e")
        assert (directories, sorted(files)) == ([], sorted(["a b.txt", second.rpartition("/")[2]]))
        with storage.open("d/e/a b.txt", "wb") as file:
            file.write(b"FIRST")
        with storage.open("d/e/a b.txt") as file:
            file.seek(2)
            assert file.read() == b"RST"
        assert [storage.exists(n) for n in ("d", "d/e/a b.txt", "d/x", "x/y")] == [
            True,
            True,
            False,
            False,
        ]
        for missing in ("x", "x/y", "d/e/a b.txt/z"):
            with pytest.raises(NotFound):
                storage.open(missing)
        with pytest.raises(IsADirectory):
            storage.size("d")
        with pytest.raises((NotFound, NotADirectory)):
            storage.listdir("d/x")
        storage.move(second, "moved.txt")
        storage.copy("moved.txt", "copied.txt")
        storage.delete("d/e/a b.txt")
        storage.delete("d/e")
        storage.delete("d")
        assert sorted(storage.listdir("")[1]) == ["copied.txt", "moved.txt"]
        assert set(server.files) == {b"/", b"/moved.txt", b"/copied.txt"}


@pytest.mark.parametrize("kind", SERVERS)
def test_times_are_told_where_they_are_known(kind: str) -> None:
    """A printed time is in an unknown zone, and not taken for one."""
    with served(**SERVERS[kind]) as (server, storage):
        server.put("/a.txt", b"1", age=3600)
        if "MDTM" in server.lacks:
            with pytest.raises(NotImplementedError):
                storage.get_modified_time("a.txt")
        else:
            age = time.time() - storage.get_modified_time("a.txt").timestamp()
            assert 3595 < age < 3700


def test_latin_1_names() -> None:
    """With the encoding set, names of an old server are what they are."""
    with served(options={"encoding": "latin-1"}) as (server, storage):
        server.files["/gr\xfc\xdfe.txt".encode("latin-1")] = b"1"
        assert storage.listdir("") == ([], ["gr\xfc\xdfe.txt"])
        assert read(storage, "gr\xfc\xdfe.txt") == b"1"
        storage.save("\xe4.txt", ContentFile(b"2"))
        assert b"/\xe4.txt" in server.files
        assert "OPTS UTF8 ON" not in server.commands
        with pytest.raises(StorageError, match="characters that latin-1"):
            storage.exists("\u0436.txt")


@pytest.mark.parametrize("features", [MLST, ()])
def test_names_that_are_not_utf_8_do_not_hide_the_others(features: tuple[str, ...]) -> None:
    """They are shown as Python shows those of a disk."""
    with served(features) as (server, storage):
        server.files[b"/gr\xfc\xdfe"] = None
        server.files[b"/gr\xfc\xdfe/x.txt"] = b"1"
        server.put("/ok.txt", b"1")
        assert storage.listdir("") == (["gr\udcfc\udcdfe"], ["ok.txt"])
        walked = [(path, files) for path, _, files in storage.walk("")]
        assert walked == [("", ["ok.txt"]), ("gr\udcfc\udcdfe", ["x.txt"])]


def test_symbolic_links_are_what_they_lead_to() -> None:
    """A listing shows that it is a link; the server is asked what of. A broken one is nothing."""

    def lines(name: bytes, content: bytes | None, at: float) -> bytes:
        line = unix(name, content, at)
        return b"l" + line[1:] + b" -> /somewhere" if name.startswith(b"link") else line

    scripts = {"SIZE /linkb": "550 Could not get file size."}
    with served(listing=lines, scripts=scripts) as (server, storage):
        for name, content in {"linkd": None, "linkf": b"12", "linkb": b"", "f": b""}.items():
            server.put(f"/{name}", content)
        entries = {entry.name: entry.is_dir for entry in storage.scandir("")}
        assert entries == {"linkd": True, "linkf": False, "f": False}


def test_a_link_whose_size_is_the_links_own() -> None:
    """As one server tells it; such a file is asked for by SIZE."""
    answer = "250-Listing\r\n modify=20240229123456;size=1;type=file;UNIX.mode=0777; /l\r\n250 End"
    with served(MLST, scripts={"MLST /l": answer}) as (server, storage):
        server.put("/l", b"123")
        assert storage.size("l") == 3
        assert read(storage, "l") == b"123"


@pytest.mark.parametrize("pause", [0, 0.002])
def test_answers_in_pieces_and_of_many_lines(pause: float) -> None:
    """However they arrive: only a line that begins with the same code and a space ends them."""
    text = (
        '257-This is not the end\r\n257-"/wrong" neither\r\n 257 nor this\r\n250 nor that\r\n'
        '257 "/the ""real"" one/" it is'
    )

    def pwd(session: Session, _: str) -> None:
        for byte in text.encode() + b"\r\n":
            session.client.sendall(bytes([byte]))
            time.sleep(pause)

    with (
        ScriptedFTP(MLST, scripts={"PWD": pwd}) as server,
        FTPStorage(server.location.rstrip("/"), timeout=10.0) as storage,
    ):
        server.put('/the "real" one', None)
        storage.save("a.txt", ContentFile(b"1"))
        assert server.files[b'/the "real" one/a.txt'] == b"1"


def test_commands_in_names_are_not_sent() -> None:
    """Nothing with a line break gets as far as the server, whoever asks."""
    with served(MLST) as (server, storage):
        assert not storage.exists("x")
        server.sent()
        with storage.connection() as ftp, pytest.raises(ValueError, match="line break"):
            ftp.ask("SIZE a\r\nDELE b")
        assert server.sent() in (["QUIT"], [])


# ------------------------------------------------------------------- what refusals mean


def test_a_refusal_that_means_forbidden() -> None:
    """550 says nothing, the listing shows the name: forbidden, not missing."""
    refusals = {f"{verb} /a.txt": "550 No." for verb in ("SIZE", "CWD", "RETR", "RNFR")}
    with served(scripts=refusals) as (server, storage):
        server.put("/a.txt", b"1")
        attempts: list[Callable[[str], Any]] = [storage.exists, storage.size, storage.open]
        for attempt in attempts:
            with pytest.raises(PermissionDenied, match="shows the name"):
                attempt("a.txt")
        assert not storage.exists("b.txt")


def test_a_directory_that_cannot_be_entered() -> None:
    """What is in it cannot be told: neither that it exists nor that it does not."""
    with served(scripts={"CWD /d": "550 No."}) as (server, storage):
        server.put("/d", None)
        with pytest.raises(PermissionDenied, match="enter"):
            storage.exists("d/a.txt")
        with pytest.raises(PermissionDenied):
            storage.listdir("d")


def test_a_directory_that_cannot_be_listed() -> None:
    """One server says so behind its 226, after an empty listing."""

    def cannot(session: Session, _: str) -> str:
        session.send(b"")
        return "226 Transfer done (but failed to open directory)."

    with served(scripts={"LIST": cannot}) as (_, storage), pytest.raises(PermissionDenied):
        storage.listdir("")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("452 Insufficient storage space.", StorageFull),
        ("552 Over quota.", StorageFull),
        ("550 x: No space left on device", StorageFull),
        ("553 Permission denied.", PermissionDenied),
        ("532 Need account for storing files.", PermissionDenied),
        ("425 Cannot build data connection.", Unavailable),
        ("421 Going down.", Unavailable),
        ("500 What?", StorageError),
    ],
)
def test_refused_uploads(reply: str, expected: type[StorageError]) -> None:
    """Each is the error that it means, and nothing is left behind."""
    with served(scripts={"STOR": reply}) as (server, storage):
        storage.retry = Retry(attempts=1)
        with pytest.raises(StorageError) as caught:
            storage.save("a.txt", ContentFile(b"1"))
        assert type(caught.value) is expected or type(caught.value).__mro__[1] is expected
        assert reply in str(caught.value)
        assert set(server.files) == {b"/"}


@pytest.mark.parametrize(
    ("features", "script"),
    [(MLST, "MLST /a.txt"), (("SIZE", "MDTM"), "SIZE /a.txt"), (("SIZE",), "CWD /a.txt")],
)
def test_a_question_that_fails_does_not_mean_free(features: tuple[str, ...], script: str) -> None:
    """What is there would be replaced."""
    with served(features, scripts={script: "451 Local error."}) as (server, storage):
        storage.retry = Retry(attempts=1)
        server.put("/a.txt", b"theirs" if "CWD" not in script else None)
        with storage.connection() as ftp, pytest.raises(Unavailable):
            inquiry.is_free(ftp, "/a.txt")


# ------------------------------------------------------------- no replacing by renaming


def test_a_server_that_does_not_replace_by_renaming() -> None:
    """The old file steps aside; if the new one cannot take its place, it comes back."""
    refuse_all = [False]

    def rename(session: Session, argument: str) -> str:
        if argument == "/a.txt" and (
            b"/a.txt" in session.files or (refuse_all[0] and session.renaming != b"/old")
        ):
            content = session.files.get(session.renaming or b"", b"")
            if content != b"old":
                session.renaming = None
                return "550 Target exists."
        return session.do_RNTO(argument.encode(), argument)

    with served(scripts={"RNTO": rename}, options={"allow_overwrite": True}) as (server, storage):
        server.put("/a.txt", b"old")
        refuse_all[0] = True
        with pytest.raises(PermissionDenied, match="Target exists"):
            storage.save("a.txt", ContentFile(b"new"))
        assert server.files == {b"/": None, b"/a.txt": b"old"}
        refuse_all[0] = False
        assert storage.save("a.txt", ContentFile(b"new")) == "a.txt"
        assert server.files == {b"/": None, b"/a.txt": b"new"}


def test_a_client_without_a_lock_on_a_server_that_does_not_replace() -> None:
    """What it has made between question and renaming is not replaced."""

    def rename(session: Session, argument: str) -> str:
        if argument == "/a.txt":
            session.server.put("/a.txt", b"theirs")
            return "550 Target exists."
        return session.do_RNTO(argument.encode(), argument)

    with served(MLST, scripts={"RNTO": rename}) as (server, storage):
        name = storage.save("a.txt", ContentFile(b"ours"))
        assert server.files == {b"/": None, b"/a.txt": b"theirs", f"/{name}".encode(): b"ours"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_a_file_that_is_deleted_while_it_is_moved(*, overwrite: bool, there: bool) -> None:
    """Between RNFR and RNTO: it is not found, whatever the server calls that."""

    def rename(session: Session, argument: str) -> str:
        session.files.pop(b"/a.txt", None)
        if there:
            session.server.put("/b.txt", b"theirs")
        return "550 Rename failed."

    with served(MLST, scripts={"RNTO": rename}) as (server, storage):
        server.put("/a.txt", b"1")
        with pytest.raises(AlreadyExists if there and not overwrite else NotFound):
            storage.move("a.txt", "b.txt", overwrite=overwrite)
        assert server.files == {b"/": None, **({b"/b.txt": b"theirs"} if there else {})}
