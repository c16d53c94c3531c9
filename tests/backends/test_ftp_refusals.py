"""FTP on real servers: what is refused, by the storage for want of trust, or by the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from storages.backends.ftp import FTPStorage
from storages.errors import PermissionDenied, StorageError, Unavailable
from tests.backends.test_ftp_acceptance import made, read
from tests.servers import ftp, shared
from tests.servers.ftp_base import FTPServer
from tests.servers.process import HOST


class Expired(ftp.VsftpdTLS):
    """A certificate that was good until yesterday."""

    certificate = "expired"


class Elsewhere(ftp.VsftpdTLS):
    """A certificate for another host."""

    certificate = "other"


class ExpiredImplicit(ftp.ProftpdImplicit):
    """Likewise, with TLS from the first byte."""

    certificate = "expired"


class ElsewhereImplicit(ftp.ProftpdImplicit):
    """Likewise."""

    certificate = "other"


def heard(server: FTPServer) -> str:
    """The commands that vsftpd has logged."""
    lines = (server.directory / "vsftpd.log").read_text().splitlines()
    return "\n".join(line for line in lines if "FTP command" in line)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (Expired, "expired"),
        (Elsewhere, "mismatch"),
        (ExpiredImplicit, "expired"),
        (ElsewhereImplicit, "mismatch"),
    ],
)
def test_a_bad_certificate_is_refused(kind: type[FTPServer], why: str) -> None:
    """The error says what is wrong with it and which option decides; who insists gets in."""
    with kind() as server:
        place = server.new_place()
        with (
            FTPStorage(**server.options(place)) as storage,
            pytest.raises(Unavailable, match=why) as caught,
        ):
            storage.exists("a.txt")
        assert "FTP_STORAGE_TLS" in str(caught.value)
        if isinstance(server, ftp.Vsftpd):
            assert "USER" not in heard(server)
        with FTPStorage(**server.options(place, tls_verify=False)) as storage:
            assert storage.save("a.txt", ContentFile(b"a")) == "a.txt"


@pytest.mark.parametrize("kind", [ftp.VsftpdTLS, ftp.ProftpdImplicit])
def test_a_certificate_that_nobody_vouches_for_is_refused(kind: type[FTPServer]) -> None:
    """Without ``tls_ca_file`` the system's authorities decide, who know nothing of it."""
    server = shared(kind)
    options = {**server.options(server.new_place()), "tls_ca_file": None}
    with FTPStorage(**options) as storage, pytest.raises(Unavailable, match="FTP_STORAGE_TLS"):
        storage.exists("a.txt")


def test_a_password_is_never_sent_in_the_clear_where_tls_is_asked_for() -> None:
    """A server without TLS gets neither the user nor the password."""
    with ftp.Vsftpd() as server:
        location = server.location("/", scheme="ftps")
        with FTPStorage(location) as storage, pytest.raises(StorageError, match="TLS"):
            storage.exists("a.txt")
        told = heard(server)
        assert "AUTH TLS" in told
        assert "USER" not in told
        assert "PASS" not in told


def test_nobody_at_the_port() -> None:
    """Unavailable, which names the server."""
    server = ftp.Vsftpd()
    try:
        with FTPStorage(server.location()) as storage, pytest.raises(Unavailable, match=HOST):
            storage.exists("a.txt")
    finally:
        server.close()


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    """Let a directory or file have these permissions."""
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


THREE: list[type[FTPServer]] = [ftp.Vsftpd, ftp.PureFtpd, ftp.ProftpdTLS]


@pytest.mark.parametrize("kind", THREE)
def test_forbidden_is_not_missing(kind: type[FTPServer]) -> None:
    """A 550 that means "no permission" is an error; it is not the answer that nothing is there."""
    server = shared(kind)
    with made(server) as storage:
        storage.save("closed/a.txt", ContentFile(b"a"))
        directory = server.file(f"{storage.place.location.path}/closed")
        with mode(directory, 0):
            for call in (
                lambda: storage.exists("closed/a.txt"),
                lambda: storage.size("closed/a.txt"),
                lambda: storage.open("closed/a.txt"),
                lambda: storage.listdir("closed"),
                lambda: storage.delete("closed/a.txt"),
                lambda: storage.save("closed/b.txt", ContentFile(b"b")),
            ):
                with pytest.raises(PermissionDenied):
                    call()
            assert not storage.exists("open/a.txt")
        assert read(storage, "closed/a.txt") == b"a"
        assert [path.name for path in directory.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("kind", THREE)
def test_a_file_that_may_not_be_read(kind: type[FTPServer]) -> None:
    """It exists and has a size, and opening it is refused."""
    server = shared(kind)
    with made(server) as storage:
        storage.save("a.txt", ContentFile(b"a"))
        with mode(server.file(f"{storage.place.location.path}/a.txt"), 0):
            assert storage.exists("a.txt")
            assert storage.size("a.txt") == 1
            with pytest.raises(PermissionDenied):
                storage.open("a.txt")


@pytest.mark.parametrize("kind", THREE)
def test_a_directory_that_may_not_be_written_to(kind: type[FTPServer]) -> None:
    """Saving, deleting and moving are refused, reading is not, and nothing is left over."""
    server = shared(kind)
    with made(server) as storage:
        storage.save("d/a.txt", ContentFile(b"a"))
        directory = server.file(f"{storage.place.location.path}/d")
        with mode(directory, 0o555):
            for call in (
                lambda: storage.save("d/b.txt", ContentFile(b"b")),
                lambda: storage.delete("d/a.txt"),
            ):
                with pytest.raises(PermissionDenied):
                    call()
            # vsftpd says no more than "Rename failed", and there are other reasons.
            with pytest.raises(StorageError, match=r"550|denied"):
                storage.move("d/a.txt", "c.txt")
            assert read(storage, "d/a.txt") == b"a"
            assert storage.listdir("d") == ([], ["a.txt"])
        assert [path.name for path in directory.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.PureFtpd])
def test_names_that_are_not_utf_8(kind: type[FTPServer]) -> None:
    """A name that somebody else stored in Latin-1 spoils nothing; with its encoding it is read."""
    server = shared(kind)
    with made(server) as storage:
        place = storage.place.location.path
        storage.save("plain.txt", ContentFile(b"plain"))
        other = bytes(server.file(place)) + b"/\xe4.txt"
        with open(other, "wb") as file:  # noqa: PTH123 - the name is bytes
            file.write(b"latin")
        assert "plain.txt" in storage.listdir("")[1]
        assert len(storage.listdir("")[1]) == 2
        assert read(storage, "plain.txt") == b"plain"
        with FTPStorage(**server.options(place, encoding="latin-1")) as latin:
            assert sorted(latin.listdir("")[1]) == ["plain.txt", "ä.txt"]
            assert read(latin, "ä.txt") == b"latin"
