"""The options of the S3 storages.

The keys and settings are those of django-storages 1.14, so that its projects change nothing, those
of the 1.1.4 release (``AWS_HEADERS``, ``AWS_CALLING_FORMAT``, ``AWS_S3_HOST``, ...) and a few new
ones. What several options decide together is a property at the end of :class:`S3Options`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any

from storages.backends.s3 import values
from storages.options import option, positive

__all__ = ["S3Options"]


class S3Options:
    """Every option of the S3 storages, declared once."""

    # ------------------------------------------------------------ credentials
    access_key: str | None = option(
        settings=("AWS_S3_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
        type=str,
        secret=True,
        help="The access key id. Without keys, boto3 finds and refreshes credentials by itself.",
    )
    secret_key: str | None = option(
        settings=("AWS_S3_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
        type=str,
        secret=True,
        help="The secret access key.",
    )
    security_token: str | None = option(
        settings=("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
        type=str,
        secret=True,
        help="The session token of temporary credentials.",
    )
    session_profile: str | None = option(
        settings=("AWS_S3_SESSION_PROFILE",),
        type=str,
        help="A profile in ~/.aws to take credentials from, instead of keys.",
    )

    # ---------------------------------------------------------- where files go
    bucket_name: str | Callable[[], str] = option(
        settings=("AWS_STORAGE_BUCKET_NAME",),
        required=True,
        convert=values.text_or_callable,
        help="The bucket; or a callable that returns its name, asked for each operation.",
    )
    location: str | Callable[[], str] = option(
        settings=("AWS_LOCATION", "AWS_BUCKET_PREFIX"),
        default="",
        convert=values.location,
        help="The directory of the bucket in which names begin; or a callable that returns it.",
    )
    file_overwrite: bool = option(
        settings=("AWS_S3_FILE_OVERWRITE",),
        default=False,
        type=bool,
        help="Whether saving a name again replaces the file.",
    )
    conditional_writes: bool | None = option(
        settings=("AWS_S3_CONDITIONAL_WRITES",),
        type=bool,
        help="Whether the server refuses to replace an object by PUT when asked to "
        "(If-None-Match). None: AWS does, another server is tried out once per process.",
    )
    auto_create_bucket: bool = option(
        settings=("AWS_AUTO_CREATE_BUCKET",),
        default=False,
        type=bool,
        help="Whether a missing bucket is created.",
    )
    bucket_acl: str | None = option(
        settings=("AWS_BUCKET_ACL",), type=str, help="The canned ACL of a bucket that is created."
    )
    preload_metadata: bool = option(
        settings=("AWS_PRELOAD_METADATA",),
        default=False,
        type=bool,
        help="List everything once and answer exists, size and times from that.",
    )

    # ------------------------------------------------- what objects are given
    object_parameters: Mapping[str, Any] = option(
        settings=("AWS_S3_OBJECT_PARAMETERS",),
        default={},
        type=Mapping,
        help="Parameters of every upload, by boto3's names (CacheControl, ...).",
    )
    headers: Mapping[str, Any] = option(
        settings=("AWS_HEADERS",),
        default={},
        type=Mapping,
        help="HTTP headers of every upload; object_parameters win.",
    )
    default_acl: str | None = option(
        settings=("AWS_DEFAULT_ACL",),
        type=str,
        help="The canned ACL of every upload. None: none is sent, the bucket decides.",
    )
    encryption: bool | str = option(
        settings=("AWS_S3_ENCRYPTION",),
        default=False,
        type=(bool, str),
        help="Server-side encryption: True is AES256.",
    )
    reduced_redundancy: bool = option(
        settings=("AWS_REDUCED_REDUNDANCY",),
        default=False,
        type=bool,
        help="Whether uploads get the storage class REDUCED_REDUNDANCY.",
    )
    gzip: bool = option(
        settings=("AWS_IS_GZIPPED",),
        default=False,
        type=bool,
        help="Whether files of the types in gzip_content_types are stored compressed.",
    )
    gzip_content_types: Iterable[str] = option(
        settings=("GZIP_CONTENT_TYPES",),
        default=values.GZIP_CONTENT_TYPES,
        convert=values.content_types,
        help="The content types that are compressed when gzip is on.",
    )
    encrypt: bool = option(
        default=False,
        convert=values.not_encrypted,
        help="Refused when true: 1.1.4's client-side encryption cannot be read any more.",
    )
    file_name_charset: str = option(
        settings=("AWS_S3_FILE_NAME_CHARSET",),
        default="utf-8",
        convert=values.utf8,
        help="Names are UTF-8; anything else is refused.",
    )

    # ------------------------------------------------------------------- URLs
    querystring_auth: bool = option(
        settings=("AWS_QUERYSTRING_AUTH", "AWS_QUERYSTRING_ACTIVE"),
        default=True,
        type=bool,
        help="Whether URLs are signed.",
    )
    querystring_expire: int = option(
        settings=("AWS_QUERYSTRING_EXPIRE",),
        default=3600,
        type=(int, float, timedelta),
        convert=values.seconds,
        help="How many seconds a signed URL lives.",
    )
    url_window: int | None = option(
        settings=("AWS_S3_URL_WINDOW",),
        type=(int, float, timedelta),
        convert=values.seconds,
        help="For how many seconds url() gives the same signed URL, so that it can be cached. "
        "None: a quarter of its life; 0: never the same.",
    )
    custom_domain: str | None = option(
        settings=("AWS_S3_CUSTOM_DOMAIN",),
        type=(str, bool),
        convert=lambda value: value or None,
        help="The host of URLs, with a path if need be: a CDN or a vanity domain.",
    )
    url_protocol: str | None = option(
        settings=("AWS_S3_URL_PROTOCOL",),
        type=str,
        convert=values.protocol,
        help="The scheme of unsigned and custom-domain URLs. None: https:.",
    )
    secure_urls: bool = option(
        settings=("AWS_S3_SECURE_URLS",),
        default=True,
        type=bool,
        help="False, and no url_protocol: URLs begin with http:.",
    )
    public_endpoint_url: str | None = option(
        settings=("AWS_S3_PUBLIC_ENDPOINT_URL",),
        type=str,
        convert=values.endpoint,
        help="The endpoint that browsers see, where it is not the one that this server uses.",
    )
    cloudfront_key_id: str | None = option(
        settings=("AWS_CLOUDFRONT_KEY_ID",), type=str, help="The id of CloudFront's key."
    )
    cloudfront_key: str | bytes | None = option(
        settings=("AWS_CLOUDFRONT_KEY",),
        type=(str, bytes),
        secret=True,
        help="The PEM of the private key with which custom-domain URLs are signed.",
    )
    cloudfront_signer: Any = option(
        help="A botocore CloudFrontSigner, instead of cloudfront_key and cloudfront_key_id."
    )

    # -------------------------------------------------------------- connection
    endpoint_url: str | None = option(
        settings=("AWS_S3_ENDPOINT_URL",),
        type=str,
        convert=values.endpoint,
        help="The server, when it is not AWS's.",
    )
    host: str | None = option(
        settings=("AWS_S3_HOST",), type=str, help="1.1.4's name of the server."
    )
    port: int | None = option(
        settings=("AWS_S3_PORT",), type=(int, str), convert=int, help="1.1.4's port of the server."
    )
    region_name: str | None = option(
        settings=("AWS_S3_REGION_NAME",), type=str, help="The bucket's region."
    )
    addressing_style: str | None = option(
        settings=("AWS_S3_ADDRESSING_STYLE", "AWS_CALLING_FORMAT", "AWS_S3_CALLING_FORMAT"),
        convert=values.calling_format,
        help="How the bucket is named in URLs: path, virtual, vanity or auto.",
    )
    signature_version: str | None = option(
        settings=("AWS_S3_SIGNATURE_VERSION",),
        default="s3v4",
        help="How requests are signed.",
    )
    use_ssl: bool = option(
        settings=("AWS_S3_USE_SSL",),
        default=True,
        type=bool,
        help="Whether the server is spoken to over TLS; an endpoint_url says so itself.",
    )
    verify: bool | str | None = option(
        settings=("AWS_S3_VERIFY",),
        type=(bool, str),
        help="A file of certificates to trust; False trusts anybody.",
    )
    proxies: Mapping[str, str] | None = option(
        settings=("AWS_S3_PROXIES",),
        type=Mapping,
        secret=True,
        help="Proxies by scheme; they may hold passwords.",
    )
    client_config: Any = option(
        settings=("AWS_S3_CLIENT_CONFIG",), help="A botocore Config, merged over ours."
    )
    transfer_config: Any = option(
        settings=("AWS_S3_TRANSFER_CONFIG",),
        help="A boto3 TransferConfig: its threshold, part size, concurrency and use_threads count.",
    )
    use_threads: bool = option(
        settings=("AWS_S3_USE_THREADS",),
        default=True,
        type=bool,
        help="Whether the parts of a large upload are sent by several threads.",
    )
    request_checksum: str | None = option(
        settings=("AWS_S3_REQUEST_CHECKSUM",),
        type=str,
        convert=values.one_of("when_required", "when_supported"),
        help="When uploads carry a CRC. None: boto3's default at AWS, when_required elsewhere.",
    )
    connect_timeout: float = option(
        settings=("AWS_S3_CONNECT_TIMEOUT",),
        default=5.0,
        type=(int, float),
        help="Seconds to wait for a connection.",
    )
    read_timeout: float = option(
        settings=("AWS_S3_READ_TIMEOUT",),
        default=60.0,
        type=(int, float),
        help="Seconds to wait for an answer, or for more of one.",
    )
    max_attempts: int = option(
        settings=("AWS_S3_MAX_ATTEMPTS",),
        default=3,
        type=int,
        convert=positive,
        help="How often a request is made in all, when the server fails.",
    )
    retry_mode: str = option(
        settings=("AWS_S3_RETRY_MODE",),
        default="standard",
        type=str,
        convert=values.one_of("standard", "adaptive", "legacy"),
        help="botocore's retry mode; adaptive slows down when the server says so.",
    )
    file_buffer_size: int | None = option(
        settings=("AWS_S3_FILE_BUFFER_SIZE",),
        type=int,
        convert=positive,
        help="The size of an upload's parts, at least 5 MiB. None: 8 MiB.",
    )
    max_memory_size: int = option(
        settings=("AWS_S3_MAX_MEMORY_SIZE",),
        default=0,
        type=int,
        help="Accepted and without effect: reading holds a few blocks in memory.",
    )

    # -------------------------------------------- what several options decide

    @property
    def effective_endpoint_url(self) -> str | None:
        """The server's URL: ``endpoint_url``, or made of 1.1.4's host and port; None is AWS."""
        if self.endpoint_url or not self.host:
            return self.endpoint_url
        scheme = "https" if self.use_ssl else "http"
        return f"{scheme}://{self.host}" + (f":{self.port}" if self.port else "")

    @property
    def effective_url_protocol(self) -> str:
        """``https:`` or ``http:``, for unsigned and custom-domain URLs."""
        return self.url_protocol or ("https:" if self.secure_urls else "http:")

    @property
    def effective_custom_domain(self) -> str | None:
        """The host of URLs; the bucket's name when the calling format is VANITY."""
        if self.custom_domain is None and self.addressing_style == "vanity":
            return self.current_bucket
        return self.custom_domain

    @property
    def current_bucket(self) -> str:
        """The bucket's name, now."""
        name = self.bucket_name
        return name() if callable(name) else name

    @property
    def current_location(self) -> str:
        """The directory in which names begin, now: without slashes around it, "" for the root."""
        location = self.location
        return (location() if callable(location) else location).strip("/")
