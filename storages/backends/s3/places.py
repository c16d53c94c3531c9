"""Where a bucket is for browsers, asked of botocore once per configuration and without a network.

botocore knows how AWS's partitions, dual-stack, acceleration and other servers' endpoints make a
bucket's URL and what its signatures are good for; but asking it for each URL is slow.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from storages.backends.s3 import client
from storages.backends.s3.options import S3Options
from storages.backends.s3.recent import Recent
from storages.backends.s3.signing import Keys, Place
from storages.errors import OptionError, PermissionDenied
from storages.libraries import library

__all__ = ["keys", "place", "presigning_client"]

_KEY = "key"
# Bucket names for which botocore signs in ways of their own: access points, directory buckets.
_PECULIAR = ("arn:", "--x-s3")
#: Of buckets whose names are asked for each time there may be any number.
_places: Recent[tuple[Any, ...], Place] = Recent(1024)
_clients: Recent[tuple[Any, ...], tuple[Keys, Any]] = Recent(client.MOST_CLIENTS)
_credentials: dict[tuple[int, str | None], Any] = {}


def keys(storage: S3Options) -> Keys:
    """Return the credentials that sign now: the options', else those that boto3 finds.

    What boto3 finds (a role's, a file's) is kept, and refreshed before it expires.
    """
    if storage.access_key and storage.secret_key:
        return Keys(storage.access_key, storage.secret_key, storage.security_token)
    which = (client.generation(), storage.session_profile)
    found = _credentials.get(which)
    if found is None:
        found = client.session(storage).get_credentials()
        _credentials.clear()
        _credentials[which] = found
    if found is None:
        raise PermissionDenied(
            "There are no credentials to sign a URL with.",
            operation="url",
            hint="Set access_key and secret_key, or querystring_auth=False for unsigned URLs.",
        )
    frozen = found.get_frozen_credentials()
    # Of botocore's RefreshableCredentials; keys that are not temporary have none.
    expires = getattr(found, "_expiry_time", None)
    return Keys(frozen.access_key, frozen.secret_key, frozen.token, expires)


def place(storage: S3Options, bucket: str) -> Place:
    """Return where browsers find ``bucket``: at ``public_endpoint_url``, else at the server."""
    configuration = _configuration(storage, bucket)
    found = _places.get(configuration)
    if found is None:
        found = _ask(storage, bucket)
        _places.put(configuration, found)
    return found


def presigning_client(storage: S3Options, bucket: str) -> Any:
    """Return a client that signs for browsers in ways that we do not know, and never connects."""
    credentials = keys(storage)
    configuration = _configuration(storage, bucket)
    known = _clients.get(configuration)
    if known is None or known[0] != credentials:
        known = (credentials, _client(storage, bucket, credentials))
        _clients.put(configuration, known)
    return known[1]


def _client(storage: S3Options, bucket: str, credentials: Keys) -> Any:
    config = client.config(storage)
    # Merging takes the one or the other Config's "s3" as a whole.
    s3 = {**(config.s3 or {})}
    if s3.get("addressing_style") in {None, "auto"} and (style := _style(storage, bucket)):
        s3["addressing_style"] = style
    changes = library("botocore.config", "s3").Config(s3=s3 or None)
    return client.session(storage).client(
        "s3",
        region_name=storage.region_name,
        endpoint_url=_endpoint(storage),
        use_ssl=storage.use_ssl,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=config.merge(changes),
    )


def _configuration(storage: S3Options, bucket: str) -> tuple[Any, ...]:
    """Everything that decides what the URL of a bucket is."""
    return (
        bucket,
        _endpoint(storage),
        storage.addressing_style,
        storage.region_name,
        storage.session_profile,
        storage.signature_version,
        storage.use_ssl,
        storage.client_config,
    )


def _endpoint(storage: S3Options) -> str | None:
    return storage.public_endpoint_url or storage.effective_endpoint_url


def _style(storage: S3Options, bucket: str) -> str | None:
    """How the bucket is named in URLs.

    Left to itself botocore presigns for AWS's global host, which redirects to the region and so
    breaks the signature of buckets younger than a day, or in most regions; named like this, the
    host is the region's. A bucket with a dot has no TLS certificate for a host of its own.
    """
    style = storage.addressing_style
    if style in {"path", "virtual"}:
        return style
    if _endpoint(storage) is None:
        return "path" if "." in bucket else "virtual"
    return None


def _ask(storage: S3Options, bucket: str) -> Place:
    # Not the real credentials: only the address and the scope of the answer are used.
    asked = _client(storage, bucket, Keys("id", "secret"))
    exceptions = library("botocore.exceptions", "s3")
    try:
        url: str = asked.generate_presigned_url("get_object", {"Bucket": bucket, "Key": _KEY})
    except exceptions.BotoCoreError as error:
        raise OptionError(f"There is no URL for the bucket {bucket!r}: {error}") from error
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    path = parts.path.removesuffix(_KEY)
    base = f"{parts.scheme}://{parts.netloc}{path}"
    peculiar = any(mark in bucket for mark in _PECULIAR)
    if peculiar or query.get("X-Amz-Algorithm") != ["AWS4-HMAC-SHA256"]:
        return Place(base, parts.netloc, path)
    _, _, region, service, _ = query["X-Amz-Credential"][0].split("/")
    return Place(base, parts.netloc, path, region, service)
