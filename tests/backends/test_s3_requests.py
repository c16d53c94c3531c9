"""How many requests each operation costs, counted on the wire, and how many bytes come down."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.base import ContentFile

from storages.backends.s3 import S3Storage, conditions
from storages.errors import NotFound
from tests.backends.s3_proxied import Make, MiB, received
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, Rclone, S3Server
from tests.servers.s3proxy import S3Proxy


@pytest.fixture(params=[Moto, RadosGW])
def server(request: pytest.FixtureRequest) -> S3Server:
    """Each of two servers."""
    server: S3Server = shared(request.param)
    return server


@pytest.fixture
def storage(make: Make, proxy: S3Proxy) -> S3Storage:
    """A storage that has found out what its server can do."""
    storage = make()
    storage.save("warm.txt", ContentFile(b"warm"))
    proxy.clear()
    return storage


def put(server: S3Server, storage: S3Storage, names: list[str]) -> None:
    """Store small objects behind the storage's back."""
    client = server.client()
    with ThreadPoolExecutor(4) as pool:
        for done in [
            pool.submit(client.put_object, Bucket=storage.bucket_name, Key=name, Body=b"x")
            for name in names
        ]:
            done.result()
    client.close()


def test_saving_a_free_name_is_one_put(storage: S3Storage, proxy: S3Proxy) -> None:
    """A free name costs one conditional PUT and no question."""
    storage.save("a/b.txt", ContentFile(b"x" * 1000))
    assert proxy.kinds == ["put"]
    assert proxy.requests[0].headers["if-none-match"] == "*"


def test_saving_a_taken_name_is_two_puts(storage: S3Storage, proxy: S3Proxy) -> None:
    """A refusal says that the name is taken; nothing else is asked."""
    assert storage.save("warm.txt", ContentFile(b"x")) != "warm.txt"
    assert proxy.kinds == ["put", "put"]


def test_the_first_save_finds_out_what_the_server_does(make: Make, proxy: S3Proxy) -> None:
    """A server that is not AWS's is tried out once per process: three requests on a scratch."""
    conditions.forget()
    make().save("a.txt", ContentFile(b"x"))
    assert proxy.kinds == ["put", "put", "delete", "put"]
    scratch = proxy.requests[0].path
    assert scratch == proxy.requests[1].path == proxy.requests[2].path
    assert make().listdir("") == ([], ["a.txt"])
    proxy.clear()
    make(location="elsewhere").save("b.txt", ContentFile(b"x"))
    assert proxy.kinds == ["put"]


def test_a_declared_server_is_not_tried_out(make: Make, proxy: S3Proxy) -> None:
    """AWS_S3_CONDITIONAL_WRITES saves the trial."""
    conditions.forget()
    make(conditional_writes=True).save("a.txt", ContentFile(b"x"))
    assert proxy.kinds == ["put"]
    proxy.clear()
    make(conditional_writes=False).save("b.txt", ContentFile(b"x"))
    assert proxy.kinds == ["head", "put"]


def test_overwriting_is_one_put(make: Make, proxy: S3Proxy) -> None:
    """An overwriting storage asks nothing and sets no condition."""
    storage = make(file_overwrite=True)
    for _ in range(2):
        assert storage.save("a.txt", ContentFile(b"x")) == "a.txt"
    assert proxy.kinds == ["put", "put"]
    assert "if-none-match" not in proxy.requests[0].headers


def test_opening_and_reading_is_one_get(storage: S3Storage, proxy: S3Proxy) -> None:
    """Opening, reading, size, times and version of a small file: one GET."""
    with storage.open("warm.txt") as file:
        assert file.read() == b"warm"
        assert (file.size, file.stat.modified is not None) == (4, True)
    assert proxy.kinds == ["get"]
    assert "range" not in proxy.requests[0].headers


def test_opening_a_missing_file_is_one_request(storage: S3Storage, proxy: S3Proxy) -> None:
    """The GET that would read the file tells that it is missing."""
    with pytest.raises(NotFound):
        storage.open("missing.txt")
    assert proxy.kinds == ["get"]


@pytest.mark.parametrize(
    "question",
    [
        lambda storage: storage.exists("warm.txt"),
        lambda storage: storage.size("warm.txt"),
        lambda storage: storage.get_modified_time("warm.txt"),
        lambda storage: storage.get_created_time("warm.txt"),
        lambda storage: storage.stat("warm.txt"),
    ],
)
def test_a_question_is_one_head(
    storage: S3Storage, proxy: S3Proxy, question: Callable[[S3Storage], Any]
) -> None:
    """Whether a file exists, its size and its times: one HEAD each."""
    assert question(storage)
    assert proxy.kinds == ["head"]


def test_existence_of_what_is_missing_is_two_requests(storage: S3Storage, proxy: S3Proxy) -> None:
    """What is no file may still be a directory."""
    assert not storage.exists("missing")
    assert proxy.kinds == ["head", "list"]
    assert proxy.requests[1].query["max-keys"] == ["1"]


def test_writing_a_small_file_is_one_put(storage: S3Storage, proxy: S3Proxy) -> None:
    """``open("wb")`` of a kilobyte: one PUT, when the file is closed."""
    with storage.open("w.bin", "wb") as file:
        file.write(b"x" * 1000)
        assert proxy.kinds == []
    assert proxy.kinds == ["put"]


