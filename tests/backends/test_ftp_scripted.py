"""FTP: servers that lack, print or say what none of the real ones does."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage, inquiry, integrity
from storages.backends.ftp.connection import Connection
from storages.errors import (
    AlreadyExists,
    Changed,
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    Unavailable,
)
from storages.retry import Retry, deadline
from tests.backends.ftp_scripted import HOST, ScriptedFTP, Session, dos, unix

MLST = ("UTF8", "SIZE", "MDTM", "REST STREAM", "MLST type*;size*;modify*;")


@contextmanager
def served(
    features: tuple[str, ...] | None = ("SIZE", "MDTM", "REST STREAM"), **how: Any
) -> Iterator[tuple[ScriptedFTP, FTPStorage]]:
    """Give a server and a storage on it."""
    options = how.pop("options", {})
    with (
        ScriptedFTP(features, **how) as server,
        FTPStorage(server.location, **{"timeout": 10.0, **options}) as storage,
    ):
        yield server, storage


def read(storage: FTPStorage, name: str) -> bytes:
    """Return a file's content."""
    with storage.open(name) as file:
        content: bytes = file.read()
    return content


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


def test_a_disk_that_fills_up_during_an_upload() -> None:
    """The server says why it stopped reading; the upload is removed, the old file stays."""

    def full(session: Session, argument: str) -> str:
        session.say("150 Go on.")
        with session._connected() as data:
            data.recv(1000)
            session.files[argument.encode()] = b"half"
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return "451 Failure writing to local file: No space left on device."

    with served(scripts={"STOR": full}) as (server, storage):
        server.put("/a.bin", b"old")
        with pytest.raises(StorageFull, match="No space"), storage.open("a.bin", "wb") as file:
            file.write(bytes(20_000_000))
        assert server.files == {b"/": None, b"/a.bin": b"old"}


def test_an_upload_that_arrives_short_is_sent_again() -> None:
    """The size is compared before anything is published."""
    cut = [b"short"]

    def store(session: Session, argument: str) -> str:
        said = session.do_STOR(argument.encode(), argument)
        if cut:
            session.files[argument.encode()] = cut.pop()
        return said

    with served(scripts={"STOR": store}) as (server, storage):
        assert storage.save("a.txt", ContentFile(b"content")) == "a.txt"
        assert server.files == {b"/": None, b"/a.txt": b"content"}
        assert server.sent().count("STOR") == 2


DIGESTS: dict[str, tuple[str, Callable[[bytes], str]]] = {
    "HASH SHA-256*;MD5": (
        "HASH",
        lambda c: f"213 SHA-256 0-{len(c)} {hashlib.sha256(c).hexdigest()} x",
    ),
    "HASH CRC32*": ("HASH", lambda c: f"213 CRC32 0-{len(c)} {zlib.crc32(c):08X} x"),
    "XSHA256 filename;start;end": ("XSHA256", lambda c: f"250 {hashlib.sha256(c).hexdigest()}"),
    "XSHA512": ("XSHA512", lambda c: f"250 {hashlib.sha512(c).hexdigest().upper()}"),
    "XMD5": ("XMD5", lambda c: f'250 "{hashlib.md5(c).hexdigest()}"'),
    "XCRC": ("XCRC", lambda c: f"250 {zlib.crc32(c):X}"),
}


@pytest.mark.parametrize("feature", DIGESTS)
def test_digests_are_compared_where_the_server_makes_them(feature: str) -> None:
    """What was damaged on its way is sent again, once."""
    command, answer = DIGESTS[feature]
    damaged = [b"contenT"]

    def store(session: Session, argument: str) -> str:
        said = session.do_STOR(argument.encode(), argument)
        if damaged:
            session.files[argument.encode()] = damaged.pop()
        return said

    def digest(session: Session, argument: str) -> str:
        return answer(session.files[argument.encode()] or b"")

    with served((feature,), scripts={"STOR": store, command: digest}) as (server, storage):
        storage.save("a.txt", ContentFile(b"content"))
        assert read(storage, "a.txt") == b"content"
        sent = server.sent()
        assert sent.count("STOR") == sent.count(command) == 2


