"""S3: listings and other answers in XML, headers, and errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from storages.backends.s3 import S3Storage
from tests.fuzz.making import fuzz
from tests.fuzz.service import CONTENT, HEADERS, Service, Wrong, everything, wrong_answers
from tests.servers.http import Reply, Request

MD5 = hashlib.md5(CONTENT).hexdigest()
NS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def contents(*names: str) -> str:
    """Objects, as a listing has them."""
    return "".join(
        f"<Contents><Key>{name}</Key><LastModified>2024-02-29T12:34:56.000Z</LastModified>"
        f"<ETag>&quot;{MD5}&quot;</ETag><Size>12</Size><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
        for name in names
    )


def listing(inside: str, prefix: str = "") -> bytes:
    """A whole listing."""
    return (
        f"{HEAD}<ListBucketResult {NS}><Name>x</Name><Prefix>{prefix}</Prefix>"
        "<KeyCount>3</KeyCount><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"
        f"{inside}</ListBucketResult>"
    ).encode()


OBJECT = {
    "ETag": f'"{MD5}"',
    "Last-Modified": "Thu, 29 Feb 2024 12:34:56 GMT",
    "Content-Type": "text/plain",
}
PACKED = {**OBJECT, "Content-Encoding": "gzip", "x-amz-meta-uncompressed-size": "12"}
RIGHT = {
    "listing": Reply(
        200,
        {"Content-Type": "application/xml"},
        listing(
            contents("a", "b%20%26", "z")
            + "<CommonPrefixes><Prefix>d/</Prefix></CommonPrefixes>"
            + "<CommonPrefixes><Prefix>e/</Prefix></CommonPrefixes>"
        ),
    ),
    "below": Reply(200, {}, listing(contents("d/b", "d/c"), "d/")),
    "get": Reply(200, OBJECT, CONTENT),
    "head": Reply(200, OBJECT, CONTENT),
    "packed": Reply(200, PACKED, CONTENT),
    "put": Reply(200, {"ETag": f'"{MD5}"'}),
    "copied": Reply(
        200,
        {},
        f"{HEAD}<CopyObjectResult {NS}><LastModified>2024-02-29T12:34:56.000Z</LastModified>"
        f"<ETag>&quot;{MD5}&quot;</ETag></CopyObjectResult>".encode(),
    ),
    "deleted": Reply(204),
    "bulk": Reply(
        200,
        {},
        f"{HEAD}<DeleteResult {NS}><Error><Key>b</Key><Code>AccessDenied</Code>"
        f"<Message>no</Message></Error></DeleteResult>".encode(),
    ),
}
MORE: Mapping[str, tuple[str, ...]] = {
    **HEADERS,
    "Content-Encoding": ("gzip", "aws-chunked", "identity"),
    "x-amz-meta-uncompressed-size": ("12", "0"),
    "x-amz-checksum-crc32": ("AAAAAA==",),
    "x-amz-mp-parts-count": ("1",),
    "x-amz-expiration": ('expiry-date="Fri"',),
    "Date": ("Thu, 29 Feb 2024 12:34:56 GMT",),
}


def kind_of(request: Request) -> str:
    """What is asked for."""
    path, _, query = request.path.partition("?")
    if request.method == "POST":
        return "bulk"
    if request.method == "PUT":
        return "copied" if "x-amz-copy-source" in request.headers else "put"
    if request.method == "DELETE":
        return "deleted"
    if "list-type" in query:
        return "below" if "prefix=d" in query else "listing"
    if path.endswith("/packed"):
        return "packed"
    return "head" if request.method == "HEAD" else "get"


def test_answers() -> None:
    """Each is understood, or is an error of ours."""
    with (
        Service(RIGHT, kind_of) as service,
        S3Storage(
            bucket_name="x",
            access_key="AKIDEXAMPLE",
            secret_key="secret-secret",
            endpoint_url=service.url,
            region_name="us-east-1",
            addressing_style="path",
            max_attempts=1,
            conditional_writes=True,
            gzip=True,
        ) as storage,
    ):

        def check(wrong: Wrong) -> None:
            with service.saying(wrong):
                everything(storage)
                everything(storage, "packed")

        known = [
            *(Wrong(kind, status=204) for kind in ("head", "get")),
            Wrong("packed", headers=(("x-amz-meta-uncompressed-size", "\x80"),)),
            Wrong("below", RIGHT["below"].body.replace(b"2024-", b"9" * 30 + b"-")),
            *(Wrong("get", headers=(("x-amz-checksum-sha1", text),)) for text in ("\x80", "x")),
        ]
        fuzz(wrong_answers(RIGHT, {}, MORE), check, quick=15, known=known)
        assert service.met > 10
