"""boto3 and python-swiftclient as they come."""

from __future__ import annotations

import contextlib
from typing import Any

from benchmarks.sources import Source
from benchmarks.subjects import BLOCK, FEW, Subject, must


class Boto3(Subject):
    """A client, which threads may share."""

    def __init__(self, setup: dict[str, Any]) -> None:
        import boto3

        self.client = boto3.client("s3", **setup["options"])
        self.bucket = setup["bucket"]

    def save(self, name: str, source: Source) -> str:
        """put_object for what is small, upload_fileobj for what is large."""
        if source.large:
            with source.file() as file:
                self.client.upload_fileobj(file, self.bucket, name)
        else:
            self.client.put_object(Bucket=self.bucket, Key=name, Body=source.data())
        return name

    def write(self, name: str, data: bytes) -> None:
        """put_object: the service has no files that are written."""
        self.client.put_object(Bucket=self.bucket, Key=name, Body=data)

    def read(self, name: str) -> int:
        """get_object, streamed."""
        body = self.client.get_object(Bucket=self.bucket, Key=name)["Body"]
        return sum(len(block) for block in body.iter_chunks(BLOCK))

    def part(self, name: str, offset: int) -> int:
        """A ranged get_object."""
        wanted = f"bytes={offset}-{offset + FEW - 1}"
        answer = self.client.get_object(Bucket=self.bucket, Key=name, Range=wanted)
        return len(answer["Body"].read())

    def missing(self, name: str) -> None:
        """get_object."""
        with contextlib.suppress(self.client.exceptions.NoSuchKey):
            self.client.get_object(Bucket=self.bucket, Key=name)
            must(met=False, what="NoSuchKey")

    def exists(self, name: str) -> bool:
        """head_object."""
        return bool(self.client.head_object(Bucket=self.bucket, Key=name))

    def size(self, name: str) -> int:
        """head_object."""
        return int(self.client.head_object(Bucket=self.bucket, Key=name)["ContentLength"])

    def url(self, name: str) -> str:
        """A signed one."""
        return str(
            self.client.generate_presigned_url(
                "get_object", Params={"Bucket": self.bucket, "Key": name}
            )
        )

    def list(self, name: str) -> int:
        """list_objects_v2, page by page."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"{name}/", Delimiter="/"
        )
        return sum(len(page.get("Contents", ())) for page in pages)

    def delete(self, name: str) -> None:
        """delete_object."""
        self.client.delete_object(Bucket=self.bucket, Key=name)

    def close(self) -> None:
        """Disconnect."""
        self.client.close()


class SwiftClient(Subject):
    """python-swiftclient's Connection."""

    def __init__(self, setup: dict[str, Any]) -> None:
        from swiftclient.client import Connection

        self.setup = setup
        self.connection = Connection(**setup["options"])
        self.container = setup["container"]

    def save(self, name: str, source: Source) -> str:
        """put_object."""
        with source.file() as file:
            self.connection.put_object(self.container, name, file, content_length=source.size)
        return name

    def read(self, name: str) -> int:
        """get_object, in pieces."""
        _, body = self.connection.get_object(self.container, name, resp_chunk_size=BLOCK)
        return sum(len(block) for block in body)

    def part(self, name: str, offset: int) -> int:
        """A ranged get_object."""
        wanted = {"Range": f"bytes={offset}-{offset + FEW - 1}"}
        return len(self.connection.get_object(self.container, name, headers=wanted)[1])

    def missing(self, name: str) -> None:
        """get_object."""
        from swiftclient.exceptions import ClientException

        with contextlib.suppress(ClientException):
            self.connection.get_object(self.container, name)
            must(met=False, what="ClientException")

    def exists(self, name: str) -> bool:
        """head_object."""
        return bool(self.connection.head_object(self.container, name))

    def size(self, name: str) -> int:
        """head_object."""
        return int(self.connection.head_object(self.container, name)["content-length"])

    def list(self, name: str) -> int:
        """get_container, page by page."""
        _, found = self.connection.get_container(
            self.container, prefix=f"{name}/", delimiter="/", full_listing=True
        )
        return len(found)

    def delete(self, name: str) -> None:
        """delete_object."""
        self.connection.delete_object(self.container, name)

    def thread(self, number: int) -> Subject:
        """A connection of its own."""
        return SwiftClient(self.setup) if number else self

    def close(self) -> None:
        """Disconnect."""
        self.connection.close()
