"""URLs: templates, signed ones that stay the same for a while, CloudFront's, and direct uploads."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlencode

from django.utils.http import http_date
from django.views.decorators.debug import sensitive_variables

from storages import names
from storages.backends.s3 import client, places, signing
from storages.backends.s3.headers import S3Headers, form_fields
from storages.backends.s3.signing import Place, quote_key
from storages.backends.s3.values import LONGEST_EXPIRY, seconds
from storages.errors import OptionError
from storages.signing import preferred

__all__ = ["S3URLs"]

#: boto3's names of what a GET may ask for in its URL -> S3's.
_QUERY: Mapping[str, str] = {
    "PartNumber": "partNumber",
    "ResponseCacheControl": "response-cache-control",
    "ResponseContentDisposition": "response-content-disposition",
    "ResponseContentEncoding": "response-content-encoding",
    "ResponseContentLanguage": "response-content-language",
    "ResponseContentType": "response-content-type",
    "ResponseExpires": "response-expires",
    "VersionId": "versionId",
}
# Names in which nothing has to be judged or encoded; which is most names, and quickly seen.
_SIMPLE = re.compile(r"\w[\w.-]*(?:/\w[\w.-]*)*", re.ASCII).fullmatch


@dataclass(frozen=True)
class _Address:
    """What the options say about URLs, worked out once; valid as long as no setting changes.

    ``base`` ends with a slash, or is None where the bucket or location is asked for each time; so
    is ``place``.
    """

    generation: int
    base: str | None
    plain: bool  # no signature of any kind
    domain: bool  # at custom_domain
    place: Place | None  # where S3 signs for

    def __reduce__(self) -> Any:
        return type(None), ()  # another process has other settings


class S3URLs(S3Headers):
    """The part of an S3 storage that knows where its files are for others."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_"):
            self.__dict__.pop("_addressed", None)

    # ------------------------------------------------------------------- URLs

    @sensitive_variables()
    def url(
        self,
        name: str | None,
        parameters: Mapping[str, Any] | None = None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        download_as: str | None = None,
    ) -> str:
        """Return the URL of a file; no request is made.

        Without arguments, it is a link of ``storages.views`` if ``STORAGES_SERVE`` says so.

        A signed URL is the same for a while (``url_window``), so that browsers and CDNs can keep
        what it leads to; it lives at most ``expire`` seconds, and at least three quarters of them,
        but not longer than the credentials if these are temporary (a role's).

        Arguments:
            name: the file's name.
            parameters: query parameters, by boto3's names (``ResponseContentType``) or S3's.
            expire: seconds that a signed URL lives (default ``querystring_expire``).
            http_method: what a signed URL may be used for (default GET).
            download_as: the name under which browsers are to store the file.

        Raises:
            ValueError: the URL cannot be signed for so long, or cannot carry ``download_as``.

        """
        if parameters is None and expire is None and http_method is None and download_as is None:
            made = preferred(self, name)
            if made is not None:
                return made
        return self._own_url(name, parameters, expire, http_method, download_as)

    def _own_url(
        self,
        name: str | None,
        parameters: Mapping[str, Any] | None = None,
        expire: int | timedelta | None = None,
        http_method: str | None = None,
        download_as: str | None = None,
    ) -> str:
        known: _Address | None = self.__dict__.get("_addressed")
        if known is None or known.generation != client.generation():
            known = self._address()
        base = known.base
        if base is None:
            base = self._base()
        simple = known.plain and parameters is None and download_as is None
        if simple and type(name) is str and _SIMPLE(name):
            return base + name
        key = names.url_name(name or "")
        if simple:
            return base + quote_key(key)
        query = {_QUERY.get(each, each): _text(value) for each, value in (parameters or {}).items()}
        if download_as is not None:
            if known.plain and not known.domain:
                raise ValueError("S3 obeys download_as in signed URLs only.")
            query["response-content-disposition"] = attachment(download_as)
        if not (known.plain or known.domain):
            return self._signed(known.place, key, query, expire, http_method)
        url = base + quote_key(key) + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        return url if known.plain else self._signed_by_cloudfront(url, expire)

    def _url_of(self, key: str) -> str:
        return self._own_url(key)

    def _address(self) -> _Address:
        generation = client.generation()
        domain = bool(self.effective_custom_domain)
        plain = not self.querystring_auth or (domain and self._signer() is None)
        changing = callable(self.bucket_name) or callable(self.location)
        known = _Address(
            generation,
            None if changing else self._base(),
            plain,
            domain,
            None if changing or plain or domain else self._place(),
        )
        self.__dict__["_addressed"] = known
        return known

    def _base(self) -> str:
        """The URL of the directory in which names begin, with a slash at its end."""
        domain = self.effective_custom_domain
        if domain:
            root = f"{self.effective_url_protocol}//{domain.strip('/')}/"
        else:
            root = self._place().base
        location = self.current_location
        return root + quote_key(location) + "/" if location else root

    def _place(self) -> Place:
        return places.place(self, self.current_bucket)

    def _signed(
        self,
        place: Place | None,
        key: str,
        query: Mapping[str, str],
        expire: int | timedelta | None,
        http_method: str | None,
    ) -> str:
        life = self._lifetime(expire, longest=LONGEST_EXPIRY)
        place = place or self._place()
        key = names.join(self.current_location, key)
        if not place.region:
            return self._presigned_by_botocore(key, query, life, http_method)
        return signing.presign(
            place,
            places.keys(self),
            key,
            moment=datetime.fromtimestamp(self._moment(life), tz=timezone.utc),
            expire=life,
            method=(http_method or "GET").upper(),
            parameters=query,
        )

    def _signed_by_cloudfront(self, url: str, expire: int | timedelta | None) -> str:
        life = self._lifetime(expire, longest=None)
        until = datetime.fromtimestamp(self._moment(life) + life, tz=timezone.utc)
        signed: str = self._signer().generate_presigned_url(url, date_less_than=until)
        return signed

    def _presigned_by_botocore(
        self, key: str, query: Mapping[str, str], life: int, http_method: str | None
    ) -> str:
        bucket = self.current_bucket
        life = places.keys(self).lifetime(life, datetime.now(timezone.utc))
        theirs = {ours: name for name, ours in _QUERY.items()}
        url: str = places.presigning_client(self, bucket).generate_presigned_url(
            "get_object",
            Params={
                "Bucket": bucket,
                "Key": key,
                **{theirs.get(name, name): value for name, value in query.items()},
            },
            ExpiresIn=life,
            HttpMethod=http_method,
        )
        return url

    def _lifetime(self, expire: int | timedelta | None, longest: int | None) -> int:
        life = self.querystring_expire if expire is None else seconds(expire)
        if life < 1:
            raise ValueError(f"A signed URL cannot expire after {life} seconds.")
        if longest is not None and life > longest:
            msg = (
                f"A URL signed for S3 lives at most {longest} seconds (seven days), not {life}. "
                "Make it when it is needed, or put CloudFront before the bucket."
            )
            raise OptionError(msg) if expire is None else ValueError(msg)
        return life

    def _moment(self, life: int) -> int:
        """When a URL that lives ``life`` seconds is signed: now, rounded down to its window."""
        window = life // 4 if self.url_window is None else min(self.url_window, life // 2)
        now = int(time.time())
        return now - now % window if window > 0 else now

    # ------------------------------------------------------------- CloudFront

    def check_urls(self) -> None:
        """Raise OptionError when only half of CloudFront's key is there."""
        if bool(self.cloudfront_key) != bool(self.cloudfront_key_id):
            raise OptionError(
                "AWS_CLOUDFRONT_KEY (cloudfront_key) and AWS_CLOUDFRONT_KEY_ID "
                "(cloudfront_key_id) must be set together."
            )

    @sensitive_variables("pem")
    def _signer(self) -> Any:
        """Who signs for CloudFront; None: nobody."""
        if self.cloudfront_signer is not None:
            return self.cloudfront_signer
        if not (self.cloudfront_key and self.cloudfront_key_id):
            return None
        pem = self.cloudfront_key
        return signing.cloudfront_signer(
            self.cloudfront_key_id, pem.encode() if isinstance(pem, str) else bytes(pem)
        )

    def signed_cookies(
        self, prefix: str = "", expire: int | timedelta | None = None
    ) -> dict[str, str]:
        """Return the cookies with which a browser may get every file whose name begins so.

        They are for the ``custom_domain`` (set them for it, or a domain above), signed by
        CloudFront's key, and good for ``expire`` seconds. ``""`` opens all files of the storage.

        Raises:
            OptionError: there is no ``custom_domain`` or no CloudFront key.

        """
        wanted = quote_key(names.url_name(prefix))
        signer = self._signer()
        if not self.effective_custom_domain or signer is None:
            raise OptionError(
                "signed_cookies() needs custom_domain, cloudfront_key_id and cloudfront_key."
            )
        life = self._lifetime(expire, longest=None)
        until = datetime.fromtimestamp(int(time.time()) + life, tz=timezone.utc)
        resource = f"{self._base()}{wanted}*"
        return signing.cloudfront_cookies(signer, resource, until)

    # --------------------------------------------------------- direct uploads

    def upload_url(
        self,
        name: str,
        expire: int | timedelta | None = None,
        content_type: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Return a URL to which anybody may PUT the file ``name``, once or again, until it expires.

        ``content_type`` and ``headers``, where given, must be sent by the client as they are. With
        ``headers={"If-None-Match": "*"}`` an existing file is not replaced, on servers that know
        it. The size cannot be limited: that takes :meth:`upload_form`.
        """
        signed = dict(headers or {})
        if content_type is not None:
            signed["Content-Type"] = content_type
        return signing.presign(
            self._upload_place(),
            places.keys(self),
            names.join(self.current_location, names.file_name(name)),
            moment=datetime.now(timezone.utc),
            expire=self._lifetime(expire, longest=LONGEST_EXPIRY),
            method="PUT",
            headers=signed,
        )

    def upload_form(
        self,
        name: str,
        expire: int | timedelta | None = None,
        max_size: int | None = None,
        content_type: str | None = None,
    ) -> dict[str, Any]:
        """Return ``{"url", "fields"}`` of a form with which anybody may upload the file ``name``.

        It is sent as multipart/form-data: all fields, then a field ``file`` with the content. The
        server refuses more than ``max_size`` bytes. The file gets the ``content_type`` (default:
        what the name suggests), ACL, encryption and headers that ``save()`` would give it;
        ``"image/*"`` lets the client name any image type in a field ``Content-Type``.
        """
        key = names.join(self.current_location, names.file_name(name))
        parameters = self._get_write_parameters(key)
        if content_type is not None:
            parameters["ContentType"] = content_type
        fields = {"key": key, **form_fields(parameters)}
        conditions: list[Any] = []
        if fields["Content-Type"].endswith("*"):
            conditions.append(["starts-with", "$Content-Type", fields.pop("Content-Type")[:-1]])
        if max_size is not None:
            conditions.append(["content-length-range", 0, max_size])
        return signing.upload_form(
            self._upload_place(),
            places.keys(self),
            self.current_bucket,
            fields,
            conditions,
            moment=datetime.now(timezone.utc),
            expire=self._lifetime(expire, longest=LONGEST_EXPIRY),
        )

    def _upload_place(self) -> Place:
        place = self._place()
        if not place.region:
            raise OptionError(
                "Direct uploads are signed with SigV4, for ordinary buckets: "
                "set signature_version (AWS_S3_SIGNATURE_VERSION) to 's3v4'."
            )
        return place


def attachment(name: str) -> str:
    """Return the Content-Disposition under which browsers store a file as ``name`` (RFC 6266)."""
    plain = name.encode("ascii", "replace").decode().replace("\\", "_").replace('"', "_")
    plain = "".join(each if each.isprintable() else "_" for each in plain)
    value = f'attachment; filename="{plain}"'
    if plain == name:
        return value
    return f"{value}; filename*=UTF-8''{quote(name, safe='')}"


def _text(value: Any) -> str:
    return http_date(value.timestamp()) if isinstance(value, datetime) else str(value)
