"""Large objects, in parts: bounded memory, all or nothing, and nothing left behind.

boto3's own transfer manager takes no condition, so the parts are sent here. The calling thread
reads; a few others send. Each part is repeated by itself when the server fails. Whatever goes
wrong, the upload is aborted, so that no parts stay that are paid for and never seen.
"""

# ruff: noqa: SLF001 - the storage's request method is shared within this package

from __future__ import annotations

import contextvars
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from storages.backends.s3.faults import Conflict
from storages.errors import AlreadyExists, NotFound, StorageError, Unavailable
from storages.events import logger
from storages.retry import repeat

if TYPE_CHECKING:
    from storages.backends.s3.storage import S3Storage
    from storages.staging import Source

__all__ = ["abort", "copy", "plan", "threshold", "upload"]

T = TypeVar("T")
MiB = 1024 * 1024

#: The size of a part where no option says otherwise, the least that S3 takes, the most parts.
PART_SIZE = 8 * MiB
LEAST_PART = 5 * MiB
MOST_PARTS = 10_000
#: The largest copy in one request, and the part of a larger one.
MOST_COPY = 5 * 1024 * MiB
COPY_PART = 512 * MiB
#: How much is held in memory at once, in all threads.
MEMORY = 16 * MiB
THREADS = 2

_MD5 = re.compile(r'"?([0-9a-f]{32})"?')
#: Parameters that every request of one upload repeats.
_REPEATED = (
    "SSECustomerAlgorithm",
    "SSECustomerKey",
    "SSECustomerKeyMD5",
    "RequestPayer",
    "ExpectedBucketOwner",
)


@dataclass(frozen=True)
class Plan:
    """How an upload is cut: the size of its parts, and how many are sent at once."""

    part_size: int
    threads: int

    def parts(self, size: int) -> Iterator[tuple[int, int, int]]:
        """Yield number, offset and length of each part."""
        for number, offset in enumerate(range(0, size, self.part_size), start=1):
            yield number, offset, min(self.part_size, size - offset)


def threshold(storage: S3Storage) -> int:
    """Return the size beyond which an upload is cut into parts."""
    given = getattr(storage.transfer_config, "multipart_threshold", None)
    return max(LEAST_PART, given) if given else wanted_part_size(storage)


def wanted_part_size(storage: S3Storage) -> int:
    """Return the size of the parts of an upload that is not enormous."""
    given = storage.file_buffer_size or getattr(
        storage.transfer_config, "multipart_chunksize", None
    )
    return max(LEAST_PART, given or PART_SIZE)


