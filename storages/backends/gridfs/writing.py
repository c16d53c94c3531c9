"""Writing: the chunks first, and then the document that makes a file of them.

Nothing is a file before its document in ``files`` is there, so whatever happens earlier changes
nothing that anybody sees. Each command is repeated by itself when the server fails, with the same
ids, so that what a lost answer was about is recognised.
"""

# ruff: noqa: SLF001 - a part of the storage, which asks for it

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from storages import names
from storages.backends.gridfs.background import Background
from storages.backends.gridfs.bucket import Bucket, now
from storages.backends.gridfs.documents import CLAIMS, Document, claims_of
from storages.backends.gridfs.failures import is_refusal
from storages.backends.gridfs.indexes import ensure
from storages.errors import AlreadyExists, NotFound, StorageError, Unavailable
from storages.events import logger
from storages.libraries import library
from storages.retry import grace, sleep

if TYPE_CHECKING:
    from storages.backends.gridfs.storage import GridFSStorage
    from storages.staging import Source

__all__ = ["Upload", "delete", "rename"]

#: Bytes of chunks in one command.
BATCH = 3 * 1024 * 1024
#: How often a writer gives way to others that write the same name.
_TRIES = 100
_TICK = timedelta(milliseconds=1)


class Upload:
    """One writing of one file."""

    def __init__(self, storage: GridFSStorage, key: str, source: Source) -> None:
        bson = library("bson", "gridfs")
        self._storage = storage
        self._ask = storage._ask
        self._key = key
        self._source = source
        self._id: Any = bson.ObjectId()
        self._make_id: Any = bson.ObjectId
        self._size = storage.chunk_size
        self._sent = 0  # batches
        self._sending: Background[None] | None = None
        self._uncertain = False  # whether a document of ours may be there

    def run(self, *, overwrite: bool) -> None:
        """Store the content; raise AlreadyExists unless ``overwrite``. All or nothing."""
        self._ask(ensure)
        if not overwrite:
            self._refuse_taken()
        try:
            digest = self._send()
            if not overwrite and self._sent > 1:
                self._refuse_taken()  # again: sending took its time
            document = self._document(digest)
            old = self._replace(document) if overwrite else self._create(document)
        except BaseException:
            self._abort()
            raise
        settle(self._storage, self._key, self._id, old)

    def _refuse_taken(self) -> None:
        """Refuse a name that a file of somebody else's has, which has no claim."""
        if self._ask(lambda bucket: bucket.newest(self._key)) is not None:
            raise AlreadyExists

    def _document(self, digest: str) -> dict[str, Any]:
        source = self._source
        return {
            "_id": self._id,
            "filename": self._key,
            "length": library("bson.int64", "gridfs").Int64(source.size),  # of whatever size
            "chunkSize": self._size,
            "uploadDate": now(),
            "metadata": {
                "sha256": digest,
                "contentType": source.content_type or names.content_type(self._key),
            },
        }

    # ------------------------------------------------------------- the content

    def _send(self) -> str:
        """Store the chunks, a batch while the next one is read; return the content's digest."""
        digest = hashlib.sha256()
        batch: list[Document] = []
        full = max(1, BATCH // self._size)
        for number, data in enumerate(self._source.chunks(self._size)):
            if len(batch) == full:
                self._pass_on(batch)
                batch = []
            digest.update(data)
            batch.append({"_id": self._make_id(), "files_id": self._id, "n": number, "data": data})
        self._received()
        if batch:
            # The last one, often the only one, needs no thread.
            self._sent += 1
            self._insert(batch)
        return digest.hexdigest()

    def _pass_on(self, batch: list[Document]) -> None:
        self._received()
        self._sent += 1
        self._sending = Background(partial(self._insert, batch))

    def _received(self) -> None:
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.result()

    def _insert(self, batch: Sequence[Document]) -> None:
        attempts = 0

        def insert(bucket: Bucket) -> None:
            nonlocal attempts
            attempts += 1
            bucket.insert_chunks(batch, again=attempts > 1)

        self._ask(insert)

    def _abort(self) -> None:
        """Delete the chunks, unless a document may be there that needs them."""
        if self._sending is not None:
            # Or they would come after they were deleted.
            self._sending.wait()
        if self._uncertain or not self._sent:
            return
        document = {"_id": self._id, "length": self._source.size, "chunkSize": self._size}
        with grace():
            _delete_chunks(self._storage, [document], "A broken upload")

    # ------------------------------------------------------------ the document

    def _commit(self, document: Document) -> None:
        """Insert the document. Raises AlreadyExists when a claim is taken."""
        attempts = 0

        def insert(bucket: Bucket) -> None:
            nonlocal attempts
            attempts += 1
            try:
                bucket.insert_file(document)
            except AlreadyExists:
                # The first attempt may have been obeyed, though its answer never came.
                if attempts == 1 or not bucket.is_there(self._id):
                    raise

        before, self._uncertain = self._uncertain, True
        try:
            self._ask(insert)
        except StorageError as error:
            # Whatever else ends this, the server may have obeyed, or may yet.
            if attempts == 1 and is_refusal(error):
                self._uncertain = before
            raise

    def _create(self, document: dict[str, Any]) -> list[Document]:
        document[CLAIMS] = claims_of(self._key)
        for _ in range(_TRIES):
            try:
                self._commit(document)
            except AlreadyExists:
                if self._ask(lambda bucket: bucket.newest(self._key)) is not None:
                    raise
                # Deleted since; or a file has the claims that another program has renamed.
                self._ask(lambda bucket: bucket.forget_claims(self._key))
            else:
                return []
        raise _outrun()

    def _replace(self, document: dict[str, Any]) -> list[Document]:
        """Insert the document as the newest revision; return those before it."""
        for attempt in range(_TRIES):
            old = self._ask(lambda bucket: bucket.revisions(self._key))
            document[CLAIMS] = _free_claims(self._storage, self._key, old)
            document["uploadDate"] = _after(old, now())
            try:
                self._commit(document)
            except AlreadyExists:
                _give_way(self._storage, self._key, attempt)
            else:
                return old
        raise _outrun()


def rename(storage: GridFSStorage, key: str, target: str, *, overwrite: bool) -> None:
    """Give a file another name, in one step, and the revisions before it none."""
    ask = storage._ask
    ask(ensure)
    revisions = ask(lambda bucket: bucket.revisions(key))
    if not revisions:
        raise NotFound
    file = revisions[0]
    for attempt in range(_TRIES):
        old = ask(lambda bucket: bucket.revisions(target))
        if old and not overwrite:
            raise AlreadyExists
        if revisions[1:]:
            # They would be the file, once the newest is gone.
            gone, _ = ask(partial(Bucket.delete_files, documents=revisions[1:]))
            _delete_chunks(storage, gone, "A former content")
            revisions = revisions[:1]
        changes = {
            "filename": target,
            CLAIMS: _free_claims(storage, target, old),
            "uploadDate": _after(old, file.get("uploadDate") or now()),
        }
        try:
            renamed = ask(partial(Bucket.rename, file=file["_id"], key=key, changes=changes))
        except AlreadyExists:
            _give_way(storage, target, attempt)
            continue
        # Not found under the old name, it was renamed by an attempt whose answer was lost.
        if renamed or file["_id"] in [it["_id"] for it in ask(lambda b: b.revisions(target))]:
            settle(storage, target, file["_id"], old)
            return
        raise NotFound
    raise _outrun()


def _after(old: Sequence[Document], moment: Any) -> Any:
    """Return ``moment``, or what is just after all of ``old``: the newest revision is the file."""
    dates = [it["uploadDate"] for it in old if _is_date(it.get("uploadDate"))]
    return max([moment, *(date + _TICK for date in dates)])


def _is_date(value: Any) -> bool:
    """Tell it from what other programs may have put there, and from years beyond 9999."""
    return isinstance(value, datetime)


def _is_before(value: Any, moment: datetime) -> bool:
    return value is None or (_is_date(value) and value < moment)


def _free_claims(storage: GridFSStorage, key: str, old: Sequence[Document]) -> list[str]:
    """Return the claims that who replaces ``old``, the newest first, is to take."""
    both = claims_of(key)
    holders = {claim: it for it in reversed(old) for claim in it.get(CLAIMS) or () if claim in both}
    if not holders:
        return both
    free = [claim for claim in both if claim not in holders]
    if free:
        return free
    first, second = (holders[claim] for claim in both)
    if first["_id"] == second["_id"]:
        storage._ask(lambda bucket: bucket.give_up_claim(first["_id"], key))
        return both[1:]
    # Somebody is between publishing the newer one and deleting the older one, or died there.
    stale = first if old.index(first) > old.index(second) else second
    discard(storage, [stale], "A former content")
    return [claim for claim in both if holders[claim]["_id"] == stale["_id"]]


def _give_way(storage: GridFSStorage, key: str, attempt: int) -> None:
    """Let another writer of the name go first."""
    if attempt:
        storage._ask(lambda bucket: bucket.forget_claims(key))
    sleep(random.uniform(0, 0.01 * min(attempt + 1, 5)))  # noqa: S311 - spreads load


def _outrun() -> Unavailable:
    error = Unavailable("The file is replaced again and again.")
    error.final = True
    return error


def delete(storage: GridFSStorage, keys: list[str]) -> int:
    """Delete every revision of files; return how many revisions there were."""
    documents = storage._ask(lambda bucket: bucket.revisions(*keys))
    if not documents:
        return 0
    gone, _ = storage._ask(lambda bucket: bucket.delete_files(documents))
    _delete_chunks(storage, gone, "A deleted file")
    return len(gone)


def settle(storage: GridFSStorage, key: str, file: Any, old: Sequence[Document]) -> None:
    """Delete the revisions that ``file`` has replaced.

    Where some were gone already, others have replaced them too, and one of those may be newer than
    ``file``: then that is the file, and ``file`` goes.
    """
    if discard(storage, old, "The former content"):
        return
    try:
        found = storage._ask(lambda bucket: bucket.revisions(key))
    except StorageError as error:
        logger.warning("A former content of %r may stay: %s", key, error)
        return
    mine = next((it for it in found if it["_id"] == file), None)
    if mine is None:
        return
    # A newer one of another program's has replaced nothing.
    claimed = set(claims_of(key)).intersection(found[0].get(CLAIMS) or ())
    last = found[0] if claimed and _is_date(found[0].get("uploadDate")) else mine
    older = [it for it in found if _is_before(it.get("uploadDate"), last["uploadDate"])]
    discard(storage, older, "A former content")


def discard(storage: GridFSStorage, documents: Sequence[Document], what: str) -> bool:
    """Delete revisions that have been replaced; tell whether all were there until now.

    They are not the file any more, so that this fails is logged and raises nothing.
    """
    if not documents:
        return True
    try:
        gone, all_there = storage._ask(lambda bucket: bucket.delete_files(documents))
    except StorageError as error:
        logger.warning("%s of %r stays: %s", what, documents[0]["filename"], error)
        return True
    _delete_chunks(storage, gone, what)
    return all_there


def _delete_chunks(storage: GridFSStorage, documents: Sequence[Document], what: str) -> None:
    try:
        storage._ask(lambda bucket: bucket.delete_chunks(documents))
    except StorageError as error:
        ids = ", ".join(str(document["_id"]) for document in documents)
        logger.warning("%s has left chunks (files_id %s): %s", what, ids, error)
