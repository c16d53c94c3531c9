"""What objects are given beside their bytes: content type, headers, ACL, encryption, metadata."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from storages import names
from storages.backends.s3.options import S3Options
from storages.errors import OptionError

__all__ = ["PUT_PARAMETERS", "S3Headers", "form_fields", "header_parameters"]

#: HTTP headers, in lower case -> the parameter of boto3's uploads that sends them.
HEADERS: Mapping[str, str] = {
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-acl": "ACL",
    "x-amz-grant-full-control": "GrantFullControl",
    "x-amz-grant-read": "GrantRead",
    "x-amz-grant-read-acp": "GrantReadACP",
    "x-amz-grant-write-acp": "GrantWriteACP",
    "x-amz-object-lock-legal-hold": "ObjectLockLegalHoldStatus",
    "x-amz-object-lock-mode": "ObjectLockMode",
    "x-amz-object-lock-retain-until-date": "ObjectLockRetainUntilDate",
    "x-amz-request-payer": "RequestPayer",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-server-side-encryption-bucket-key-enabled": "BucketKeyEnabled",
    "x-amz-server-side-encryption-context": "SSEKMSEncryptionContext",
    "x-amz-storage-class": "StorageClass",
    "x-amz-tagging": "Tagging",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
}
_METADATA = "x-amz-meta-"

#: What ``object_parameters`` may hold. The rest of an upload (body, length, conditions) is ours.
PUT_PARAMETERS = frozenset(
    {
        *HEADERS.values(),
        "ChecksumAlgorithm",
        "ExpectedBucketOwner",
        "Metadata",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSECustomerKeyMD5",
    }
)


def header_parameters(headers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the upload parameters that send ``headers``, whose names are in any case.

    Raises OptionError for a header that no upload can have.
    """
    parameters: dict[str, Any] = {}
    for header, value in headers.items():
        lower = header.lower()
        if lower in HEADERS:
            parameters[HEADERS[lower]] = value
        elif lower.startswith(_METADATA):
            parameters.setdefault("Metadata", {})[lower.removeprefix(_METADATA)] = str(value)
        else:
            raise OptionError(f"AWS_HEADERS (headers): {_unknown(header, HEADERS)}")
    return parameters


def checked_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of what ``object_parameters`` holds; raise OptionError for an unknown one."""
    for name in parameters:
        if name not in PUT_PARAMETERS:
            raise OptionError(
                "AWS_S3_OBJECT_PARAMETERS (object_parameters): " + _unknown(name, PUT_PARAMETERS)
            )
    return dict(parameters)


def _unknown(shown: str, known: Iterable[str]) -> str:
    by_lower = {each.lower(): each for each in known}
    near = difflib.get_close_matches(shown.lower(), by_lower, n=1)
    meant = f" Did you mean {by_lower[near[0]]!r}?" if near else ""
    return f"uploads have no {shown!r}.{meant}"


def form_fields(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of an upload form that say what ``parameters`` say, as S3 spells them."""
    header_of = {parameter: header for header, parameter in HEADERS.items()}
    fields: dict[str, str] = {}
    for parameter, value in parameters.items():
        if parameter == "Metadata":
            fields |= {f"{_METADATA}{name}": str(text) for name, text in value.items()}
        elif parameter == "ACL":
            fields["acl"] = value
        elif parameter in header_of and parameter != "Tagging":  # forms want tags as XML
            header = header_of[parameter]
            fields[header if header.startswith("x-amz-") else header.title()] = str(value)
    return fields


class S3Headers(S3Options):
    """The part of an S3 storage that says what an upload is given."""

    default_content_type = "application/octet-stream"

    def check_headers(self) -> None:
        """Raise OptionError when ``headers`` or ``object_parameters`` hold something unknown."""
        header_parameters(self.headers)
        checked_parameters(self.object_parameters)

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """Return what the object of key ``name`` is given, by boto3's names.

        To be overridden where files differ; the default is ``object_parameters``. What it returns
        wins over all other options; with ContentEncoding in it, the file is not compressed.
        """
        del name
        return checked_parameters(self.object_parameters)

    def _get_write_parameters(self, name: str, content: Any = None) -> dict[str, Any]:
        """Return all parameters of an upload of ``content`` to the key ``name``, less the body.

        The content type is the content's own, else what the name suggests; a compressed file is
        what its last suffix says and has no Content-Encoding, or clients would unpack it.
        """
        parameters: dict[str, Any] = {}
        if self.default_acl:
            parameters["ACL"] = self.default_acl
        if self.encryption:
            parameters["ServerSideEncryption"] = (
                self.encryption if isinstance(self.encryption, str) else "AES256"
            )
        if self.reduced_redundancy:
            parameters["StorageClass"] = "REDUCED_REDUNDANCY"
        ours = self.get_object_parameters(name)
        parameters |= header_parameters(self.headers)
        metadata = {**parameters.get("Metadata", {}), **ours.get("Metadata", {})}
        parameters |= ours
        if metadata:
            parameters["Metadata"] = metadata
        cache_control = getattr(content, "cache_control", None)
        if cache_control and "CacheControl" not in parameters:
            parameters["CacheControl"] = cache_control
        if "ContentType" not in parameters:
            parameters["ContentType"] = getattr(
                content, "content_type", None
            ) or self._guessed_type(name)
        return parameters

    def _guessed_type(self, name: str) -> str:
        guessed = names.content_type(name)
        return self.default_content_type if guessed == "application/octet-stream" else guessed
