"""The header ``Range``: what of a file a client asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Span", "Wanted", "parse", "resolve"]

#: A header with more ranges than this is ignored: nobody needs them, and each may cost a request.
MOST = 16
_SPEC = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)", re.ASCII)
#: More than any file has, and short enough for int().
_ENDLESS = 10**19


@dataclass(frozen=True)
class Wanted:
    """One range as it was asked for: ``first-last``, ``first-`` or, without first, ``-last``.

    Of the last form ``last`` is how many bytes of the end are wanted.
    """

    first: int | None
    last: int | None

    def within(self, size: int) -> Span | None:
        """Return the bytes of a file of ``size`` that it means; None when there are none."""
        if self.first is None:
            length = min(self.last or 0, size)
            return Span(size - length, size) if length else None
        if self.first >= size:
            return None
        return Span(self.first, size if self.last is None else min(self.last + 1, size))


@dataclass(frozen=True, order=True)
class Span:
    """The bytes from ``start`` up to, and without, ``end``."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def content_range(self, size: int) -> str:
        """Return the value of ``Content-Range``."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def parse(header: str | None) -> list[Wanted] | None:
    """Return the ranges that a header asks for; None when it is none, not in bytes or not valid.

    Such a header is to be ignored, and so is one with more than ``MOST`` ranges.
    """
    unit, _, text = (header or "").partition("=")
    if unit.strip().lower() != "bytes":
        return None
    found: list[Wanted] = []
    for part in text.split(","):
        spec = part.strip(" \t")
        if not spec:
            continue  # RFC 9110, section 5.6.1.2: empty elements of lists are passed over
        matched = _SPEC.fullmatch(spec)
        if matched is None or len(found) == MOST:
            return None
        first, last = _number(matched[1]), _number(matched[2])
        if first is None and last is None:
            return None
        if first is not None and last is not None and last < first:
            return None
        found.append(Wanted(first, last))
    return found or None


def resolve(wanted: Sequence[Wanted], size: int) -> list[Span] | None:
    """Return the parts of a file of ``size`` bytes to be sent, apart, and as they were asked for.

    ``[]``: there are none (416). None: send the whole file, for the ranges overlap so much that
    they would be more, or the file is empty and its end was asked for.
    """
    spans = [span for each in wanted if (span := each.within(size)) is not None]
    if not spans:
        ends = any(each.first is None and each.last for each in wanted)
        return None if ends and not size else []
    if sum(map(len, spans)) > size:
        return None
    apart: list[Span] = []
    for span in sorted(spans):
        if apart and span.start <= apart[-1].end:
            apart[-1] = Span(apart[-1].start, max(apart[-1].end, span.end))
        else:
            apart.append(span)

    def asked_for(part: Span) -> int:
        return next(at for at, span in enumerate(spans) if part.start <= span.start < part.end)

    return sorted(apart, key=asked_for)  # RFC 9110, section 15.3.7.2


def _number(digits: str) -> int | None:
    if not digits:
        return None
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) < len(str(_ENDLESS)) else _ENDLESS
