"""Conditional requests: what a client has already, or insists on (RFC 9110, section 13)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.utils.http import http_date, parse_http_date_safe

from storages.readers import Stat

__all__ = ["Validators"]

# entity-tag, RFC 9110, section 8.8.3; obs-text is what a server shows of bytes above 0x7f.
_ETAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_SEPARATORS = re.compile(r"[ \t,]*")
_PLAIN = re.compile(r"[\x21\x23-\x7e]+").fullmatch
NOT_MODIFIED = 304
PRECONDITION_FAILED = 412


@dataclass(frozen=True)
class Validators:
    """What tells one version of a file from another: an ETag, a time in whole seconds.

    The ETag is a strong one: a storage's version differs whenever the content does.
    """

    etag: str | None
    modified: int | None

    @classmethod
    def of(cls, stat: Stat) -> Validators:
        """Return those of the file that ``stat`` describes."""
        return cls(_etag(stat.version), _seconds(stat.modified))

    @property
    def headers(self) -> dict[str, str]:
        """The header fields that tell a client."""
        shown = {}
        if self.etag is not None:
            shown["ETag"] = self.etag
        if self.modified is not None:
            shown["Last-Modified"] = _date(self.modified)
        return shown

    def judge(self, meta: Mapping[str, str]) -> int | None:
        """Return 304 or 412 when a GET or HEAD is to be answered so, else None.

        ``meta`` is ``request.META``: most requests have none of the fields, and are not to pay for
        ``request.headers``. In the order of RFC 9110, section 13.2.2.
        """
        match, since = meta.get("HTTP_IF_MATCH"), meta.get("HTTP_IF_UNMODIFIED_SINCE")
        if match is not None:
            if not self._is_one_of(match, weak=False):
                return PRECONDITION_FAILED
        elif self._has_changed_since(since):
            return PRECONDITION_FAILED
        none, since = meta.get("HTTP_IF_NONE_MATCH"), meta.get("HTTP_IF_MODIFIED_SINCE")
        if none is not None:
            return NOT_MODIFIED if self._is_one_of(none, weak=True) else None
        return NOT_MODIFIED if self._has_changed_since(since) is False else None

    def allow_range(self, header: str | None) -> bool:
        """Tell whether a part may be sent to a client that has parts of what ``If-Range`` says.

        Exactly this version, by a strong ETag or the very date, or everything is sent anew.
        """
        if header is None:
            return True
        text = header.strip(" \t")
        if '"' in text:
            return text == self.etag
        moment = parse_http_date_safe(text)
        return moment is not None and moment == self.modified

    def _is_one_of(self, header: str, *, weak: bool) -> bool:
        if header.strip(" \t") == "*":
            return True
        return self.etag is not None and any(
            tag == self.etag and (weak or not is_weak) for is_weak, tag in _tags(header)
        )

    def _has_changed_since(self, header: str | None) -> bool | None:
        """None: the header is not there or not valid, or the store keeps no times."""
        moment = parse_http_date_safe(header) if header else None
        if moment is None or self.modified is None:
            return None
        return self.modified > moment


def _etag(version: str | None) -> str | None:
    if not version:
        return None
    if _PLAIN(version) is None:
        version = hashlib.sha256(version.encode()).hexdigest()
    return f'"{version}"'


@lru_cache(maxsize=1024)
def _date(moment: int) -> str:
    return http_date(moment)


def _seconds(moment: datetime | None) -> int | None:
    # Whole seconds, rounded down: all that a header can say.
    return None if moment is None else int(moment.timestamp() // 1)


def _tags(header: str) -> list[tuple[bool, str]]:
    """Return the entity tags of a list, and whether each is weak; [] when it is not a list."""
    found = []
    position = _end(_SEPARATORS, header, 0)
    while position < len(header):
        tag = _ETAG.match(header, position)
        if tag is None:
            return []
        found.append((bool(tag[1]), tag[2]))
        position = _end(_SEPARATORS, header, tag.end())
    return found


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    matched = pattern.match(text, position)
    return matched.end() if matched else position
