"""What the S3 storages must do, on two servers of different make.

S3-1, the manual's doctest, is in test_s3_documented.py; S3-4, S3-5 and S3-7 are in the contract.
"""

from __future__ import annotations

import io
import json
import random
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock
from urllib.parse import quote

import pytest
from botocore.awsrequest import AWSResponse
from django.core.files.base import ContentFile

from storages.backends.s3 import S3Storage
from storages.backends.s3boto import S3BotoStorage
from storages.backends.s3boto3 import S3Boto3Storage
from storages.errors import PermissionDenied
from tests.servers import shared
from tests.servers.radosgw import RadosGW
from tests.servers.s3 import Moto, S3Server

Make = Callable[..., Any]


@pytest.fixture(params=[Moto, RadosGW])
def server(request: pytest.FixtureRequest) -> S3Server:
    """Each server."""
    found = shared(request.param)
    assert isinstance(found, S3Server)
    return found


@pytest.fixture
def bucket(server: S3Server) -> str:
    """A new bucket."""
    return server.new_bucket()


@pytest.fixture
def make(server: S3Server, bucket: str) -> Make:
    """Makes storages of that bucket."""

    def made(kind: type[S3Storage] = S3Storage, **more: Any) -> S3Storage:
        return kind(**server.options(bucket_name=bucket, **more))

    return made


@pytest.fixture
def plain(server: S3Server) -> Iterator[Any]:
    """A boto3 client that looks from outside."""
    client = server.client()
    yield client
    client.close()


