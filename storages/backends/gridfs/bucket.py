"""The two collections of a bucket, and the commands that the storage sends.

``<bucket>.files`` has a document for each file, ``<bucket>.chunks`` its content in pieces:
https://www.mongodb.com/docs/manual/core/gridfs/ . The names and revisions are everybody's: a file
is the newest document of its ``filename``.

A name is created once by a unique index on a field that only this package writes, so that the
revisions of others do not matter to it. Each name has two claims. Who creates a file takes both;
who replaces one takes the claim that the old one leaves, so that at least one is taken at every
moment, and whoever wants to create the file meets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from storages.backends.gridfs.clients import forget
from storages.backends.gridfs.documents import (
    CLAIMS,
    Document,
    claims_of,
    is_name,
    number_in,
    stat_of,
    version_of,
)
from storages.backends.gridfs.failures import DUPLICATE, translating
from storages.base import Stat
from storages.errors import Changed, Corrupt, PermissionDenied
from storages.flat import PAGE, end_of
from storages.libraries import library
from storages.retry import timeout

__all__ = ["Bucket", "now"]

#: How long a look at all chunks may take, in seconds.
_LOOKING = 600.0
#: Bytes of chunks that one command deletes.
_AT_ONCE = 256 * 1024 * 1024
#: The bytes of a chunk, where nobody says otherwise.
_USUAL = 255 * 1024

_FIELDS = dict.fromkeys(
    (
        "filename",
        "length",
        "chunkSize",
        "uploadDate",
        "contentType",
        "md5",
        "metadata.sha256",
        "metadata.contentType",
        CLAIMS,
    ),
    1,
)


class Bucket:
    """The commands; each raises our errors, in time. Reads are from the primary."""

    def __init__(
        self, database: Any, collection: str, seconds: float, connect_seconds: float
    ) -> None:
        pymongo = library("pymongo", "gridfs")
        concern = database.write_concern
        if concern.is_server_default or not concern.acknowledged:
            # What one member of a replica set has may be rolled back; on a server alone it means
            # that it is in the journal.
            concern = library("pymongo.write_concern", "gridfs").WriteConcern(w="majority")
        options = {
            "codec_options": library("bson.codec_options", "gridfs").CodecOptions(tz_aware=True),
            "read_preference": pymongo.ReadPreference.PRIMARY,
            "write_concern": concern,
        }
        self.database = database
        self.collection = collection
        self.seconds = (seconds, connect_seconds)
        self._files = database.get_collection(f"{collection}.files", **options)
        self._chunks = database.get_collection(f"{collection}.chunks", **options)

    @contextmanager
    def _asking(self, seconds: float | None = None) -> Iterator[None]:
        limited = library("pymongo", "gridfs").timeout
        most, connecting = self.seconds
        client = self.database.client
        try:
            with translating():
                if not client.nodes:
                    # No server is known, or it broke off. The time of the command would be spent
                    # on waiting for one: serverSelectionTimeoutMS does not count within it.
                    with limited(timeout(connecting)):
                        client.admin.command("ping")
                with limited(timeout(seconds or most)):
                    yield
        except PermissionDenied:
            if not client.nodes:
                # Whom a server has not let in takes it for gone, for up to ten seconds.
                forget(client)
            raise

    # ---------------------------------------------------------------- reading

    def newest(self, key: str) -> Document | None:
        """Return the document of the file: its newest revision."""
        with self._asking():
            found: Document | None = self._files.find_one(
                {"filename": key}, _FIELDS, sort=[("uploadDate", -1)]
            )
        return found

    def revisions(self, *keys: str) -> list[Document]:
        """Return the documents of all revisions, the newest first."""
        name: Any = keys[0] if len(keys) == 1 else {"$in": list(keys)}
        with self._asking():
            return list(self._files.find({"filename": name}, _FIELDS, sort=[("uploadDate", -1)]))

    def is_there(self, file: Any) -> bool:
        """Tell whether there is a document of that id."""
        return bool(self._present([file]))

    def _present(self, files: Sequence[Any]) -> set[Any]:
        with self._asking():
            found = list(self._files.find({"_id": {"$in": list(files)}}, {"_id": 1}))
        return {version_of(document["_id"]) for document in found}

    def is_anything_in(self, directory: str) -> bool:
        """Tell whether a name is in the directory, or below."""
        bounds = {"$gte": f"{directory}/" if directory else ""}
        if directory:
            bounds["$lt"] = end_of(directory)
        with self._asking():
            return self._files.find_one({"filename": bounds}, {"_id": 1}) is not None

    def page(self, start: str, after: bool, end: str) -> list[tuple[str, Stat | None]]:
        """Return names, in the order of the index; see :data:`storages.flat.Page`."""
        bounds = {"$gt" if after else "$gte": start}
        if end:
            bounds["$lt"] = end
        rows: list[tuple[str, Stat | None]] = []
        with (
            self._asking(),
            self._files.find(
                {"filename": bounds},
                _FIELDS,
                sort=[("filename", 1), ("uploadDate", 1)],
                batch_size=PAGE + 1,
            ) as cursor,
        ):
            for document in cursor:
                name = document["filename"]
                if rows and rows[-1][0] == name:
                    rows[-1] = (name, stat_of(document))  # a newer revision
                elif len(rows) == PAGE:
                    break
                elif is_name(name):
                    rows.append((name, stat_of(document)))
        return rows

    def chunks(self, file: Any, first: int, count: int) -> list[bytes]:
        """Return so many chunks of a file's content.

        Raises Corrupt when one is missing, Changed when that is because the file is gone.
        """
        with self._asking():
            found = list(
                self._chunks.find(
                    {"files_id": file, "n": {"$gte": first, "$lt": first + count}},
                    {"_id": 0, "n": 1, "data": 1},
                    sort=[("n", 1)],
                    limit=-count,  # all in one answer
                )
            )
        numbers = [int(chunk["n"]) for chunk in found]
        if numbers != list(range(first, first + count)):
            if not self.is_there(file):
                raise Changed
            lost = next(n for n in range(first, first + count) if n not in numbers)
            raise Corrupt(f"Chunk {lost} is missing.")
        return [chunk["data"] for chunk in found]

    # ---------------------------------------------------------------- writing

    def insert_chunks(self, chunks: Sequence[Document], *, again: bool) -> None:
        """Store chunks; ``again``: some of these very ones may be there already."""
        pymongo = library("pymongo.errors", "gridfs")
        failed: list[Document] = []
        with self._asking():
            try:
                self._chunks.insert_many(chunks, ordered=False)
            except pymongo.BulkWriteError as error:
                details = error.details or {}
                failed = [
                    *(it for it in details["writeErrors"] if not again or it["code"] != DUPLICATE),
                    *details["writeConcernErrors"],
                ]
            if failed:
                # Not that error, which holds, and shows, every byte that was to be written. And
                # who reads DUPLICATE would take the name of the file for taken.
                code = int(failed[0]["code"])
                text = str(failed[0].get("errmsg"))
                raise pymongo.OperationFailure(text, code if code != DUPLICATE else None)

    def insert_file(self, document: Document) -> None:
        """Store a file's document. Raises AlreadyExists when a claim, or its id, is taken."""
        with self._asking():
            self._files.insert_one(dict(document))

    def rename(self, file: Any, key: str, changes: Document) -> bool:
        """Change the document if it still has the name ``key``; tell whether it had."""
        with self._asking():
            result = self._files.update_one({"_id": file, "filename": key}, {"$set": changes})
        return bool(result.matched_count)

    def give_up_claim(self, file: Any, key: str) -> None:
        """Let a file that has both claims to its name keep the first."""
        kept, given = claims_of(key)
        with self._asking():
            self._files.update_one({"_id": file, CLAIMS: given}, {"$set": {CLAIMS: [kept]}})

    def forget_claims(self, key: str) -> None:
        """Take the claims to a name from files that somebody else has renamed since."""
        with self._asking():
            self._files.update_many(
                {CLAIMS: {"$in": claims_of(key)}, "filename": {"$ne": key}}, {"$unset": {CLAIMS: 1}}
            )

    def delete_files(self, documents: Sequence[Document]) -> tuple[list[Document], bool]:
        """Delete files' documents, the newest first, unless they have another name now.

        Return those that are gone, and whether all were there until now. They go in the other
        order: a former one never becomes the file again.
        """
        newest: dict[str, Document] = {}
        for document in documents:
            newest.setdefault(document["filename"], document)
        former = [it for it in reversed(documents) if newest[it["filename"]] is not it]
        gone: list[Document] = []
        count = 0
        for some in (former, list(newest.values())):
            for at in range(0, len(some), PAGE):
                deleted, now_gone = self._delete_files(some[at : at + PAGE])
                count += deleted
                gone += now_gone
        return gone, count == len(documents)

    def _delete_files(self, documents: list[Document]) -> tuple[int, list[Document]]:
        ids = [document["_id"] for document in documents]
        keys = list({document["filename"] for document in documents})
        with self._asking():
            result = self._files.delete_many({"_id": {"$in": ids}, "filename": {"$in": keys}})
        count = int(result.deleted_count)
        if count == len(documents):
            return count, documents
        left = self._present(ids)
        return count, [it for it in documents if version_of(it["_id"]) not in left]

    def delete_chunks(self, documents: Iterable[Document]) -> None:
        """Delete the content of files, so much at a time that it does not take too long."""
        together: list[Any] = []
        size = 0
        for document in documents:
            length = number_in(document, "length")
            if length > _AT_ONCE or "length" not in document:
                # The length may be another, and that of an orphan nobody knows.
                last = (self._last_chunk(document["_id"]) or {}).get("n") or 0
                step = max(1, _AT_ONCE // (number_in(document, "chunkSize") or _USUAL))
                for first in range(int(last) - int(last) % step, 0, -step):
                    self._delete_chunks({"files_id": document["_id"], "n": {"$gte": first}})
                length = min(length, _AT_ONCE)
            if together and (size + length > _AT_ONCE or len(together) == PAGE):
                self._delete_chunks({"files_id": {"$in": together}})
                together, size = [], 0
            together.append(document["_id"])
            size += length
        if together:
            self._delete_chunks({"files_id": {"$in": together}})

    def _delete_chunks(self, which: Document) -> None:
        with self._asking():
            self._chunks.delete_many(which)

    def _last_chunk(self, file: Any) -> Document | None:
        with self._asking():
            found: Document | None = self._chunks.find_one(
                {"files_id": file}, {"_id": 1, "n": 1}, sort=[("n", -1)]
            )
        return found

    def orphans(self, before: datetime) -> Iterator[Any]:
        """Yield the ids under which there are chunks, the last from before then, but no file."""
        with self._asking(_LOOKING):
            groups = self._chunks.aggregate([{"$group": {"_id": "$files_id"}}], allowDiskUse=True)
        with groups:
            while True:
                with self._asking(_LOOKING):
                    ids = [group["_id"] for group in islice(groups, PAGE)]
                yield from list(self._orphans_of(ids, before))
                if len(ids) < PAGE:
                    return

    def _orphans_of(self, ids: list[Any], before: datetime) -> Iterator[Any]:
        present = self._present(ids)
        for file in ids:
            if version_of(file) in present:
                continue
            last = self._last_chunk(file)
            # Of others' ids nobody knows how old they are.
            made = getattr(last and last["_id"], "generation_time", None)
            # The server is asked again: to it, other numbers are equal than here.
            if made is not None and made < before and not self.is_there(file):
                yield file


def now() -> datetime:
    """Return the time, as exactly as MongoDB keeps it."""
    moment = datetime.now(timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