def test_deleting_is_one_request(storage: S3Storage, proxy: S3Proxy) -> None:
    """One DELETE, whether the file is there or not."""
    storage.delete("warm.txt")
    storage.delete("warm.txt")
    assert proxy.kinds == ["delete", "delete"]


def test_ten_bytes_of_a_large_file(storage: S3Storage, server: S3Server, proxy: S3Proxy) -> None:
    """Ten bytes anywhere in 100 MB: one request at its start, else two."""
    body = os.urandom(1000)
    put_large(server, storage, body)
    proxy.clear()
    with storage.open("big.bin") as file:
        file.seek(50_000_123)
        assert file.read(10) == body[123:133]
    assert proxy.kinds == ["get", "get"]
    proxy.clear()
    with storage.open("big.bin") as file:
        assert file.read(10) == body[:10]
    assert proxy.kinds == ["get"]


def test_ten_bytes_of_a_large_file_are_few_on_the_wire(server: S3Server) -> None:
    """Less than 2 MiB come down, on a new connection and after another file was read on it."""
    with S3Storage(**server.options(bucket_name=server.new_bucket())) as storage:
        body = os.urandom(1000)
        put_large(server, storage, body)
        storage.save("small.txt", ContentFile(b"x"))
        for before in (None, "small.txt", "big.bin"):
            storage.close()
            if before is not None:
                with storage.open(before) as file:
                    file.read()
            known = {connection.sock: received(connection.sock) for connection in idle(storage)}
            with storage.open("big.bin") as file:
                assert file.read(10) == body[:10]
                sock = file._raw._reader._stream._raw_stream._fp.fp.raw._socket
                assert 10_000 < received(sock) - known.get(sock, 0) < 2 * MiB


def put_large(server: S3Server, storage: S3Storage, body: bytes) -> None:
    """Store 100 MB behind the storage's back."""
    client = server.client()
    client.put_object(Bucket=storage.bucket_name, Key="big.bin", Body=body * 100_000)
    client.close()


def idle(storage: S3Storage) -> list[Any]:
    """The connections that wait for the next request."""
    pools = storage.client._endpoint.http_session._manager.pools
    waiting = [each for key in pools.keys() for each in pools[key].pool.queue]  # noqa: SIM118
    return [connection for connection in waiting if connection is not None and connection.sock]


def test_thousands(make: Make, server: S3Server, proxy: S3Proxy) -> None:
    """A page of a listing is 1,000 names, with all it tells of each; so is a bulk delete."""
    storage = make()
    names = [f"many/{number:04}" for number in range(1001)]
    put(server, storage, names)
    proxy.clear()
    entries = list(storage.scandir("many"))
    assert len(entries) == 1001
    assert all(entry.stat and entry.stat.size == 1 and entry.stat.version for entry in entries)
    assert proxy.kinds == ["list"] * 2
    proxy.clear()
    storage.delete_many(names[:1000])
    assert proxy.kinds == ["delete many"]
    assert storage.listdir("many") == ([], ["1000"])
    assert proxy.kinds == ["delete many", "list"]
    storage.delete_many(names)
    assert proxy.kinds == ["delete many", "list"] + ["delete many"] * 2
    assert storage.listdir("many") == ([], [])


def test_preloading_answers_everything_from_one_listing(
    make: Make, server: S3Server, proxy: S3Proxy
) -> None:
    """With preload_metadata, 100 files are asked about with one request."""
    storage = make(preload_metadata=True)
    names = [f"d/{number}" for number in range(100)]
    put(server, storage, names)
    proxy.clear()
    for name in names:
        assert storage.exists(name)
        assert storage.size(name) == 1
        assert storage.get_modified_time(name).year > 2000
    assert storage.exists("d")
    assert not storage.exists("d/no")
    assert not storage.exists("no")
    assert proxy.kinds == ["list"]


def test_preloading_follows_what_the_storage_writes(make: Make, proxy: S3Proxy) -> None:
    """Saved, copied and deleted files are known at once."""
    storage = make(preload_metadata=True, conditional_writes=True)
    assert not storage.exists("d/a")
    storage.save("d/a", ContentFile(b"abc"))
    assert storage.size("d/a") == 3
    assert storage.exists("d")
    with storage.open("d/a", "wb") as file:
        file.write(b"abcdef")
    assert storage.size("d/a") == 6
    storage.move("d/a", "e/b", overwrite=True)
    assert not storage.exists("d")
    assert storage.exists("e/b")
    storage.delete_many(["e/b"])
    assert not storage.exists("e")
    assert proxy.kinds.count("list") == 1


def test_a_server_that_ignores_the_condition_is_asked_first() -> None:
    """Rclone replaces whatever it is told, so its names are asked for: HEAD, then PUT."""
    server = shared(Rclone)
    with (
        S3Proxy(server.port) as proxy,
        S3Storage(
            **server.options(bucket_name=server.new_bucket(), endpoint_url=proxy.endpoint)
        ) as storage,
    ):
        storage.save("a.txt", ContentFile(b"1"))
        assert proxy.kinds == ["put", "put", "delete", "head", "put"]
        proxy.clear()
        second = storage.save("a.txt", ContentFile(b"2"))
        assert proxy.kinds == ["head", "head", "put"]
        with storage.open("a.txt") as first, storage.open(second) as other:
            assert (first.read(), other.read()) == (b"1", b"2")


def test_equal_storages_share_a_client(make: Make) -> None:
    """One client per configuration, however many storages and threads."""
    one, two, other = make(), make(location="x"), make(read_timeout=7)
    assert one.client is two.client
    assert one.client is not other.client
