"""What ``manage.py check`` tells of an S3 storage in ``STORAGES``.

=================  =================================================================
``storages.W010``  nothing says whether saving a name again replaces the file
``storages.W011``  requests are signed with SigV2
``storages.W012``  options that have no effect together
``storages.E010``  signed URLs are to live longer than S3 allows
=================  =================================================================

A missing bucket, an unknown header and keys without their other half are errors of the
constructor, which ``storages.E003`` reports.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - their name for it

from storages.backends.s3.values import LONGEST_EXPIRY
from storages.options import Option

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage

__all__ = ["check"]


def check(storage: S3Storage, alias: str) -> Iterator[CheckMessage]:
    """Yield what is to be said of ``STORAGES[alias]``."""
    entry = f"STORAGES[{alias!r}]"
    if not (storage.file_overwrite or _is_set(storage, "file_overwrite")):
        yield Warning(
            f"{entry}: a file whose name is taken gets another name. django-storages before 2.0 "
            "replaced the file that was there.",
            hint="Set file_overwrite (AWS_S3_FILE_OVERWRITE) to False to keep both files, or to "
            "True to replace.",
            id="storages.W010",
        )
    if _is_sigv2(storage.signature_version):
        yield Warning(
            f"{entry}: signature_version (AWS_S3_SIGNATURE_VERSION) is "
            f"{storage.signature_version!r}, SigV2. AWS refuses it in every region opened since "
            "2014 and for every bucket made since June 2020.",
            hint="Remove it, unless your server knows nothing else: the default is 's3v4'.",
            id="storages.W011",
        )
    if (
        storage.querystring_auth
        and not storage.effective_custom_domain
        and storage.querystring_expire > LONGEST_EXPIRY
    ):
        yield Error(
            f"{entry}: querystring_expire (AWS_QUERYSTRING_EXPIRE) is "
            f"{storage.querystring_expire} seconds; a URL signed for S3 lives at most "
            f"{LONGEST_EXPIRY}, seven days.",
            hint="Make it shorter, or put CloudFront before the bucket (custom_domain).",
            id="storages.E010",
        )
    for sentence, hint in _conflicts(storage):
        yield Warning(f"{entry}: {sentence}", hint=hint, id="storages.W012")


def _conflicts(storage: S3Storage) -> Iterator[tuple[str, str]]:
    """Yield which options have no effect, and what to do about it."""
    domain = storage.effective_custom_domain
    signer = storage.cloudfront_signer is not None or bool(storage.cloudfront_key)
    if domain and not signer and storage.querystring_auth and _is_set(storage, "querystring_auth"):
        sentence = (
            "querystring_auth asks for signed URLs, but those of custom_domain are not signed: "
            "there is no CloudFront key."
        )
        hint = (
            "Set cloudfront_key and cloudfront_key_id; or querystring_auth=False, if whoever "
            "knows a file's name may read it."
        )
        yield sentence, hint
    if signer and not domain:
        sentence = "the CloudFront key has no effect: there is no custom_domain to sign URLs of."
        yield sentence, "Set custom_domain (AWS_S3_CUSTOM_DOMAIN) to the distribution's domain."
    if domain and storage.public_endpoint_url:
        sentence = "public_endpoint_url has no effect on url(): custom_domain wins."
        yield sentence, "Keep the one that browsers are to see."
    if storage.endpoint_url and storage.host:
        yield "AWS_S3_HOST (host) has no effect: endpoint_url wins.", "Remove it."


def _is_sigv2(version: Any) -> bool:
    return isinstance(version, str) and version in {"s3", "s3-query", "v2"}


def _is_set(storage: S3Storage, name: str) -> bool:
    """Whether the project says anything about the option, be it the default."""
    if name in storage.given:
        return True
    declared = inspect.getattr_static(type(storage), name)
    # A subclass's plain attribute hides the declaration.
    return not isinstance(declared, Option) or any(
        hasattr(settings, each) for each in declared.settings
    )
