"""The storage: what its hooks ask of CouchDB."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from storages import names
from storages.backends.couchdb import documents
from storages.backends.couchdb.documents import is_file
from storages.backends.couchdb.options import CouchDBOptions
from storages.base import Entry, Reader, Source, Stat
from storages.errors import AlreadyExists, Corrupt, NotFound, StorageError, Unavailable
from storages.files import StorageFile
from storages.http import Answer, Related, quoted, with_query
from storages.http.answers import words
from storages.told import understood

__all__ = ["CouchDBFile", "CouchDBStorage"]

_BAD_REQUEST = 400
_CONFLICT = 409
#: CouchDB's error for content whose MD5 is not the one that was announced.
_DAMAGED = b"content_md5_mismatch"
#: The words of CouchDB, and of PouchDB, for a database that is not there.
_NO_DATABASE = {"Database does not exist.", "no_db_file"}
#: Documents asked for at once.
_PAGE = 2000
#: How often a write begins anew because somebody else replaced the file at that moment.
_ATTEMPTS = 20
#: How often content is sent that does not arrive as it was.
_SENDINGS = 2


#: The name that it had in the 1.1.4 release, for type annotations and checks.
CouchDBFile = StorageFile


class CouchDBStorage(CouchDBOptions):
    """Files in a CouchDB database; a file whose name is taken gets another name."""

    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.couchdb"

    # What the request says is wrong then, not that the name is taken.
    statuses: ClassVar[Mapping[int, type[StorageError]]] = {412: StorageError}

    # ------------------------------------------------------------------ hooks

    @understood()
    def _stat(self, key: str) -> Stat:
        return documents.stat_of(self._document(key))

    @understood()
    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:  # noqa: ARG002 - the core compares it
        return self._open_range(
            f"{self._file_url(key)}/content",
            stat=documents.stat_of_content,
            offset=offset,
            # What the 1.1.4 release stored as text is compressed: its length is not announced.
            size=lambda: self._stat(key).size,
            verify=True,
        )

    @understood()
    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        document = documents.document_of(key, source)
        for _ in range(_SENDINGS):
            try:
                revision = self._put_document(key, document, source, overwrite=overwrite)
            except Corrupt:
                continue  # refused, and nothing has changed
            # PouchDB compares nothing with what a client says it sends.
            if self._arrived(key, revision, document["_attachments"]["content"]):
                return
            self._delete_revision(key, revision)
        raise Corrupt("The content was damaged on its way to the server.")

    @understood()
    def _remove(self, key: str) -> None:
        for _ in range(_ATTEMPTS):
            if self._delete_revision(key, self._document(key)["_rev"]):
                return
        raise Unavailable("The file is replaced again and again.")

    def _list(self, prefix: str) -> Iterator[Entry]:
        directory = None
        with understood():
            for row in self._rows(prefix):
                first, found, _ = documents.below(prefix, row["id"]).partition("/")
                if first in {"", ".", ".."}:
                    continue  # another program's, which is no name
                if found and first != directory:
                    directory = first
                    yield Entry(first, is_dir=True)
                elif not found and is_file(row["doc"]):
                    yield Entry(first, stat=documents.stat_of(row["doc"]))

    @understood()
    def _is_dir(self, key: str) -> bool:
        return bool(self._page(*documents.bounds(key), 1)) or not key

    @understood()
    def _remove_many(self, keys: list[str]) -> None:
        first: StorageError | None = None
        for at in range(0, len(keys), _PAGE):
            # Replaced meanwhile, or forbidden: asked for by itself, it tells.
            for key in self._remove_page(keys[at : at + _PAGE]):
                try:
                    self._delete(key)
                except StorageError as error:
                    first = first or error
        if first is not None:
            raise first

    def _url_of(self, key: str) -> str:
        base = self.base_url or self._database_url
        return f"{base}/{quoted(documents.identity(key))}/content"

    # ---------------------------------------------------------------- documents

    def _document(self, key: str, **query: str) -> dict[str, Any]:
        """Return the file's document, without its content."""
        document: dict[str, Any] = self._ask("GET", with_query(self._file_url(key), query)).json()
        if not is_file(document):
            raise NotFound("The document has no attachment named content.")
        return document

    def _put_document(
        self, key: str, document: Mapping[str, Any], source: Source, *, overwrite: bool
    ) -> str:
        """Store the document with its content; return its revision."""
        for _ in range(_ATTEMPTS):
            revision = self._revision(key) if overwrite else None
            answer = self._ask(
                "PUT",
                self._file_url(key),
                body=Related(
                    {**document, **({"_rev": revision} if revision else {})},
                    source,
                    filename="content",
                ),
                accept=(_CONFLICT,),
            )
            if answer.status != _CONFLICT:
                stored: str = answer.json()["rev"]
                return stored
            if not overwrite:
                raise AlreadyExists
        raise Unavailable("The file is replaced again and again.")

    def _revision(self, key: str) -> str | None:
        """Return the revision of the file that is there."""
        try:
            document = self._ask("GET", self._file_url(key)).json()
        except NotFound:
            return None
        if not is_file(document):
            raise AlreadyExists("There is a document of that name that is no file.")
        found: str = document["_rev"]
        return found

    def _arrived(self, key: str, revision: str, sent: Mapping[str, Any]) -> bool:
        """Tell whether the server has, in that revision, what was sent."""
        try:
            stored = self._document(key, rev=revision)["_attachments"]["content"]
        except NotFound:
            return True  # somebody has replaced or deleted it meanwhile
        return all(stored[each] == sent[each] for each in ("length", "digest"))

    def _delete_revision(self, key: str, revision: str) -> bool:
        """Delete the file if it still has that revision; tell whether it had."""
        url = with_query(self._file_url(key), {"rev": revision})
        return self._ask("DELETE", url, accept=(_CONFLICT,)).status != _CONFLICT

    def _remove_page(self, keys: list[str]) -> list[str]:
        """Delete files; return those that are still there."""
        asked = {"keys": [documents.identity(key) for key in keys]}
        rows = self._post("_all_docs?include_docs=true", asked)["rows"]
        gone = [
            {"_id": row["id"], "_rev": row["value"]["rev"], "_deleted": True}
            for row in rows
            if row.get("doc") and is_file(row["doc"])
        ]
        results = self._post("_bulk_docs", {"docs": gone}) if gone else []
        return [documents.name_of(result["id"]) for result in results if "error" in result]

    def _post(self, path: str, query: Any) -> Any:
        return self._ask(
            "POST",
            f"{self._database_url}/{path}",
            body=json.dumps(query).encode(),
            headers={"Content-Type": "application/json"},
        ).json()

    # ------------------------------------------------------------------ listing

    def _rows(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        """Yield the rows below a directory, of a directory in it the first ones only."""
        start, end = documents.bounds(prefix)
        last: str | None = None
        while True:
            rows = self._page(start, end, _PAGE)
            full = len(rows) == _PAGE
            # Asked for once more, because what comes after it would be passed over if it were gone.
            if rows and rows[0]["id"] == last:
                del rows[0]
            # Design documents and the like are no files.
            yield from (row for row in rows if not row["id"].startswith("_") and row.get("doc"))
            if not full or not rows:
                return
            last = start = rows[-1]["id"]
            first, inside, _ = documents.below(prefix, start).partition("/")
            if inside:
                start = documents.after(names.join(prefix, first))

    def _page(self, start: str, end: str, limit: int) -> list[dict[str, Any]]:
        """Return documents from id ``start`` to before ``end``; their order is that of UTF-8."""
        query = {
            "startkey": json.dumps(start),
            "endkey": json.dumps(end),
            "inclusive_end": "false",
            "include_docs": "true",
            "limit": limit,
        }
        rows: list[dict[str, Any]] = self._ask(
            "GET", with_query(f"{self._database_url}/_all_docs", query)
        ).json()["rows"]
        return rows

    # --------------------------------------------------------------- the server

    @property
    def _database_url(self) -> str:
        return f"{self.server_url}/{quoted(self.database)}"

    def _file_url(self, key: str) -> str:
        return f"{self._database_url}/{quoted(documents.identity(key))}"

    def _refusal(self, answer: Answer) -> StorageError:
        error = super()._refusal(answer)
        if isinstance(error, NotFound) and words(answer.content) in _NO_DATABASE:
            # That says nothing about its files.
            return StorageError(
                f"The server has no database {self.database!r}.",
                hint="Create it: PUT <server>/<database>.",
            )
        if answer.status == _BAD_REQUEST and _DAMAGED in answer.content:
            return Corrupt(error.message)
        return error