def plan(storage: S3Storage, size: int) -> Plan:
    """Return how to cut ``size`` bytes: parts grow where 10,000 would not do."""
    least = -(-size // MOST_PARTS)
    part_size = max(wanted_part_size(storage), -(-least // MiB) * MiB)
    wanted = getattr(storage.transfer_config, "max_request_concurrency", None) or THREADS
    threaded = storage.use_threads and getattr(storage.transfer_config, "use_threads", True)
    threads = min(wanted, THREADS, max(1, MEMORY // part_size)) if threaded else 1
    return Plan(part_size, threads)


def upload(
    storage: S3Storage,
    key: str,
    source: Source,
    parameters: Mapping[str, Any],
    *,
    create: bool,
) -> None:
    """Store ``source`` under ``key``; with ``create``, raise AlreadyExists when that is taken."""
    cut = plan(storage, source.size)

    def send(upload_id: str, repeated: Mapping[str, Any], number: int, data: bytes) -> Any:
        return storage._request(
            "upload_part",
            key,
            UploadId=upload_id,
            PartNumber=number,
            Body=io.BytesIO(data),
            **storage._digest(data),
            **repeated,
        )

    def parts(upload_id: str, repeated: Mapping[str, Any]) -> Iterator[Callable[[], Any]]:
        for number, _, length in cut.parts(source.size):
            # Bound to nothing here: it is gone when it has been sent.
            yield partial(send, upload_id, repeated, number, source.read(length))

    _whole(storage, key, parameters, parts, cut.threads, create=create)


def copy(  # noqa: PLR0913 - one request's worth of facts, by keyword
    storage: S3Storage,
    key: str,
    origin: Mapping[str, Any],
    *,
    size: int,
    parameters: Mapping[str, Any],
    create: bool,
) -> None:
    """Copy an object of ``size`` bytes within S3; ``origin`` holds CopySource and its conditions.

    Parts copied from a version that has been replaced meanwhile would not fit together:
    ``origin`` pins one.
    """
    part_size = max(COPY_PART, -(-size // MOST_PARTS))
    cut = Plan(part_size, THREADS)

    def parts(upload_id: str, repeated: Mapping[str, Any]) -> Iterator[Callable[[], Any]]:
        for number, offset, length in cut.parts(size):

            def send(number: int = number, offset: int = offset, length: int = length) -> Any:
                answer = storage._request(
                    "upload_part_copy",
                    key,
                    UploadId=upload_id,
                    PartNumber=number,
                    CopySourceRange=f"bytes={offset}-{offset + length - 1}",
                    **origin,
                    **repeated,
                )
                return answer["CopyPartResult"]

            yield send

    _whole(storage, key, parameters, parts, cut.threads, create=create)


Parts = Callable[[str, Mapping[str, Any]], Iterator[Callable[[], Any]]]


def _whole(  # noqa: PLR0913 - the steps of one upload
    storage: S3Storage,
    key: str,
    parameters: Mapping[str, Any],
    parts: Parts,
    threads: int,
    *,
    create: bool,
) -> None:
    repeated = {name: parameters[name] for name in _REPEATED if name in parameters}
    try:
        begun = repeat(
            storage.retry, lambda: storage._request("create_multipart_upload", key, **parameters)
        )
        upload_id: str = begun["UploadId"]
        try:
            sent = _send(storage, parts(upload_id, repeated), threads)
            _complete(storage, key, upload_id, sent, repeated, create=create)
        except BaseException:
            abort(storage, key, upload_id)
            raise
    except Unavailable as error:
        if not isinstance(error, Conflict):
            error.final = True
        raise


def _send(
    storage: S3Storage, parts: Iterator[Callable[[], Any]], threads: int
) -> list[dict[str, Any]]:
    """Send the parts, so many at once; return what completing the upload must say of them."""
    answers: dict[int, Any] = {}
    pending: dict[Future[Any], int] = {}

    def collect(*, room: int) -> None:
        while len(pending) > room:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                answers[pending.pop(future)] = future.result()

    with ThreadPoolExecutor(threads, thread_name_prefix="storages-s3") as pool:
        for number, send in enumerate(parts, start=1):
            job = partial(repeat, storage.retry, send)
            del send  # it holds the part
            if threads == 1:
                answers[number] = job()
                continue
            try:
                pending[pool.submit(contextvars.copy_context().run, job)] = number
            except RuntimeError:  # the interpreter is ending and starts no threads any more
                answers[number] = job()
            del job
            collect(room=threads - 1)
        collect(room=0)
    return [
        {
            "PartNumber": number,
            "ETag": answers[number]["ETag"],
            **{
                name: value
                for name, value in answers[number].items()
                if name.startswith("Checksum") and name != "ChecksumType"
            },
        }
        for number in sorted(answers)
    ]


def _complete(  # noqa: PLR0913 - one request's worth of facts
    storage: S3Storage,
    key: str,
    upload_id: str,
    parts: list[dict[str, Any]],
    repeated: Mapping[str, Any],
    *,
    create: bool,
) -> None:
    """Make the parts the object; when an answer was lost, find out whether it is."""
    asked = 0

    def complete() -> None:
        nonlocal asked
        asked += 1
        try:
            storage._request(
                "complete_multipart_upload",
                key,
                UploadId=upload_id,
                MultipartUpload={"Parts": parts},
                **({"IfNoneMatch": "*"} if create else {}),
                **repeated,
            )
        except (AlreadyExists, NotFound) as error:
            # The first request may have been obeyed, though its answer never came.
            if asked > 1 and _is_complete(storage, key, parts, repeated):
                return
            if isinstance(error, NotFound) and asked > 1:
                raise Unavailable(
                    f"The upload of {key!r} is gone, and whether it was completed is not known."
                ) from error
            raise

    repeat(storage.retry, complete)


def _is_complete(
    storage: S3Storage, key: str, parts: list[dict[str, Any]], repeated: Mapping[str, Any]
) -> bool:
    """Tell whether the object is made of ``parts``, by its ETag."""
    digests = [_MD5.fullmatch(part["ETag"]) for part in parts]
    if not all(digests):
        return False
    whole = b"".join(bytes.fromhex(found[1]) for found in digests if found)
    expected = f"{hashlib.md5(whole, usedforsecurity=False).hexdigest()}-{len(parts)}"
    try:
        answer = storage._request("head_object", key, **repeated)
    except NotFound:
        return False
    return bool(answer.get("ETag", "").strip('"') == expected)


def abort(storage: S3Storage, key: str, upload_id: str) -> None:
    """Give up an upload and its parts; that this fails is logged and raises nothing."""
    # A context of its own: a deadline that has passed must not keep the parts.
    contextvars.Context().run(_abort, storage, key, upload_id)


def _abort(storage: S3Storage, key: str, upload_id: str) -> None:
    try:
        repeat(
            storage.retry,
            lambda: storage._request("abort_multipart_upload", key, UploadId=upload_id),
        )
    except NotFound:
        return
    except StorageError as error:
        # What made the upload fail is on its way to the caller; this comes on top of it.
        logger.warning(
            "The upload %s of %r could not be aborted and keeps its parts: %s",
            upload_id,
            key,
            error,
        )
