"""Large objects: segments in a container of their own, and a manifest that makes them one file.

The manifest (an SLO) is stored last, so that the file is there whole or not at all. Segments are
deleted with their file, and when it is not stored after all.
"""

# ruff: noqa: SLF001 - the storage's requests are shared within this package

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from storages import retry
from storages.backends.cloudfiles.reading import SEGMENT_SIZE, length_of
from storages.backends.cloudfiles.requests import LONGEST_KEY
from storages.errors import AlreadyExists, Changed, NotFound, StorageError, TooLarge, Unavailable
from storages.events import logger
from storages.http import Answer, Body, quoted, status_of
from storages.staging import Source
from storages.told import understood

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import CloudFilesStorage

__all__ = ["Publish", "at_once", "copy", "names_segments", "segments_of", "upload"]

MiB = 1024 * 1024
#: The most segments of a manifest, and the largest, where a server was not told otherwise.
MOST_SEGMENTS = 1000
MOST_SEGMENT = 5 * 1024 * MiB

#: Seconds for which the segments of a file that vanishes by itself outlive it.
LONGEST_UPLOAD = 86_400
#: Bytes of a segment's name after its file's: a slash, the time, a random part, a number.
_ROOM = len(f"/{10**9:.6f}-{'0' * 16}/{0:08d}")

#: Stores a segment of that name: from that offset, so many bytes; returns its ETag.
Store = Callable[[str, int, int], str]
#: Calls what stores the manifest, when nobody else stores a file of that name.
Publish = Callable[[Callable[[], object]], None]


def at_once(put: Callable[[], object]) -> None:
    """A :data:`Publish` that waits for nobody: a file is replaced."""
    put()


def upload(
    storage: CloudFilesStorage,
    key: str,
    source: Source,
    headers: Mapping[str, str],
    publish: Publish,
) -> None:
    """Store ``source`` under ``key``, in segments."""
    kept = _outliving(headers)

    def store(segment: str, start: int, length: int) -> str:
        body = Body(source, start, length, hash="md5")
        answer = _put_segment(storage, segment, body, kept)
        # Compared before the manifest is stored: nobody has seen a segment that is damaged.
        if answer.etag != body.hexdigest:
            raise Unavailable("A segment was damaged on its way.")
        return body.hexdigest

    _Upload(storage, key, source.size, headers).run(store, publish)


def copy(  # noqa: PLR0913, PLR0917 - both ends of a copy
    storage: CloudFilesStorage,
    key: str,
    origin: Answer,
    target: str,
    headers: Mapping[str, str],
    publish: Publish,
) -> None:
    """Copy the object that ``origin`` is the HEAD of within Swift, a segment at a time."""
    # The name of a header's value is quoted; one version, or the segments would not fit together.
    place = f"{quoted(storage.container)}/{quoted(key, safe='/')}"
    given = {"X-Copy-From": place, "X-Fresh-Metadata": "true"}
    given |= _outliving(headers)
    if origin.etag:
        given["If-Match"] = f'"{origin.etag}"'

    def store(segment: str, start: int, length: int) -> str:
        extent = {"Range": f"bytes={start}-{start + length - 1}"}
        try:
            answer = _put_segment(storage, segment, b"", {**given, **extent}, length)
        except AlreadyExists as error:  # what a failed condition means to an upload
            raise Changed from error
        return answer.etag or ""

    _Upload(storage, target, length_of(origin), headers).run(store, publish)


