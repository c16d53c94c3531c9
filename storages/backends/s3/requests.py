"""Requests: the one place where the storage speaks to S3."""

from __future__ import annotations

import base64
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, cast

from django.views.decorators.debug import sensitive_variables

from storages import names
from storages.backends.s3 import client as clients
from storages.backends.s3.faults import (
    EXPIRED,
    MissingBucket,
    NameTooLong,
    Request,
    code_of,
    translated,
)
from storages.backends.s3.headers import S3Headers
from storages.errors import Corrupt, NotFound, PermissionDenied
from storages.libraries import library
from storages.retry import repeat
from storages.told import understood
from storages.utils import clean_name, safe_join

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage

__all__ = ["S3Requests"]

#: What a GET or HEAD repeats of ``object_parameters``.
_READING = (
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "RequestPayer",
    "ExpectedBucketOwner",
)
#: Bytes.
LONGEST_KEY = 1024
#: How botocore begins its RuntimeError for a time that cannot be.
_NO_TIME = "Unable to calculate correct timezone offset"
_FIRST_REGIONS = {"us-east-1", "aws-global", None}


class S3Requests(S3Headers):
    """The part of an S3 storage that has a client, keys, and makes requests."""

    @property
    def client(self) -> Any:
        """The boto3 client, which all storages with these options share."""
        kept = self.__dict__.get("_client")
        if kept is None or kept[0] != clients.generation():
            kept = self.__dict__["_client"] = (clients.generation(), clients.client_for(self))
        return kept[1]

    @property
    def connection(self) -> Any:
        """A boto3 resource on that client; ``connection.meta.client`` is the client."""
        client = self.client
        kept = self.__dict__.get("_connection")
        if kept is None or kept.meta.client is not client:
            made = clients.session(self).resource(
                "s3",
                region_name=client.meta.region_name,
                config=library("botocore.config", "s3").Config(signature_version="s3v4"),
            )
            kept = self.__dict__["_connection"] = type(made)(client=client)
        return kept

    @property
    def bucket(self) -> Any:
        """The bucket, as a boto3 resource."""
        return self.connection.Bucket(self.current_bucket)

    def close(self) -> None:
        """Close connections to the server that are not in use; the next request opens one."""
        kept = self.__dict__.pop("_client", None)
        self.__dict__.pop("_connection", None)
        if kept is not None and kept[0] == clients.generation():
            kept[1].close()

    def _key(self, name: str) -> str:
        """Return the key of the file ``name`` (judged); "" is the location itself."""
        location = self.current_location
        return names.join(location, name) if name else location

    def _new_key(self, name: str) -> str:
        """Return the key of a file that is to be written; not every server refuses a long one."""
        key = self._key(name)
        if len(key.encode()) > LONGEST_KEY:
            raise NameTooLong
        return key

    def _prefix(self, directory: str) -> str:
        """Return what the keys of everything in ``directory`` begin with."""
        key = self._key(directory)
        return f"{key}/" if key else ""

    def _normalize_name(self, name: str) -> str:
        """Return the key of a name that is not yet judged; other packages call this."""
        return safe_join(self.current_location, clean_name(name))

    def _read_parameters(self, key: str) -> dict[str, Any]:
        """Return what reading ``key`` must say again of how it was written."""
        given = self.get_object_parameters(key)
        return {name: given[name] for name in _READING if name in given}

    @property
    def _adds_checksums(self) -> bool:
        """Whether boto3 sends a checksum with each body."""
        config = self.client.meta.config
        return bool(config.request_checksum_calculation == "when_supported")

    @property
    def _signs_bodies(self) -> bool:
        """Whether the signature covers the body, as it does without TLS."""
        meta = self.client.meta
        return bool(
            meta.endpoint_url.startswith("http:")
            and meta.config.signature_version == "s3v4"
            and (meta.config.s3 or {}).get("payload_signing_enabled") is not False
        )

    def _digest(self, data: bytes) -> Mapping[str, str]:
        """Return the checksum to send with ``data``, where neither boto3 nor the signature does."""
        if self._adds_checksums or self._signs_bodies:
            return {}
        digest = hashlib.md5(data, usedforsecurity=False).digest()
        return {"ContentMD5": base64.b64encode(digest).decode()}

    # ------------------------------------------------------------------ requests

    def _translated(self, method: str, key: str) -> AbstractContextManager[None]:
        """Raise what goes wrong inside as one of our errors."""
        return translated(Request(cast("S3Storage", self), method, self.current_bucket, key))

    @sensitive_variables()
    def _request(self, method: str, key: str = "", /, **parameters: Any) -> Any:
        """Make one request and return its answer; raise one of our errors.

        It is made a second time in two cases: once a missing bucket has been created, and with
        credentials that boto3 found anew when those it had found have expired.
        """
        bucket = self.current_bucket
        named = {"Key": key} if key else {}
        request = Request(cast("S3Storage", self), method, bucket, key)
        body: Any = parameters.get("Body")
        start = body.tell() if hasattr(body, "tell") else None
        for attempt in itertools.count(1):
            try:
                # botocore takes for granted that what is in an answer is in its place.
                with understood(), translated(request):
                    call = getattr(self.client, method)
                    return call(Bucket=bucket, **named, **parameters)
            except MissingBucket:
                if attempt > 1 or not self.auto_create_bucket:
                    raise
                self._create_bucket(bucket)
            except PermissionDenied as error:
                if attempt > 1 or code_of(error) not in EXPIRED or self.access_key:
                    raise
                clients.forget(self)
            except RuntimeError as error:
                if not str(error).startswith(_NO_TIME):
                    raise
                raise Corrupt("The server's answer has a time that cannot be.") from error
            if start is not None:
                body.seek(start)
        raise AssertionError("unreachable")

    def _create_bucket(self, bucket: str) -> None:
        region = self.client.meta.region_name
        parameters: dict[str, Any] = {"ACL": self.bucket_acl} if self.bucket_acl else {}
        if region not in _FIRST_REGIONS:
            parameters["CreateBucketConfiguration"] = {"LocationConstraint": region}
        with translated(Request(cast("S3Storage", self), "create_bucket", bucket)):
            try:
                self.client.create_bucket(Bucket=bucket, **parameters)
            except self.client.exceptions.BucketAlreadyOwnedByYou:
                return  # somebody was quicker

    def _head(self, key: str) -> Mapping[str, Any]:
        """Return the answer to HEAD. Raises NotFound, PermissionDenied, ... with S3's reason."""
        parameters = self._read_parameters(key)
        try:
            answer: Mapping[str, Any] = self._request("head_object", key, **parameters)
        except NotFound:
            raise
        except Exception as error:
            # The answer to a HEAD has no body, and so no reason; that to a GET has.
            if code_of(error) in {"400", "403"}:
                stream = self._request("get_object", key, Range="bytes=0-0", **parameters)["Body"]
                stream.close()
            raise
        return answer

    def _has(self, key: str) -> bool:
        """Tell whether there is an object ``key``, in one request."""
        try:
            self._head(key)
        except NotFound:
            return False
        return True

    def _listing(self, prefix: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the pages of a listing; those after the first are repeated like any request."""
        page = self._request("list_objects_v2", Prefix=prefix, **parameters)
        while True:
            yield page
            if not page.get("IsTruncated"):
                return
            token = page["NextContinuationToken"]

            def following(token: str = token) -> Any:
                return self._request(
                    "list_objects_v2", Prefix=prefix, ContinuationToken=token, **parameters
                )

            page = repeat(cast("S3Storage", self).retry, following)