def fetch(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
    """What a plain HTTP client gets: status, headers, body."""
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


# ------------------------------------------------------------- S3-2, S3-3, S3-6


@pytest.mark.parametrize("kind", [S3BotoStorage, S3Boto3Storage])
def test_the_old_names_overwrite(make: Make, kind: type[S3Storage]) -> None:
    """S3-2: one object, the last content."""
    storage = make(kind)
    assert storage.save("a.txt", ContentFile(b"1")) == "a.txt"
    assert storage.save("a.txt", ContentFile(b"2")) == "a.txt"
    with storage.open("a.txt") as file:
        assert file.read() == b"2"
    assert storage.listdir("") == ([], ["a.txt"])


CSS = b"p { color: red; margin: 0 }\n" * 5000


def test_a_header_of_one_upload_does_not_reach_the_next(
    make: Make, plain: Any, bucket: str
) -> None:
    """S3-3: a compressed CSS file, then a PNG, by one storage."""
    storage = make(gzip=True, headers={"Cache-Control": "max-age=86400", "x-amz-meta-a": "b"})
    storage.save("a.css", ContentFile(CSS))
    storage.save("b.png", ContentFile(CSS))
    css, png = (plain.head_object(Bucket=bucket, Key=key) for key in ("a.css", "b.png"))
    assert css["ContentEncoding"] == "gzip"
    assert css["ContentLength"] < len(CSS) / 10
    assert css["ContentType"] == "text/css"
    assert not png.get("ContentEncoding")
    assert png["ContentLength"] == len(CSS)
    assert png["ContentType"] == "image/png"
    assert png["Metadata"] == {"a": "b"}
    assert css["CacheControl"] == png["CacheControl"] == "max-age=86400"


@pytest.mark.parametrize("content", [CSS, b"x" * 6_000_000, b"p{}"], ids=["css", "large", "small"])
def test_what_is_compressed_reads_and_measures_as_it_was(make: Make, content: bytes) -> None:
    """``size()``, ``read``, ``seek`` and ``chunks`` see the uncompressed bytes."""
    storage = make(gzip=True)
    storage.save("d/a.css", ContentFile(content))
    assert storage.size("d/a.css") == len(content)
    with storage.open("d/a.css") as file:
        assert file.size == len(content)
        assert file.read(10) == content[:10]
        file.seek(-3, 2)
        assert file.read() == content[-3:]
        file.seek(1)
        assert file.read(5) == content[1:6]
        assert b"".join(file.chunks()) == content
    with storage.open("d/a.css", "ab") as file:
        file.write(b"more")
    with storage.open("d/a.css") as file:
        assert file.read() == content + b"more"


def test_what_others_compressed_is_read_by_a_compressing_storage(
    make: Make, plain: Any, bucket: str
) -> None:
    """django-storages before 2.0 keeps no length; the object's last bytes tell it."""
    import gzip

    data = gzip.compress(CSS)
    plain.put_object(Bucket=bucket, Key="a.css", Body=data, ContentEncoding="gzip")
    storage = make(gzip=True)
    assert storage.size("a.css") == len(CSS)
    with storage.open("a.css") as file:
        assert (file.size, file.read()) == (len(CSS), CSS)
    with make().open("a.css") as file:
        assert file.read() == data


def test_a_bucket_without_acls_names_the_setting(make: Make) -> None:
    """S3-6: what buckets made since April 2023 answer."""
    storage = make(default_acl="public-read", conditional_writes=True)
    body = (
        b"<Error><Code>AccessControlListNotSupported</Code>"
        b"<Message>The bucket does not allow ACLs</Message></Error>"
    )

    def refuse(request: Any, **_: Any) -> AWSResponse:
        sent.append(request.headers.get("x-amz-acl"))
        return AWSResponse(request.url, 400, {}, mock.Mock(stream=lambda **_: [body]))

    sent: list[Any] = []
    event = "before-send.s3.PutObject"
    storage.client.meta.events.register(event, refuse)
    try:
        with pytest.raises(PermissionDenied, match="AWS_DEFAULT_ACL"):
            storage.save("a.txt", ContentFile(b"x"))
    finally:
        storage.client.meta.events.unregister(event, refuse)
    assert [str(value, "ascii") for value in sent] == ["public-read"]


# ---------------------------------------------------------------- S3-8, S3-9


def test_text_that_is_not_ascii_is_stored_whole(make: Make, plain: Any, bucket: str) -> None:
    """S3-8: as UTF-8, with its true length."""
    storage = make()
    for content in (ContentFile("héé"), io.StringIO("héé")):
        name = storage.save("ü/é.txt", content)
        assert storage.size(name) == 5
        with storage.open(name, "r") as file:
            assert file.read() == "héé"
        answer = plain.get_object(Bucket=bucket, Key=name)
        assert answer["Body"].read() == "héé".encode()


def test_a_zip_file_written_through_open_is_valid(make: Make) -> None:
    """S3-9: zipfile seeks and tells while it writes."""
    storage = make()
    content = random.Random(1).randbytes(300_000)
    with storage.open("d/a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.bin", content)
        archive.writestr("b.txt", "text")
    with storage.open("d/a.zip") as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.read("a.bin") == content
        assert archive.namelist() == ["a.bin", "b.txt"]


# --------------------------------------------- S3-10: URLs, by a plain HTTP client

NAMES = ["a.txt", "d/a b+c.txt", "ü/é #?&=%41:;.txt", "~!'()*.txt"]


@pytest.mark.parametrize("options", [{}, {"location": "ö p/q"}], ids=["root", "location"])
@pytest.mark.parametrize("name", NAMES)
def test_a_signed_url_leads_to_the_file(make: Make, name: str, options: dict[str, Any]) -> None:
    """Whatever its name."""
    storage = make(**options)
    saved = storage.save(name, ContentFile(name.encode()))
    status, _, body = fetch(storage.url(saved))
    assert (status, body) == (200, name.encode())
    status, headers, body = fetch(storage.url(saved, http_method="HEAD"), "HEAD")
    assert (status, headers["Content-Length"]) == (200, str(len(name.encode())))


def test_parameters_change_the_answers_headers(make: Make) -> None:
    """Also ``download_as``, with a name that is not ASCII."""
    storage = make()
    storage.save("a.txt", ContentFile(b"x"))
    url = storage.url(
        "a.txt", parameters={"ResponseContentType": "application/x-test"}, download_as="ü.txt"
    )
    status, headers, _ = fetch(url)
    assert (status, headers["Content-Type"]) == (200, "application/x-test")
    assert headers["Content-Disposition"].endswith(f"filename*=UTF-8''{quote('ü.txt')}")


def test_sigv2_urls_work_where_a_server_knows_them(make: Make) -> None:
    """Through botocore."""
    storage = make(signature_version="s3")
    storage.save("a b.txt", ContentFile(b"x"))
    assert fetch(storage.url("a b.txt"))[::2] == (200, b"x")


def signing(more: dict[str, Any] | None = None) -> tuple[S3Storage, str]:
    """A storage of the server that checks signatures, with one file."""
    server = shared(RadosGW)
    storage = S3Storage(**server.options(bucket_name=server.new_bucket(), **(more or {})))
    storage.save("a.txt", ContentFile(b"secret"))
    return storage, "a.txt"


def test_a_signature_is_good_for_one_name_and_method_and_time() -> None:
    """Whatever is changed, the server refuses."""
    storage, name = signing({"url_window": 0})
    url = storage.url(name, expire=2)
    assert fetch(url)[0] == 200
    storage.save("b.txt", ContentFile(b"other"))
    for bad in (
        url.partition("?")[0],
        url.replace("a.txt", "b.txt"),
        url.replace("X-Amz-Expires=2", "X-Amz-Expires=9999"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
    ):
        assert fetch(bad)[0] == 403, bad
    assert fetch(url, "DELETE")[0] == 403
    time.sleep(3.1)
    assert fetch(url)[0] == 403
    assert storage.exists(name)


@pytest.mark.parametrize(("age", "status"), [(440, 200), (605, 403)])
def test_a_stable_url_stays_valid_for_three_quarters_of_its_life(age: int, status: int) -> None:
    """One of a page that was made a while ago, with a time rounded down even then."""
    storage, name = signing()
    with mock.patch("storages.backends.s3.urls.time.time", return_value=time.time() - age):
        url = storage.url(name, expire=600)
    assert fetch(url)[0] == status


def test_browsers_are_sent_to_the_public_endpoint() -> None:
    """Signed for that host: the same server under another name."""
    server = shared(RadosGW)
    public = server.endpoint.replace("127.0.0.1", "localhost")
    storage, name = signing({"public_endpoint_url": public})
    url = storage.url(name)
    assert url.startswith(public)
    assert fetch(url)[::2] == (200, b"secret")
    assert fetch(url.replace("localhost", "127.0.0.1"))[0] == 403


def test_a_public_file_needs_no_signature(make: Make) -> None:
    """With the ACL and the options that the page on migrating names."""
    storage = make(default_acl="public-read", querystring_auth=False)
    storage.save("d/ü b.txt", ContentFile(b"x"))
    url = storage.url("d/ü b.txt")
    assert "?" not in url
    assert fetch(url)[::2] == (200, b"x")


def test_an_upload_url_takes_a_file(make: Make, plain: Any, bucket: str) -> None:
    """A PUT of the type that was signed; its name, size and type are the storage's then."""
    storage = make(location="l")
    url = storage.upload_url("ü/a b.txt", content_type="text/x-test")
    headers = {"Content-Type": "text/x-test"}
    assert fetch(url, "PUT", b"uploaded", **headers)[0] == 200
    with storage.open("ü/a b.txt") as file:
        assert file.read() == b"uploaded"
    assert plain.head_object(Bucket=bucket, Key="l/ü/a b.txt")["ContentType"] == "text/x-test"


def test_an_upload_url_of_one_type_refuses_another() -> None:
    """And a create-only one refuses to replace."""
    storage, name = signing()
    typed = storage.upload_url("new.txt", content_type="text/x-test")
    assert fetch(typed, "PUT", b"x", **{"Content-Type": "text/html"})[0] == 403
    assert not storage.exists("new.txt")
    create = storage.upload_url(name, headers={"If-None-Match": "*"})
    kind = {"Content-Type": "application/octet-stream"}
    assert fetch(create, "PUT", b"x", **kind, **{"If-None-Match": "*"})[0] == 412
    assert fetch(create, "PUT", b"x", **kind)[0] == 403
    with storage.open(name) as file:
        assert file.read() == b"secret"


def post(form: dict[str, Any], content: bytes, **more: str) -> tuple[int, bytes]:
    """Send a form as a browser does."""
    boundary = "----boundary7e3a"
    parts = []
    for name, value in {**form["fields"], **more}.items():
        parts.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        )
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/form-data; boundary={boundary}"
    status, _, answer = fetch(form["url"], "POST", body, **{"Content-Type": kind})
    return status, answer


def test_an_upload_form_takes_a_file(make: Make, plain: Any, bucket: str) -> None:
    """With the type, headers and metadata that ``save()`` gives."""
    storage = make(location="l", headers={"Cache-Control": "max-age=5", "x-amz-meta-a": "b"})
    form = storage.upload_form("ü/a b.png", max_size=1000)
    status, answer = post(form, b"uploaded")
    assert status in {200, 204}, answer
    with storage.open("ü/a b.png") as file:
        assert file.read() == b"uploaded"
    head = plain.head_object(Bucket=bucket, Key="l/ü/a b.png")
    assert (head["ContentType"], head["Metadata"]) == ("image/png", {"a": "b"})


def test_an_upload_form_refuses_what_it_does_not_say() -> None:
    """Too much, another name, another type, an expired one."""
    storage, name = signing()
    form = storage.upload_form("new.png", max_size=10)
    assert post(form, b"x" * 11)[0] in {400, 403}
    assert post(form, b"x", key=name)[0] == 403
    assert post(form, b"x", **{"Content-Type": "text/html"})[0] == 403
    short = storage.upload_form("new.png", expire=1)
    time.sleep(2.1)
    assert post(short, b"x")[0] in {400, 403}
    assert not storage.exists("new.png")
    images = storage.upload_form("new.png", content_type="image/*")
    assert post(images, b"x", **{"Content-Type": "text/html"})[0] == 403
    assert post(images, b"x", **{"Content-Type": "image/webp"})[0] in {200, 204}
    with storage.open(name) as file:
        assert file.read() == b"secret"


def test_the_fields_of_a_form_are_json(make: Make) -> None:
    """They go to a browser."""
    form = make().upload_form("a.txt")
    assert json.loads(json.dumps(form)) == form