def test_a_digest_may_take_longer_than_other_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server has to read all of the file for it."""

    def digest(session: Session, argument: str) -> str:
        time.sleep(0.6)
        return f"250 {zlib.crc32(session.files[argument.encode()] or b''):08X}"

    monkeypatch.setattr(integrity, "_SLOWEST", 10)
    how: dict[str, Any] = {"scripts": {"XCRC": digest}, "options": {"timeout": 0.3}}
    with served(("XCRC",), **how) as (server, storage):
        storage.save("a.bin", ContentFile(bytes(100)))
        assert server.sent().count("XCRC") == 1


def test_a_digest_that_is_refused_leaves_the_size() -> None:
    """Some servers do not digest files beyond some size."""
    with served(("XMD5",), scripts={"XMD5": "550 Too large."}) as (server, storage):
        storage.save("a.txt", ContentFile(b"content"))
        assert "SIZE" in server.sent()


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


def test_a_foreign_address_in_pasv_is_not_believed() -> None:
    """The server's own address is used, so nobody can be made to connect elsewhere."""

    def pasv(session: Session, argument: str) -> str:
        session._listen()
        return f"227 Entering Passive Mode ({session.address('192.0.2.1')})."

    with served(scripts={"PASV": pasv}) as (_, storage):
        storage.save("a.txt", ContentFile(b"1"))
        assert read(storage, "a.txt") == b"1"


def test_ipv6() -> None:
    """PASV tells addresses of IPv4 only, so EPSV is asked."""
    with served(MLST, host="::1") as (server, storage):
        storage.save("a.txt", ContentFile(b"1"))
        assert read(storage, "a.txt") == b"1"
        sent = server.sent()
        assert "EPSV" in sent
        assert "PASV" not in sent


def test_a_data_port_that_nobody_reaches() -> None:
    """As behind a firewall: the hint says what may help, and the connection is not used again."""

    def pasv(session: Session, argument: str) -> str:
        session._listen()
        address = session.address(HOST)
        assert session.passive is not None
        session.passive.close()
        return f"227 Entering Passive Mode ({address})."

    with served(scripts={"PASV": pasv}) as (server, storage):
        with pytest.raises(Unavailable, match="data connection to port") as caught:
            storage.listdir("")
        assert "passive ports" in caught.value.hint
        assert len(storage._pool) == 0
        assert server.sent().count("PASV") == 3


def test_in_active_mode_only_the_server_may_connect() -> None:
    """Whoever else comes first is hung up on; it is the server's connection that counts."""
    heard: list[bytes] = []
    strangers: list[threading.Thread] = []

    def hear(stranger: socket.socket) -> None:
        with stranger:
            try:
                heard.append(stranger.recv(100))
            except ConnectionResetError:
                heard.append(b"")

    def port(session: Session, argument: str) -> str:
        parts = argument.split(",")
        place = (".".join(parts[:4]), int(parts[4]) * 256 + int(parts[5]))
        stranger = socket.create_connection(place, source_address=("127.0.0.9", 0))
        stranger.settimeout(10)
        ours = socket.create_connection(place)
        vars(session)["_connected"] = lambda: ours
        strangers.append(threading.Thread(target=hear, args=(stranger,), daemon=True))
        strangers[-1].start()
        return "200 Connected."

    with served(scripts={"PORT": port}) as (server, _):
        storage = FTPStorage(server.location.replace("ftp:", "aftp:"), timeout=10.0)
        with storage:
            storage.save("a.txt", ContentFile(b"1"))
            assert read(storage, "a.txt") == b"1"
        assert "PASV" not in server.sent()
        for thread in strangers:
            thread.join(10)
        assert heard == [b"", b""]


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


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        ("SSH-2.0-OpenSSH_9.2", "not FTP"),
        ("x" * 50_000, "does not end"),
        ("220-" + "\r\nx" * 100_000, "does not end"),
        ("421 Too many users.", "Too many"),
        ("", "not FTP"),
    ],
)
def test_what_is_no_ftp_server(greeting: str, expected: str) -> None:
    """Memory stays bounded, and the error says what came."""
    with socket.create_server((HOST, 0)) as listener:

        def greet() -> None:
            for _ in range(3):
                client, _ = listener.accept()
                with client, suppress(OSError):
                    client.sendall(greeting.encode() + b"\r\n")
                    client.recv(1)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        storage = FTPStorage(f"ftp://{HOST}:{listener.getsockname()[1]}/", timeout=10.0)
        with pytest.raises(Unavailable, match=expected):
            storage.exists("a")
        thread.join(10)


