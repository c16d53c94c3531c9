"""Which stored files a browser may show in the page."""

from __future__ import annotations

# The first bytes decide, never the name: a page that somebody named photo.jpg stays a download.
# No SVG here: it can carry scripts.
_SIGNATURES: tuple[tuple[bytes, int, bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, b"", "image/png"),
    (b"\xff\xd8\xff", 0, b"", "image/jpeg"),
    (b"GIF87a", 0, b"", "image/gif"),
    (b"GIF89a", 0, b"", "image/gif"),
    (b"RIFF", 8, b"WEBP", "image/webp"),
)
HEAD_SIZE = 16


def safe_image_type(head: bytes) -> str | None:
    """Return the content type of a raster image that begins with ``head``, else None."""
    for start, at, middle, content_type in _SIGNATURES:
        if head.startswith(start) and head.startswith(middle, at):
            return content_type
    return None
