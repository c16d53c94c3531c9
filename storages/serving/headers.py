"""The header fields that make a stranger's file harmless, and name it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import quote

from django.http import HttpResponseBase

__all__ = [
    "CONTENT_SECURITY_POLICY",
    "INLINE_TYPES",
    "MEDIA_POLICY",
    "content_disposition",
    "is_inline",
    "media_type",
    "policy",
    "put",
]

#: Types that browsers show without running anything of them: pictures, sound, films, plain text.
#: HTML, SVG, XML, PDF and whatever else is not here are downloaded.
INLINE_TYPES = frozenset(
    {
        "image/apng",
        "image/avif",
        "image/bmp",
        "image/gif",
        "image/heic",
        "image/heif",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/vnd.microsoft.icon",
        "image/webp",
        "image/x-icon",
        "audio/aac",
        "audio/flac",
        "audio/midi",
        "audio/mp4",
        "audio/mpeg",
        "audio/ogg",
        "audio/opus",
        "audio/wav",
        "audio/webm",
        "audio/x-wav",
        "video/3gpp",
        "video/mp4",
        "video/mpeg",
        "video/ogg",
        "video/quicktime",
        "video/webm",
        "video/x-matroska",
        "text/plain",
    }
)

#: A document that gets no origin, no scripts and nothing from elsewhere, but may show itself.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; sandbox"
)

#: The same for sound and films. A browser that opens one by itself makes a page of it that fetches
#: it, which a page without an origin may not; without scripts the origin is of no use to anybody.
MEDIA_POLICY = f"{CONTENT_SECURITY_POLICY} allow-same-origin"

_TYPE = re.compile(r"([\w!#$&^.+-]+/[\w!#$&^.+-]+)[ \t]*(?:;[\t\x20-\x7e]*)?", re.ASCII).fullmatch
# Neither commas nor escapes: browsers take a header for several types, of which the last counts.
_PARAMETERS = re.compile(
    r"""[^;]+(?:;[ \t]*[\w!#$&^.+-]+=(?:[\w!#$%&'*^`|~.+-]+|"[^",\\]*")[ \t]*)*""", re.ASCII
).fullmatch
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# Signs that turn the direction of writing: "gpj.exe" could be shown as "exe.jpg".
_DIRECTIONS = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# RFC 8187: what needs no percent sign in an extended value.
_ATTR_CHARS = "!#$&+-.^_`|~"


def put(response: HttpResponseBase, fields: Mapping[str, str]) -> None:
    """Set header fields."""
    for name, value in fields.items():
        response.headers[name] = value


@lru_cache(maxsize=256)
def media_type(told: str | None) -> str:
    """Return a media type that can stand in a header, as the store tells it.

    Parameters that are not valid are left out.
    """
    found = _TYPE(told) if told else None
    if found is None:
        return "application/octet-stream"
    return found[0] if _PARAMETERS(found[0]) else found[1]


def policy(content_type: str) -> str:
    """Return the Content-Security-Policy for a file of that type."""
    media = content_type.lower().startswith(("audio/", "video/"))
    return MEDIA_POLICY if media else CONTENT_SECURITY_POLICY


def is_inline(content_type: str, safe: Collection[str]) -> bool:
    """Tell whether browsers may show a file of that type."""
    return content_type.partition(";")[0].strip().lower() in safe


def content_disposition(kind: str, filename: str) -> str:
    """Return the header for a file that browsers are to store as ``filename`` (RFC 6266).

    ``kind`` is ``inline`` or ``attachment``. The name cannot be a path, end the header or hide its
    suffix. What is not ASCII, and a percent sign that some clients would decode, stand in a second,
    extended parameter (RFC 8187), which every browser prefers.
    """
    name = _CONTROLS.sub("_", _DIRECTIONS.sub("", filename))
    name = name.replace("/", "_").replace("\\", "_").lstrip(" ").rstrip(" .") or "file"
    plain = name.encode("ascii", "replace").decode().replace('"', "_").replace("?", "_")
    value = f'{kind}; filename="{plain}"'
    if plain == name and "%" not in name:
        return value
    return f"{value}; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"