def test_a_file_that_grows_or_is_replaced_between_question_and_transfer() -> None:
    """Its size is known before it is read: what does not fit is another version."""
    with served(MLST) as (server, storage):
        server.put("/a.txt", b"12345")
        for content in (b"123456789", b"123"):
            server.scripts["RETR"] = lambda session, _, content=content: session.send(content)
            with pytest.raises(StorageError), storage.open("a.txt") as file:
                file.read()
        server.scripts["RETR"] = lambda session, _: session.send(b"", "150 a.txt (9 bytes).")
        with pytest.raises(Changed), storage.open("a.txt"):
            pass


def test_a_whole_transfer_that_is_too_short_is_another_version() -> None:
    """It was replaced when the transfer began, and once more since: nothing is put together."""
    contents = [b"new" * 1000, b"old"]

    def retrieve(session: Session, _: str) -> str:
        offset, session.offset = session.offset, 0
        return session.send(contents.pop()[offset:])

    with served(MLST, scripts={"RETR": retrieve}) as (server, storage):
        server.put("/a.txt", contents[0])
        with storage.open("a.txt") as file, pytest.raises(Changed):
            file.read()
        assert len(contents) == 1  # and it was not asked for again


def test_a_transfer_that_breaks_off_goes_on_where_it_stood() -> None:
    """In the same version, once; what has arrived is not asked for again."""
    content = bytes(range(256)) * 1000
    broken = [100_000]

    def retrieve(session: Session, argument: str) -> str:
        offset, session.offset = session.offset, 0
        end = broken.pop() if broken else len(content)
        session.send(content[offset:end])
        return "226 That was it." if end == len(content) else "426 Broken off."

    with served(MLST, scripts={"RETR": retrieve}) as (server, storage):
        server.put("/a.bin", content)
        assert read(storage, "a.bin") == content
        assert [c for c in server.commands if c.startswith("REST")] == ["REST 100000"]


def test_a_silent_server_is_given_up() -> None:
    """After the timeout, or at the deadline; the connection is not used again."""
    with served(MLST, options={"timeout": 0.3}) as (server, storage):
        storage.retry = Retry(attempts=2, backoff=0.01)
        server.put("/a.txt", b"1")
        server.scripts["MLST"] = None
        started = time.monotonic()
        with pytest.raises(Timeout):
            storage.size("a.txt")
        assert 0.5 < time.monotonic() - started < 5
        assert len(storage._pool) == 0
        del server.scripts["MLST"]
        assert storage.size("a.txt") == 1
        server.scripts["MLST"] = None
        with deadline(0.1), pytest.raises(Timeout):
            storage.size("a.txt")


def test_a_server_that_drips_is_given_up_at_the_deadline() -> None:
    """Each byte comes in time, the answer does not."""

    def drip(session: Session, _: str) -> None:
        for byte in b"250-" + b"x" * 100:
            session.client.sendall(bytes([byte]))
            time.sleep(0.05)

    with served(MLST, scripts={"MLST": drip}) as (_, storage):
        started = time.monotonic()
        with deadline(0.5), pytest.raises(Timeout):
            storage.size("a.txt")
        assert time.monotonic() - started < 3


def test_commands_in_names_are_not_sent() -> None:
    """Nothing with a line break gets as far as the server, whoever asks."""
    with served(MLST) as (server, storage):
        assert not storage.exists("x")
        server.sent()
        with storage.connection() as ftp, pytest.raises(ValueError, match="line break"):
            ftp.ask("SIZE a\r\nDELE b")
        assert server.sent() in (["QUIT"], [])


def test_plain_text_between_answer_and_tls_is_refused() -> None:
    """What came before encryption was injected by somebody on the way."""
    scripts = {"AUTH": "234 Go on.\r\n230 Logged in."}
    with ScriptedFTP(MLST, scripts=scripts) as server:
        storage = FTPStorage(server.location, tls="explicit", timeout=5.0)
        with pytest.raises(Unavailable, match="between"):
            storage.exists("a")
        assert server.sent() == ["AUTH"] * 3


def test_tls_that_is_not_offered_is_an_error() -> None:
    """The password is not sent in clear text instead."""
    with ScriptedFTP(MLST, lacks=frozenset({"AUTH"})) as server:
        said: list[str] = []
        server.scripts["USER"] = lambda _, argument: said.append(argument)
        storage = FTPStorage(server.location, tls="explicit", timeout=5.0)
        with pytest.raises(StorageError, match="offers no TLS"):
            storage.exists("a")
        assert said == []