def _outliving(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that let a segment vanish some time after its file.

    Not before it, though it is stored before the manifest; nor while somebody reads the file.
    """
    lives = {"X-Delete-After", "X-Delete-At"}
    found = {name.title(): value for name, value in headers.items() if name.title() in lives}
    if len(found) == len(lives):
        del found["X-Delete-At"]  # as Swift judges
    # What is no number, Swift is to refuse.
    return {n: str(int(v) + LONGEST_UPLOAD) if v.isdecimal() else v for n, v in found.items()}


def _put_segment(
    storage: CloudFilesStorage,
    segment: str,
    body: Body | bytes,
    headers: Mapping[str, str],
    copied: int = 0,
) -> Answer:
    container = storage.effective_segments_container
    url = storage._object_url(segment, container)
    given = {"Content-Type": "application/octet-stream", **headers}
    return storage._put_object(url, body, given, container, make=True, copied=copied)


class _Upload:
    """One large file on its way: the segments that may be there, and whether the manifest is."""

    def __init__(
        self, storage: CloudFilesStorage, key: str, size: int, headers: Mapping[str, str]
    ) -> None:
        self.storage = storage
        self.key = key
        self.size = size
        least = -(-size // MOST_SEGMENTS)
        self.length = max(storage.segment_size, -(-least // MiB) * MiB)
        if self.length > MOST_SEGMENT:
            raise TooLarge(f"Swift keeps at most {MOST_SEGMENTS} segments of 5 GiB in one file.")
        self.headers = {**headers, SEGMENT_SIZE: str(self.length)}
        self.place = _place(key)
        self.segments: list[dict[str, Any]] = []
        #: The manifest may be there, though no answer has said so.
        self.doubtful = False

    def run(self, store: Store, publish: Publish) -> None:
        """Store the segments, then the manifest; or leave nothing."""
        try:
            self.store_segments(store)
            publish(self.store_manifest)
        except BaseException as error:
            if isinstance(error, Unavailable):
                error.final = True
            if self.doubtful:
                logger.warning(
                    "Whether %r is stored is not known; its segments %s stay in %s.",
                    self.key,
                    self.place,
                    self.storage.effective_segments_container,
                )
            else:
                self.storage._drop([segment["path"] for segment in self.segments])
            raise

    def store_segments(self, store: Store) -> None:
        """Store one after the other; each is repeated by itself when the server fails."""
        container = self.storage.effective_segments_container
        for number, start in enumerate(range(0, self.size, self.length)):
            name = f"{self.place}/{number:08d}"
            length = min(self.length, self.size - start)
            segment: dict[str, Any] = {"path": f"/{container}/{name}", "size_bytes": length}
            # Noted at once: what a broken connection leaves there is deleted as well.
            self.segments.append(segment)
            segment["etag"] = retry.repeat(self.storage.retry, partial(store, name, start, length))

    def store_manifest(self) -> None:
        """Make the segments a file, in one request; when its answer is lost, see what became."""
        etags = "".join(segment["etag"] for segment in self.segments)
        # The server compares; and it is what the file's ETag will be.
        etag = hashlib.md5(etags.encode(), usedforsecurity=False).hexdigest()
        put = partial(
            self.storage._put_object,
            self.storage._object_url(self.key, multipart_manifest="put"),
            json.dumps(self.segments).encode(),
            {**self.headers, "ETag": etag},
        )

        def attempt() -> None:
            doubt, self.doubtful = self.doubtful, True
            try:
                put()
            except AlreadyExists:
                # The first request may have been obeyed, though its answer never came. Who cannot
                # be told stays in doubt: without its segments the file would be damaged.
                if not (doubt and self.is_stored(etag)):
                    self.doubtful = False
                    raise
            except StorageError as error:
                refused = 400 <= (status_of(error) or 0) < 500  # noqa: PLR2004 - its own fault
                self.doubtful = doubt or not refused
                raise

        try:
            retry.repeat(self.storage.retry, attempt)
        except Unavailable:
            stored = False
            with suppress(StorageError):
                stored = self.doubtful and self.is_stored(etag)
            if not stored:
                raise

    def is_stored(self, etag: str) -> bool:
        """Tell whether the file is the one that was to be stored.

        Another file of the same content, with segments of its own, has the same ETag. Raises what
        keeps the server from telling.
        """
        try:
            if self.storage._head(self.key).etag != etag:
                return False
        except NotFound:
            return False
        stored = list(_of_manifest(self.storage, self.key))
        return stored == [segment["path"] for segment in self.segments]


def _place(key: str) -> str:
    """Return what the names of a file's segments begin with: its name, where there is room."""
    start = key if names_segments(key) else hashlib.sha256(key.encode()).hexdigest()
    return f"{start}/{time.time():.6f}-{secrets.token_hex(8)}"


def names_segments(key: str) -> bool:
    """Tell whether the names of a file's segments would begin with its own."""
    return len(key.encode()) <= LONGEST_KEY - _ROOM


@understood()
def segments_of(storage: CloudFilesStorage, key: str, answer: Answer) -> list[str]:
    """Return the segments, ``/container/name``, of the object that ``answer`` is the HEAD of.

    Only those that go with it: what lies in the container itself are files, and stay.
    """
    found: Iterator[str] = iter(())
    if "X-Static-Large-Object" in answer.headers:
        found = _of_manifest(storage, key)
    elif "X-Object-Manifest" in answer.headers:
        container, _, prefix = unquote(answer.headers["X-Object-Manifest"]).partition("/")
        if container != storage.container:
            listing = storage._listing(prefix, container)
            found = (f"/{container}/{each['name']}" for each in listing)
    return [name for name in found if not name.startswith(f"/{storage.container}/")]


def _of_manifest(storage: CloudFilesStorage, key: str) -> Iterator[str]:
    try:
        answer = storage._ask("GET", storage._object_url(key, multipart_manifest="get"))
    except NotFound:
        return
    for segment in answer.json():
        if "name" in segment:  # others hold their data themselves
            yield segment["name"]
