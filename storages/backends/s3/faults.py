"""What S3 and botocore call their failures, in our words, with what to do about them.

botocore raises one class, ``ClientError``, for every answer that is an error, so the table goes by
the error's code and, where a server has codes of its own or an answer has no body (HEAD), by the
HTTP status.
"""

# ruff: noqa: N818 - named as those in storages.errors

from __future__ import annotations

import errno
import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from storages.errors import (
    AlreadyExists,
    Changed,
    Corrupt,
    NotFound,
    OptionError,
    PermissionDenied,
    StorageError,
    StorageFull,
    Timeout,
    TooLarge,
    Unavailable,
)
from storages.libraries import library
from storages.redact import redacted, shown_cause
from storages.told import number

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage

__all__ = [
    "Conflict",
    "MissingBucket",
    "NameTooLong",
    "NotSupported",
    "Request",
    "code_of",
    "ours",
    "translated",
]


class MissingBucket(StorageError, ImproperlyConfigured):
    """The bucket does not exist, and may not be created."""

    reason = "The bucket does not exist."


class NameTooLong(StorageError):
    """The key, location and name together, is longer than S3 takes."""

    number = errno.ENAMETOOLONG
    reason = "The name is too long: S3 keys have at most 1024 bytes."


class NotSupported(StorageError):
    """The server does not know what was asked of it."""

    reason = "The server does not implement this."


class Conflict(Unavailable):
    """Another conditional write of the same name is under way; ask again."""


CODES: Mapping[str, type[StorageError]] = {
    "NoSuchKey": NotFound,
    "NoSuchVersion": NotFound,
    "NoSuchUpload": NotFound,
    "NoSuchBucket": MissingBucket,
    "AccessDenied": PermissionDenied,
    "AccessControlListNotSupported": PermissionDenied,
    "ExpiredToken": PermissionDenied,
    "ExpiredTokenException": PermissionDenied,
    "TokenRefreshRequired": PermissionDenied,
    "InvalidToken": PermissionDenied,
    "InvalidAccessKeyId": PermissionDenied,
    "SignatureDoesNotMatch": PermissionDenied,
    "RequestTimeTooSkewed": PermissionDenied,
    "PreconditionFailed": AlreadyExists,
    "ConditionalRequestConflict": Conflict,
    "OperationAborted": Conflict,
    "InvalidRange": Changed,
    "KeyTooLongError": NameTooLong,
    "EntityTooLarge": TooLarge,
    "QuotaExceeded": StorageFull,
    "InsufficientStorage": StorageFull,
    "XMinioStorageFull": StorageFull,
    "NotImplemented": NotSupported,
    "RequestTimeout": Timeout,
    "SlowDown": Unavailable,
    "Throttling": Unavailable,
    "ThrottlingException": Unavailable,
    "ServiceUnavailable": Unavailable,
    "InternalError": Unavailable,
    # What was sent was damaged on its way: nothing has been stored, sending it again may work.
    "BadDigest": Unavailable,
    "XAmzContentSHA256Mismatch": Unavailable,
    "IncompleteBody": Unavailable,
}
STATUSES: Mapping[int, type[StorageError]] = {
    401: PermissionDenied,
    403: PermissionDenied,
    404: NotFound,
    405: PermissionDenied,
    408: Timeout,
    409: Conflict,
    412: AlreadyExists,
    413: TooLarge,
    416: Changed,
    429: Unavailable,
    501: NotSupported,
    504: Timeout,
    507: StorageFull,
}
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_WRONG_REGION = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "301",
        "307",
    }
)
_SERVER_ERROR = 500
FORBIDDEN = 403

#: The permission that each request needs, and whether the bucket or the object is its resource.
_PERMISSIONS: Mapping[str, tuple[str, str]] = {
    "get_object": ("s3:GetObject", "/*"),
    "head_object": ("s3:GetObject", "/*"),
    "put_object": ("s3:PutObject", "/*"),
    "create_multipart_upload": ("s3:PutObject", "/*"),
    "upload_part": ("s3:PutObject", "/*"),
    "upload_part_copy": ("s3:PutObject", "/*"),
    "complete_multipart_upload": ("s3:PutObject", "/*"),
    "abort_multipart_upload": ("s3:AbortMultipartUpload", "/*"),
    "copy_object": ("s3:GetObject and s3:PutObject", "/*"),
    "delete_object": ("s3:DeleteObject", "/*"),
    "delete_objects": ("s3:DeleteObject", "/*"),
    "list_objects_v2": ("s3:ListBucket", ""),
    "create_bucket": ("s3:CreateBucket", ""),
}


@dataclass(frozen=True)
class Request:
    """One request: for whom, which method of the client, on which bucket and key."""

    storage: S3Storage
    method: str
    bucket: str
    key: str = ""


def code_of(error: BaseException) -> str:
    """Return S3's code for one of our errors ("NoSuchKey", ...); "" when no server answered."""
    return str(getattr(error, "code", ""))


@contextmanager
def translated(request: Request) -> Iterator[None]:
    """Raise what goes wrong inside, at S3 or on the way there, as one of our errors."""
    try:
        yield
    except (StorageError, GeneratorExit):
        raise
    except Exception as error:
        mine = ours(error, request)
        if mine is None:
            raise
        raise mine from shown_cause(error, lambda text: redacted(text, request.storage))


