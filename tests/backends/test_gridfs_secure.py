"""GridFS with passwords, roles and certificates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from storages.backends.gridfs import GridFSStorage
from storages.backends.gridfs.indexes import ensure
from storages.errors import PermissionDenied, StorageError, Unavailable
from storages.retry import NO_RETRY
from tests.servers import shared
from tests.servers.certificates import Authority
from tests.servers.process import HOST
from tests.servers.secantus import SecantusAuth, SecantusTLS


@pytest.fixture
def name() -> Iterator[str]:
    """A new database's name, on the server with users."""
    server = shared(SecantusAuth)
    made = server.new_database()
    yield made
    server.drop(made)


@pytest.fixture(scope="module")
def tls() -> Iterator[SecantusTLS]:
    """A server with a certificate."""
    with SecantusTLS() as server:
        yield server


def test_a_wrong_password(name: str) -> None:
    """PermissionDenied, at once, without the password."""
    uri = shared(SecantusAuth).uri_of("writer", "wrong-password")
    with GridFSStorage(uri=uri, database_name=name) as storage:
        for call in (
            lambda: storage.exists("a.txt"),
            lambda: storage.save("a.txt", ContentFile(b"x")),
            lambda: storage.listdir(""),
        ):
            with pytest.raises(PermissionDenied, match="authSource") as caught:
                call()
            assert "wrong-password" not in f"{caught.value!r} {caught.value} {storage!r}"


def test_nobody_logs_in(name: str) -> None:
    """A server that wants to know who asks says so."""
    with (
        GridFSStorage(uri=shared(SecantusAuth).uri, database_name=name) as storage,
        pytest.raises(PermissionDenied),
    ):
        storage.exists("a.txt")


def test_a_user_who_may_only_read(name: str) -> None:
    """Reads; saving and deleting are PermissionDenied, change nothing, and say what is missing."""
    server = shared(SecantusAuth)
    with GridFSStorage(uri=server.uri_of("writer"), database_name=name) as writer:
        writer.save("a.txt", ContentFile(b"content"))
    with GridFSStorage(uri=server.uri_of("reader"), database_name=name) as reader:
        with reader.open("a.txt") as file:
            assert file.read() == b"content"
        with pytest.raises(PermissionDenied, match="readWrite"):
            reader.save("b.txt", ContentFile(b"x"))
        with pytest.raises(PermissionDenied, match="readWrite"):
            reader.delete("a.txt")
        assert reader.listdir("") == ([], ["a.txt"])
    with server.client() as client:
        assert client[name].fs.chunks.count_documents({}) == 1


def test_who_may_not_make_indexes(name: str) -> None:
    """Is told how an administrator makes the one that matters; with it, everything works."""
    server = shared(SecantusAuth)
    with GridFSStorage(uri=server.uri_of("reader"), database_name=name) as reader:
        with pytest.raises(PermissionDenied, match=r"createIndex\(\{storages_claims: 1\}"):
            reader._ask(ensure)
        with server.client() as client:
            client[name].fs.files.create_index(
                [("storages_claims", 1)], name="storages_claims_1", unique=True, sparse=True
            )
        reader._ask(ensure)


def uri(server: SecantusTLS, authority: Path, host: str = HOST) -> str:
    """The connection string with which a server with a certificate is reached."""
    return f"mongodb://{host}:{server.port}/tls?tls=true&tlsCAFile={authority}"


def test_tls(tls: SecantusTLS) -> None:
    """With the authority's certificate, in the connection string or beside it."""
    with GridFSStorage(uri=uri(tls, tls.authority.file)) as storage:
        name = storage.save("a.txt", ContentFile(b"content"))
    options = {"tls": True, "tlsCAFile": str(tls.authority.file)}
    with (
        GridFSStorage(uri=f"{tls.uri}tls", client_options=options) as storage,
        storage.open(name) as file,
    ):
        assert file.read() == b"content"


def test_another_authority(tls: SecantusTLS, tmp_path: Path) -> None:
    """A certificate that nobody vouches for is refused, and is no lack of a server."""
    other = Authority(tmp_path)
    with GridFSStorage(uri=uri(tls, other.file), connect_timeout=1.0) as storage:
        with pytest.raises(StorageError, match="tlsCAFile") as caught:
            storage.exists("a.txt")
        assert not isinstance(caught.value, Unavailable)


def test_no_tls_where_there_should_be(tls: SecantusTLS) -> None:
    """A server that speaks TLS, asked without: Unavailable."""
    with GridFSStorage(uri=f"{tls.uri}tls", connect_timeout=0.5) as storage:
        storage.retry = NO_RETRY
        with pytest.raises(Unavailable):
            storage.exists("a.txt")
