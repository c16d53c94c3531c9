"""The client: how options reach botocore, who shares it, what a child process gets."""

from __future__ import annotations

import base64
import gc
import hashlib
import os
import pickle
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import override_settings

from storages.backends.s3 import S3Storage, conditions
from storages.backends.s3 import client as clients
from storages.backends.s3.recent import Recent
from storages.errors import OptionError
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server
from tests.servers.s3proxy import S3Proxy

KEYS = {"access_key": "an-access-key", "secret_key": "a-secret-key"}


def aws(**options: Any) -> S3Storage:
    """A storage at Amazon's, which no test speaks to."""
    return S3Storage(**{"bucket_name": "bucket", **KEYS, **options})


@pytest.fixture(params=[Moto, RadosGW])
def storage(request: pytest.FixtureRequest) -> Iterator[S3Storage]:
    """A storage on each of two servers."""
    server: S3Server = shared(request.param)
    with S3Storage(**server.options(bucket_name=server.new_bucket())) as storage:
        yield storage


def test_defaults_are_safe() -> None:
    """Timeouts, one attempt in botocore (the core repeats), SigV4, TLS."""
    config = aws().client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (5, 60)
    assert config.retries["total_max_attempts"] == 1
    assert config.signature_version == "s3v4"
    assert aws().client.meta.endpoint_url.startswith("https://")
    assert aws().retry.attempts == 3


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "when_supported"),
        ({"endpoint_url": "https://s3.eu-west-1.amazonaws.com"}, "when_supported"),
        ({"endpoint_url": "https://minio.example"}, "when_required"),
        ({"host": "minio.example", "port": 9000}, "when_required"),
        (
            {"endpoint_url": "https://minio.example", "request_checksum": "when_supported"},
            "when_supported",
        ),
        ({"request_checksum": "when_required"}, "when_required"),
    ],
)
def test_checksums_that_the_server_accepts(options: dict[str, Any], expected: str) -> None:
    """Other servers than Amazon's get no trailing checksums unless that is asked for."""
    assert aws(**options).client.meta.config.request_checksum_calculation == expected


def test_an_endpoint_from_the_environment_is_not_amazon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 finds by itself counts as what an option says."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://minio.example")
    storage = aws(region_name="us-east-1", access_key="another", secret_key="another-secret")
    assert storage.client.meta.endpoint_url == "https://minio.example"
    assert storage.client.meta.config.request_checksum_calculation == "when_required"


def test_amazon_needs_no_trial() -> None:
    """Its server is known to honour the conditions; what is declared counts above that."""
    assert conditions.honours(aws(), "put", "a")
    assert conditions.honours(aws(), "complete", "a")
    assert not conditions.honours(aws(conditional_writes=False), "put", "a")


def test_content_md5_where_nothing_else_guards_the_body() -> None:
    """Over TLS to another server neither boto3 nor the signature covers the body."""
    assert aws()._digest(b"x") == {}
    assert aws(endpoint_url="http://minio.example")._digest(b"x") == {}
    md5 = base64.b64encode(hashlib.md5(b"x").digest()).decode()
    assert aws(endpoint_url="https://minio.example")._digest(b"x") == {"ContentMD5": md5}


def test_addressing() -> None:
    """The calling formats of three generations reach the URL."""
    for style, host in (
        ("path", "https://s3.amazonaws.com/bucket"),
        (1, "https://s3.amazonaws.com/bucket"),
        ("virtual", "https://bucket.s3.amazonaws.com"),
        (2, "https://bucket.s3.amazonaws.com"),
    ):
        client = aws(addressing_style=style, region_name="us-east-1").client
        url = client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "k"})
        assert url.startswith(host + "/k?"), url


def test_options_that_contradict_each_other() -> None:
    """They are refused when the storage is made."""
    for options in (
        {**KEYS, "session_profile": "other"},
        {"access_key": "only"},
        {"encrypt": True},
        {"file_name_charset": "latin-1"},
        {"location": "/absolute"},
        {"headers": {"X-Unknown": "1"}},
    ):
        with pytest.raises(OptionError):
            S3Storage(bucket_name="bucket", **options)


def test_arguments_of_the_first_release() -> None:
    """Names and order of 1.1.4's constructor are understood."""
    storage = S3Storage("b", "key", "secret", "public-read", 1)
    assert (storage.bucket_name, storage.default_acl, storage.addressing_style) == (
        "b",
        "public-read",
        "path",
    )
    assert S3Storage(bucket="b", acl="private", calling_format=2).addressing_style == "virtual"
    with pytest.raises(TypeError, match="bucket_name"):
        S3Storage("b", bucket_name="c")


def test_callables_are_asked_each_time() -> None:
    """Bucket and location may follow the tenant."""
    tenant = ["one"]
    storage = aws(bucket_name=lambda: f"bucket-{tenant[0]}", location=lambda: tenant[0])
    assert (storage.current_bucket, storage._key("a")) == ("bucket-one", "one/a")
    tenant[0] = "two"
    assert (storage.current_bucket, storage._key("a")) == ("bucket-two", "two/a")


def test_a_pickle_has_no_connections_and_no_settings(storage: S3Storage) -> None:
    """The copy works; credentials from settings are not in it."""
    storage.save("a.txt", ContentFile(b"x"))
    with pickle.loads(pickle.dumps(storage)) as copy:
        assert copy.size("a.txt") == 1
        assert copy.client is storage.client


