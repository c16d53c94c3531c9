"""A directory of images, whose names end as their content says."""

from __future__ import annotations

import errno
import io
import os
import posixpath
from typing import TYPE_CHECKING, Any

from storages import names
from storages.errors import StorageError
from storages.libraries import library
from storages.local import LocalStorage
from storages.readers import Stat
from storages.staging import Source, staged

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["ImageStorage", "NotAnImage"]

# Pillow reads these formats whole when it opens them; larger ones are known by how they begin.
_HEADER = 4 * 1024 * 1024
_EXTENSIONS = {"jpeg": "jpg", "mpo": "jpg", "jpeg2000": "jp2"}


class NotAnImage(StorageError, ValueError):  # noqa: N818 - named like those in storages.errors
    """The content is not an image that Pillow knows, or one that it calls dangerously large."""

    number = errno.EINVAL
    reason = "The content is not an image."


class ImageStorage(LocalStorage):
    """Keeps images only, named after their content: a PNG saved as ``a.jpg`` becomes ``a.png``.

    Pillow looks at the content's header and decodes nothing; the content is stored as it is. What
    is not an image is refused with NotAnImage (a ValueError) and leaves nothing behind: by
    ``save()`` at once, by a file opened for writing when it is closed. Such a file keeps the name
    that it was opened with.
    """

    def find_extension(self, format: str) -> str:  # noqa: A002 - the documented name
        """Return the suffix, without a dot, for a format as Pillow calls it (``"JPEG"``)."""
        return _EXTENSIONS.get(format.lower(), format.lower())

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store an image; return its name, with the suffix that its content asks for.

        Raises NotAnImage for anything else.
        """
        name = names.file_name(content.name if name is None else name)
        with staged(content) as source:
            extension = self.find_extension(self._format(name, source, "save"))
            root, _ = posixpath.splitext(name)
            return super().save(f"{root}.{extension}", source, max_length)

    def _save(self, name: str, content: Any) -> str:
        if isinstance(content, Source):  # save() has looked at it
            return super()._save(name, content)
        with staged(content) as source:
            self._format(name, source, "save")
            return super()._save(name, source)

    def _publish(self, key: str, source: Source, action: str, base: Stat | None) -> None:
        self._format(key, source, "write")
        super()._publish(key, source, action, base)

    def _format(self, name: str, source: Source, operation: str) -> str:
        """Return what Pillow calls the image's format; raise NotAnImage."""
        pillow = library("PIL.Image", "image")
        header = _Header(source)
        try:
            with pillow.open(io.BufferedReader(header)) as image:
                return str(image.format)
        except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
            raise NotAnImage(
                f"{error}",
                operation=operation,
                name=name,
                storage=repr(self),
                hint="Raise PIL.Image.MAX_IMAGE_PIXELS to store it.",
            ) from error
        except Exception as error:
            # A broken header makes Pillow's plugins raise whatever they run into.
            if source.failure is not None:
                raise source.failure from None
            known = _by_signature(source) if header.exhausted else None
            if known is None:
                raise NotAnImage(operation=operation, name=name, storage=repr(self)) from error
            return known


def _by_signature(source: Source) -> str | None:
    source.seek(0)
    head = source.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    return "AVIF" if head[4:] in {b"ftypavif", b"ftypavis"} else None


class _Header(io.RawIOBase):
    """The first bytes of content, and a limited number of others, for Pillow to look at."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self.exhausted = False
        self._source = source
        self._position = 0
        self._left = _HEADER

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._source.size}
        if base[whence] + offset < 0:
            msg = "The header leads to before the content's start."
            raise ValueError(msg)
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Buffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._position >= self._source.size:
            return 0
        if self._left <= 0:
            self.exhausted = True
            msg = "The header is too long."
            raise ValueError(msg)
        self._source.seek(self._position)
        data = self._source.read(min(len(view), self._left))
        view[: len(data)] = data
        self._position += len(data)
        self._left -= len(data)
        return len(data)