def ours(error: BaseException, request: Request) -> Exception | None:
    """Return the error to raise for ``error``; None when it is not S3's nor the network's."""
    theirs: Any = library("botocore.exceptions", "s3")
    parsers: Any = library("botocore.parsers", "s3")
    from urllib3.exceptions import HTTPError

    if isinstance(error, theirs.ClientError):
        return _of_answer(error.response, request)
    table: tuple[tuple[tuple[type[Exception], ...], type[StorageError], str], ...] = (
        ((theirs.FlexibleChecksumError,), Corrupt, ""),
        ((theirs.ReadTimeoutError, theirs.ConnectTimeoutError), Timeout, ""),
        ((theirs.SSLError,), Unavailable, "AWS_S3_VERIFY names the certificates to trust."),
        (
            (
                theirs.ConnectionError,
                theirs.HTTPClientError,
                theirs.IncompleteReadError,
                parsers.ResponseParserError,
            ),
            Unavailable,
            "",
        ),
        ((HTTPError, http.client.HTTPException), Unavailable, ""),
        (
            (
                theirs.NoCredentialsError,
                theirs.PartialCredentialsError,
                theirs.CredentialRetrievalError,
                theirs.TokenRetrievalError,
            ),
            PermissionDenied,
            _NO_CREDENTIALS,
        ),
    )
    text = redacted(str(error), request.storage)
    for kinds, mine, hint in table:
        if isinstance(error, kinds):
            return mine(text, hint=hint)
    if isinstance(error, (theirs.ParamValidationError, theirs.ProfileNotFound)):
        return OptionError(text)
    return StorageError(text) if isinstance(error, theirs.BotoCoreError) else None


def _of_answer(response: Mapping[str, Any], request: Request) -> StorageError:
    details: Mapping[str, Any] = response.get("Error", {})
    metadata: Mapping[str, Any] = response.get("ResponseMetadata", {})
    code = str(details.get("Code", ""))
    status = int(metadata.get("HTTPStatusCode", 0))
    headers: Mapping[str, str] = metadata.get("HTTPHeaders", {})
    kind = CODES.get(code) or STATUSES.get(status)
    if kind is None:
        kind = Unavailable if status >= _SERVER_ERROR else StorageError
    where = f"bucket {request.bucket!r}" + (f", key {request.key!r}" if request.key else "")
    said = f"{code}: {details.get('Message') or ''}".strip(": .")
    error = kind(
        f"{kind.reason} S3 answered {status} {redacted(said, request.storage)} to {request.method} "
        f"on {where}.",
        hint=_hint(code, status, details, headers, request),
    )
    vars(error)["code"] = code
    if isinstance(error, Unavailable):
        error.retry_after = _retry_after(headers)
    return error


_NO_CREDENTIALS = (
    "Set AWS_S3_ACCESS_KEY_ID and AWS_S3_SECRET_ACCESS_KEY, or give boto3 credentials in one of "
    "its own ways (environment, ~/.aws, a role)."
)
_HINTS: Mapping[str, str] = {
    "NoSuchBucket": "AWS_STORAGE_BUCKET_NAME (bucket_name) must name a bucket that exists; with "
    "AWS_AUTO_CREATE_BUCKET (auto_create_bucket) = True it is created.",
    "AccessControlListNotSupported": "The bucket has ACLs disabled, as all new ones have: unset "
    "AWS_DEFAULT_ACL (default_acl), and x-amz-acl in AWS_HEADERS; make files public by a bucket "
    "policy.",
    **dict.fromkeys(EXPIRED, "The temporary credentials have expired: get new ones."),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"),
        "Look at the access key, the secret key and, for temporary ones, the token.",
    ),
}


def _hint(
    code: str,
    status: int,
    details: Mapping[str, Any],
    headers: Mapping[str, str],
    request: Request,
) -> str:
    if code in _HINTS:
        return _HINTS[code]
    if code == "RequestTimeTooSkewed":
        return f"This machine's clock is wrong{_skew(headers)}: set it."
    region = details.get("Region") or headers.get("x-amz-bucket-region")
    if code in _WRONG_REGION:
        return (
            f"The bucket is in the region {region}: set AWS_S3_REGION_NAME = {region!r}."
            if region
            else "The bucket is in another region: set AWS_S3_REGION_NAME to it."
        )
    if status == FORBIDDEN and request.method in _PERMISSIONS:
        action, part = _PERMISSIONS[request.method]
        needed = f"Allow {action} on arn:aws:s3:::{request.bucket}{part}."
        if request.method in {"get_object", "head_object"}:
            needed += (
                f" Without s3:ListBucket on arn:aws:s3:::{request.bucket} S3 answers 403 for a "
                "missing object, too."
            )
        return needed
    return ""


def _skew(headers: Mapping[str, str]) -> str:
    try:
        seconds = time() - parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, OverflowError, TypeError, ValueError):
        return ""
    return f" by {abs(seconds):.0f} seconds ({'ahead' if seconds > 0 else 'behind'})"


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    seconds = number(value.partition(".")[0])
    if seconds is not None:
        return float(seconds)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (OverflowError, TypeError, ValueError):
        return None
