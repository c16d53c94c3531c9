"""FTP: uploads and downloads that arrive short, damaged, late or not at all; data connections."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage, integrity
from storages.backends.ftp.connection import Connection
from storages.errors import AlreadyExists, Changed, StorageError, StorageFull, Timeout, Unavailable
from storages.retry import Retry, deadline
from tests.backends.ftp_scripted import HOST, Session
from tests.backends.ftp_served import MLST, read, served

# ------------------------------------------------------------------------- uploads


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


# ----------------------------------------------------------------------- downloads


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


# ---------------------------------------------------------------- data connections


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


# --------------------------------------------------------------- answers that fail


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
        assert time.monotonic() - started < 5