def test_implicit_tls_where_the_server_speaks_first() -> None:
    """The error says where to look."""
    with ScriptedFTP(MLST) as server:
        storage = FTPStorage(server.location, tls="implicit", timeout=5.0)
        with pytest.raises(Unavailable, match="FTP_STORAGE_TLS") as caught:
            storage.exists("a")
        assert isinstance(caught.value.__cause__, ssl.SSLError)


def test_a_server_that_greets_late_may_want_tls() -> None:
    """So the hint says."""
    with socket.create_server((HOST, 0)) as listener:
        storage = FTPStorage(f"ftp://{HOST}:{listener.getsockname()[1]}/", timeout=0.2)
        with pytest.raises(Timeout, match="FTP_STORAGE_TLS"):
            storage.exists("a")


def test_a_password_that_the_server_repeats_is_not_shown() -> None:
    """FTP-6: neither in the text nor in the cause, nor in a traceback."""
    scripts = {"PASS": lambda _, argument: f"530 {argument!r} is wrong."}
    with ScriptedFTP(MLST, scripts=scripts) as server:
        storage = FTPStorage(server.location.replace("secret", "pass%40word"), timeout=5.0)
        with pytest.raises(PermissionDenied) as caught:
            storage.exists("a")
        error: BaseException | None = caught.value
        while error is not None:
            assert "pass@word" not in f"{error} {error!r}"
            assert "pass%40word" not in f"{error} {error!r}"
            error = error.__cause__
        assert "530" in str(caught.value)
        assert "FTP_STORAGE_LOCATION" in caught.value.hint


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("530 Login incorrect.", PermissionDenied),
        ("430 Invalid username or password.", PermissionDenied),
        ("530 Too many connections for this user.", Unavailable),
        ("530 Non-anonymous sessions must use encryption.", PermissionDenied),
        ("332 Need account.", PermissionDenied),
    ],
)
def test_refused_logins(reply: str, expected: type[StorageError]) -> None:
    """Wrong credentials are not tried again; a full server is."""
    with ScriptedFTP(MLST, scripts={"PASS": reply}) as server:
        storage = FTPStorage(server.location, timeout=5.0)
        with pytest.raises(expected) as caught:
            storage.exists("a")
        assert len(server.sessions) == (3 if expected is Unavailable else 1)
        if "encryption" in reply:
            assert "TLS" in caught.value.hint


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


def test_taken_names_are_seen_before_much_is_sent() -> None:
    """A small file is sent at once; a large one after one question."""
    with served(MLST) as (server, storage):
        storage.save("a.bin", ContentFile(b"1"))
        server.sent()
        with pytest.raises(AlreadyExists), storage.open("a.bin", "xb") as file:
            file.write(bytes(2_000_000))
        assert "STOR" not in server.sent()
        with storage.connection() as ftp:
            path = ftp.path("a.bin")
        assert path == "/a.bin"


def test_a_password_that_cannot_be_encoded_is_shown_nowhere() -> None:
    """Python's own error has the whole command in it."""
    with ScriptedFTP() as server:
        location = f"ftp://user:geh\u20acim@{HOST}:{server.port}/"
        with (
            FTPStorage(location, encoding="latin-1") as storage,
            pytest.raises(StorageError, match="characters that latin-1") as caught,
        ):
            storage.exists("a.txt")
    error: BaseException | None = caught.value
    while error is not None:
        assert "geh" not in repr(error)
        error = error.__cause__ or error.__context__


def test_a_slow_line_is_not_a_stalled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout is for each piece that the server takes, not for a block of 256 KiB."""
    secured = Connection._secured

    def small(ftp: Connection, data: socket.socket) -> socket.socket:
        data.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * 1024)
        return secured(ftp, data)

    monkeypatch.setattr(Connection, "_secured", small)
    paused: list[int] = []

    def slowly(session: Session, argument: str) -> str:
        session.say("150 Go on.")
        content = bytearray()
        with session._connected() as data:
            while block := data.recv(8 * 1024):
                content += block
                if len(content) < 512 * 1024:
                    paused.append(len(block))
                    time.sleep(0.05)
        session.server.put(argument, bytes(content))
        return "226 Have it."

    with served(scripts={"STOR": slowly}, options={"timeout": 1.0}) as (server, storage):
        storage.retry = Retry(attempts=1)
        assert storage.save("a.bin", ContentFile(b"x" * 1024 * 1024)) == "a.bin"
        assert server.files[b"/a.bin"] == b"x" * 1024 * 1024
    assert len(paused) >= 32  # 1.6 seconds for a block