def test_the_attributes_that_other_packages_use(storage: S3Storage) -> None:
    """``connection``, ``bucket`` and a file's ``obj`` are boto3's, on the shared client."""
    storage.save("d/a.txt", ContentFile(b"x"))
    assert storage.connection.meta.client is storage.client
    assert storage.bucket.name == storage.bucket_name
    assert [found.key for found in storage.bucket.objects.all()] == ["d/a.txt"]
    assert storage._normalize_name("d/./a.txt") == "d/a.txt"
    with storage.open("d/a.txt") as file:
        assert file.obj.key == "d/a.txt"
        assert file.obj.content_length == 1


def test_a_child_process_makes_a_client_of_its_own(storage: S3Storage) -> None:
    """The parent's sockets stay the parent's: both go on as if nothing had happened."""
    storage.save("a.txt", ContentFile(b"x"))
    mine = id(storage.client)
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            told = f"{id(storage.client) != mine} {storage.size('a.txt')}"
            os.write(write, told.encode())
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "True 1"
    assert os.waitpid(child, 0)[1] == 0
    assert id(storage.client) == mine
    assert storage.size("a.txt") == 1


def test_sixteen_threads_saving_one_name(storage: S3Storage) -> None:
    """Sixteen names, sixteen contents."""
    names: list[str] = []

    def save(number: int) -> None:
        names.append(storage.save("d/same.txt", ContentFile(f"content {number}".encode())))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    contents = set()
    for name in names:
        with storage.open(name) as file:
            contents.add(file.read())
    assert len(set(names)) == 16
    assert contents == {f"content {number}".encode() for number in range(16)}
    assert len(storage.listdir("d")[1]) == 16


def test_making_one_client_takes_one_turn() -> None:
    """Threads that need it at the same time get the same one."""
    storage = aws(read_timeout=61)
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(clients.client_for(storage))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in found}) == 1


def test_clients_share_what_botocore_has_read() -> None:
    """Twenty configurations cost twenty small clients, not twenty copies of S3's description."""
    made = [aws(endpoint_url=f"http://127.0.0.1:{port}").client for port in range(9000, 9020)]
    assert len({id(client) for client in made}) == 20
    loaders = {id(clients.session(aws())._loader) for _ in range(3)}
    assert len(loaders) == 1
    paths = clients.session(aws())._loader.search_paths
    assert len(paths) == len(set(paths))


def test_a_new_client_after_a_changed_setting() -> None:
    """What was kept is not used any more once settings have changed."""
    storage = aws()
    client = storage.client
    with override_settings(AWS_S3_READ_TIMEOUT=17):
        assert storage.client is not client
        assert storage.client.meta.config.read_timeout == 17
    assert storage.client is client
    clients.forget(storage)
    assert storage.client is not client


def test_clients_that_nobody_has_are_not_kept_for_ever(storage: S3Storage) -> None:
    """Those used last are; an evicted one goes on for who has it, and equal storages share it."""
    storage.save("a.bin", ContentFile(os.urandom(5_000_000)))
    mine = storage.client
    one = aws(read_timeout=1000)
    forgotten = weakref.ref(one.client)
    del one
    with storage.open("a.bin") as file:
        start = file.read(10)
        for number in range(clients.MOST_CLIENTS):
            assert aws(read_timeout=2000 + number).client
        assert clients._recent.get(clients._key(storage)) is None
        assert len(clients._recent) == clients.MOST_CLIENTS
        rest = file.read()
    assert len(start + rest) == 5_000_000
    assert storage.size("a.bin") == 5_000_000
    gc.collect()
    assert forgotten() is None
    with pickle.loads(pickle.dumps(storage)) as equal:
        assert equal.client is mine


def test_an_evicted_client_keeps_no_connection() -> None:
    """It is closed: what it had open is not left to chance."""
    server = shared(Moto)
    bucket = server.new_bucket()
    with S3Proxy(server.port) as proxy:
        options = server.options(bucket_name=bucket, endpoint_url=proxy.endpoint)
        storage = S3Storage(**options)
        assert storage.listdir("") == ([], [])
        pools = storage.client._endpoint.http_session._manager.pools
        assert len(pools) == 1
        for number in range(clients.MOST_CLIENTS):
            assert aws(read_timeout=3000 + number).client
        assert len(pools) == 0
        assert storage.listdir("") == ([], [])
        storage.close()


def test_what_was_used_last_is_kept() -> None:
    """Reading counts as use, and what goes is dropped once."""
    dropped: list[int] = []
    recent: Recent[str, int] = Recent(2, drop=dropped.append)
    recent.put("a", 1)
    recent.put("b", 2)
    assert recent.get("a") == 1
    recent.put("c", 3)
    assert (recent.get("b"), dropped, len(recent)) == (None, [2], 2)
    recent.pop("a")
    recent.clear()
    assert (recent.get("c"), dropped) == (None, [2])


def test_recent_values_in_threads() -> None:
    """Never more than there may be, and each thread finds what it put or nothing."""
    recent: Recent[int, int] = Recent(8)
    wrong: list[object] = []

    def use(thread: int) -> None:
        for number in range(2000):
            key = thread * 3 + number % 20
            recent.put(key, key)
            if recent.get(key) not in {key, None} or len(recent) > 9:
                wrong.append(key)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(recent) == 8
