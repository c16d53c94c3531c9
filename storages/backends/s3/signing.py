"""Signing without a client: presigned URLs, upload forms and CloudFront's, at a time of our choice.

botocore signs for the current second, so that each page shows other URLs and no browser can cache
what they lead to. Here the time is an argument, and nothing but the time changes a URL.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from django.views.decorators.debug import sensitive_variables

from storages.errors import OptionError
from storages.libraries import library

__all__ = [
    "Keys",
    "Place",
    "cloudfront_cookies",
    "cloudfront_signer",
    "presign",
    "quote_key",
    "upload_form",
]

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Keys:
    """Credentials, at one moment; ``expires`` tells when temporary ones end."""

    access_key: str
    secret_key: str
    token: str | None = None
    expires: datetime | None = None

    def __repr__(self) -> str:
        return "Keys(***)"

    def lifetime(self, wanted: int, moment: datetime) -> int:
        """Return how long what is signed at ``moment`` lives: ``wanted`` seconds, or less."""
        if self.expires is None:
            return wanted
        return max(1, min(wanted, int((self.expires - moment).total_seconds())))


@dataclass(frozen=True)
class Place:
    """Where a bucket is, for browsers.

    ``base`` is the bucket's URL with a slash at its end; ``host`` and ``path`` are parts of it.
    Without a ``region``, signatures are of a kind that only botocore makes.
    """

    base: str
    host: str
    path: str
    region: str = ""
    service: str = "s3"

    def scope(self, date: str) -> str:
        """What a signature of that day is good for."""
        return f"{date}/{self.region}/{self.service}/aws4_request"


def quote_key(key: str) -> str:
    """Percent-encode ``key`` for a URL's path as SigV4 wants it."""
    return quote(key, safe="/~")


def presign(  # noqa: PLR0913 - each is a part of the request that is signed
    place: Place,
    keys: Keys,
    key: str,
    *,
    moment: datetime,
    expire: int,
    method: str = "GET",
    parameters: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Return the URL at which ``method`` may be used on ``key``, for ``expire`` seconds (SigV4).

    ``moment`` (UTC) is the time of signing. ``headers`` must be sent as given by who uses the URL.
    """
    time = moment.strftime("%Y%m%dT%H%M%SZ")
    scope = place.scope(time[:8])
    signed = {"host": place.host}
    signed |= {name.lower(): " ".join(value.split()) for name, value in (headers or {}).items()}
    names = ";".join(sorted(signed))
    query = {
        **(parameters or {}),
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key}/{scope}",
        "X-Amz-Date": time,
        "X-Amz-Expires": str(keys.lifetime(expire, moment)),
        "X-Amz-SignedHeaders": names,
    }
    if keys.token:
        query["X-Amz-Security-Token"] = keys.token
    pairs = sorted((quote(name, safe="-_.~"), quote(query[name], safe="-_.~")) for name in query)
    text = "&".join(f"{name}={value}" for name, value in pairs)
    path = quote_key(key)
    request = "\n".join(
        [
            method,
            place.path + path,
            text,
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            "UNSIGNED-PAYLOAD",
        ]
    )
    digest = hashlib.sha256(request.encode()).hexdigest()
    signature = _sign(place, keys, time, f"{_ALGORITHM}\n{time}\n{scope}\n{digest}")
    return f"{place.base}{path}?{text}&X-Amz-Signature={signature}"


def upload_form(  # noqa: PLR0913 - each is a part of the policy
    place: Place,
    keys: Keys,
    bucket: str,
    fields: Mapping[str, str],
    conditions: Iterable[Any],
    *,
    moment: datetime,
    expire: int,
) -> dict[str, Any]:
    """Return the ``url`` and ``fields`` of a form that uploads one file (a POST policy, SigV4).

    The policy demands each of ``fields`` as it is, and ``conditions`` beside them.
    """
    time = moment.strftime("%Y%m%dT%H%M%SZ")
    all_fields = {
        **fields,
        "x-amz-algorithm": _ALGORITHM,
        "x-amz-credential": f"{keys.access_key}/{place.scope(time[:8])}",
        "x-amz-date": time,
    }
    if keys.token:
        all_fields["x-amz-security-token"] = keys.token
    until = moment + timedelta(seconds=keys.lifetime(expire, moment))
    policy = {
        "expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [
            {"bucket": bucket},
            *({name: value} for name, value in all_fields.items()),
            *conditions,
        ],
    }
    text = base64.b64encode(json.dumps(policy).encode()).decode()
    return {
        "url": place.base,
        "fields": {
            **all_fields,
            "policy": text,
            "x-amz-signature": _sign(place, keys, time, text),
        },
    }


def _sign(place: Place, keys: Keys, time: str, text: str) -> str:
    key = f"AWS4{keys.secret_key}".encode()
    for part in place.scope(time[:8]).split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


# ------------------------------------------------------------------ CloudFront


@lru_cache(maxsize=32)
@sensitive_variables()
def cloudfront_signer(key_id: str, pem: bytes) -> Any:
    """Return botocore's CloudFrontSigner for a private key; raise OptionError when it is none."""
    signers = library("botocore.signers", "s3")
    hashes = library("cryptography.hazmat.primitives.hashes", "cloudfront")
    padding = library("cryptography.hazmat.primitives.asymmetric.padding", "cloudfront")
    serialization = library("cryptography.hazmat.primitives.serialization", "cloudfront")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (TypeError, ValueError):
        # Not its cause: that may show the key.
        msg = "AWS_CLOUDFRONT_KEY (cloudfront_key) is no PEM of an unencrypted private key."
        raise OptionError(msg) from None

    def sign(message: bytes) -> bytes:
        # CloudFront knows SHA-1 and nothing else.
        signature: bytes = key.sign(message, padding.PKCS1v15(), hashes.SHA1())
        return signature

    return signers.CloudFrontSigner(key_id, sign)


def cloudfront_cookies(signer: Any, resource: str, until: datetime) -> dict[str, str]:
    """Return the cookies that open every URL matching ``resource`` (with ``*``) until then."""
    policy = signer.build_policy(resource, until).encode()
    return {
        "CloudFront-Policy": _cookie(policy),
        "CloudFront-Signature": _cookie(signer.rsa_signer(policy)),
        "CloudFront-Key-Pair-Id": signer.key_id,
    }


def _cookie(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return text.replace("+", "-").replace("=", "_").replace("/", "~")
