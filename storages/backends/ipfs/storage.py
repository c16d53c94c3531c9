"""The storage: what its hooks ask of a node."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import SuspiciousFileOperation

from storages import names, retry
from storages.backends.ipfs import cids
from storages.backends.ipfs.checks import check_field
from storages.backends.ipfs.options import IPFSOptions
from storages.backends.ipfs.pinning import PinningService
from storages.backends.ipfs.reading import Streamed
from storages.backends.ipfs.sayings import kind_of_words
from storages.backends.ipfs.toolkit import Ranged, Toolkit, client_of
from storages.errors import Corrupt, IsADirectory, NotFound, StorageError
from storages.files import Mode
from storages.http import (
    Answer,
    Multipart,
    Verified,
    bearer,
    quoted,
    with_query,
)
from storages.http.answers import words
from storages.readers import Entry, HeldReader, Reader, Stat
from storages.staging import Source, staged
from storages.told import document, length, number, understood

if TYPE_CHECKING:
    from django.core.checks import CheckMessage
    from django.db.models import FileField

__all__ = ["InterPlanetaryFileSystemStorage"]

_FAILED = 500
_FORBIDDEN = 403
#: How the content is cut and hashed: the same content must have the same name on every node.
_LAYOUT = {
    "chunker": "size-262144",
    "hash": "sha2-256",
    "trickle": "false",
    "progress": "false",
}


class InterPlanetaryFileSystemStorage(IPFSOptions):
    """Files in IPFS, added and pinned by a node.

    The name of a file is its content identifier, whatever name it was given: the same content has
    the same name. ``delete()`` unpins it, which leaves the content to the node's garbage collector
    and to whoever else has it.
    """

    # A command that is not there says nothing about files: the address is not a node's.
    statuses: ClassVar[Mapping[int, type[StorageError]]] = {404: StorageError, 410: StorageError}
    # Where it is imported from, in settings and migrations.
    __module__ = "storages.backends.ipfs"

    #: The client that was made in this process, and of what.
    _made: tuple[int, Any, Toolkit] | None = None

    # ------------------------------------------------------------------ hooks

    @understood()
    def _stat(self, key: str) -> Stat:
        told = self._told_of(key)
        if told["Type"] != "file":
            raise IsADirectory
        return self._stat_of(key, length(told["Size"]))

    @understood()
    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:  # noqa: ARG002 - a CID has one
        self._require_cid(key)
        path = f"/ipfs/{key}"
        answer: Answer | Ranged
        if self._toolkit is not None:
            answer = self._toolkit.cat(path, offset)
        else:
            answer = self._stream_command("cat", arg=path, offset=offset or None)
        try:
            return self._reader(key, answer, offset)
        except BaseException:
            answer.close()
            raise

    def _reader(self, key: str, answer: Answer | Ranged, offset: int) -> Reader:
        announced = number(answer.headers.get("X-Content-Length"))
        size = None if announced is None else offset + announced
        head = b""
        if not offset and (size is None or size <= cids.LEAF):
            head = _read_up_to(answer, cids.LEAF + 1)
            if len(head) <= cids.LEAF and self._is_whole(key, head):
                answer.close()
                return HeldReader(self._stat_of(key, len(head)), head)
        if size is None:
            # Nothing else tells a whole file from one that broke off.
            size = length(self._told_of(key)["Size"])
        stat = self._stat_of(key, size)
        reader = Streamed(stat, answer, offset, head)
        if not offset and size and stat.checksum:
            return Verified(reader, *stat.checksum.split(":"))
        return reader

    def _is_whole(self, key: str, content: bytes) -> bool:
        """Tell whether ``content`` is certainly the file: its hash, or else its length, is told."""
        if "/" in key:
            return False
        if (same := cids.parse(key).is_of_leaf(content)) is not False:
            return bool(same)
        told = self._told_of(key)
        if not told.get("Blocks") and length(told["Size"]) <= cids.LEAF:
            raise Corrupt("The node sent other content than the name stands for.")
        return False

    def _list(self, prefix: str) -> Iterator[Entry]:
        raise NotImplementedError("IPFS has no directory of what a storage has saved.")

    @understood()
    def _remove(self, key: str) -> None:
        # What is in a directory is pinned with it, so it cannot be unpinned.
        if not cids.is_path(key) or "/" in key:
            raise NotFound
        if not self.unpin_on_delete:
            return
        # The service first: after a failure of it, the file is still there to be deleted again.
        if self.pinning_service_url:
            with self._pinning_service() as service:
                service.unpin(key)
        if self._toolkit is not None:
            self._toolkit.unpin(key)
        else:
            self._command("pin/rm", arg=key)

    def _is_dir(self, key: str) -> bool:
        if key:
            return False
        if self._toolkit is not None:
            self._toolkit.version()
        else:
            self._command("version")
        return True

    def _url_of(self, key: str) -> str:
        name = quoted(key, safe="/")
        if "{cid}" in self.gateway_url:
            cid, _, rest = name.partition("/")
            url = self.gateway_url.replace("{cid}", cid)
            return f"{url}/{rest}" if rest else url
        return f"{self.gateway_url}/{name}"

    # --------------------------------------------------------------- Django's API

    def get_valid_name(self, name: str) -> str:
        """Return ``name``: what a file is saved as does not matter."""
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return ``name``: a file is saved under its content's name, which is never taken.

        Raises SuspiciousFileOperation when that has more than ``max_length`` characters.
        """
        length = cids.LENGTHS[self.cid_version]
        if max_length is not None and max_length < length:
            raise SuspiciousFileOperation(
                f"A name in IPFS has {length} characters, but only {max_length} are allowed: raise "
                "max_length."
            )
        return names.file_name(name)

    def exists(self, name: str) -> bool:
        """Tell whether the node has pinned the file; ``""``: whether it answers."""
        key = names.directory_name(name)
        if not key:
            return self._call("is_dir", key, lambda: self._is_dir(key))
        if not cids.is_path(key):
            return False
        return self._call("exists", key, lambda: self._is_pinned(key))

    def _open(self, name: str, mode: str = "rb") -> Any:
        names.file_name(name)
        if Mode.parse(mode).writes:
            raise io.UnsupportedOperation(
                "The name of a file in IPFS follows from its content: use save()."
            )
        return super()._open(name, mode)

    def _save(self, name: str, content: Any) -> str:
        key = names.file_name(name)
        with staged(content, self._progress(key, "write")) as source:
            return self._call("write", key, lambda: self._keep(key, source), source)

    def check_field(self, field: FileField) -> Iterator[CheckMessage]:
        """Return what ``manage.py check`` is to tell of a field that uses the storage."""
        return check_field(self.cid_version, field)

    # ---------------------------------------------------------------- commands

    @understood()
    def _keep(self, key: str, source: Source) -> str:
        """Add the content, and let the pinning service keep it too; return its CID."""
        cid = self._add(source)
        if self.pinning_service_url:
            with self._pinning_service() as service:
                service.pin(cid, key)
        return cid

    def _add(self, source: Source) -> str:
        """Add and pin the content; return its CID."""
        version_1 = self.cid_version == 1
        query = {
            **_LAYOUT,
            "pin": "true",
            "cid-version": str(self.cid_version),
            "raw-leaves": "true" if version_1 else "false",
            "cid-base": "base32" if version_1 else None,
        }
        if self._toolkit is not None:
            cid = str(self._toolkit.add(source, query)["Hash"])
        else:
            cid = self._posted(source, query)
        if not cids.is_path(cid):
            raise Corrupt("The node answered with what is no CID.")
        if source.size <= cids.LEAF:
            source.seek(0)
            if cids.parse(cid).is_of_leaf(source.read()) is False:
                raise Corrupt("The node added other content than it was sent.")
        return cid

    def _posted(self, source: Source, query: Mapping[str, str | None]) -> str:
        """Send the content; return the CID that the node tells."""
        answer = self._ask("POST", self._url("add", query), body=Multipart(source))
        told = [line for line in answer.content.splitlines() if line.strip()]
        added = _json(told[-1]) if told else {}
        if not isinstance(added.get("Hash"), str):
            raise StorageError(f"The node did not add the file: {words(answer.content)}")
        cid: str = added["Hash"]
        return cid

    def _told_of(self, key: str) -> Mapping[str, Any]:
        self._require_cid(key)
        path = f"/ipfs/{key}"
        if self._toolkit is not None:
            return self._toolkit.stat(path)
        told: Mapping[str, Any] = self._command("files/stat", arg=path).json()
        return told

    @understood()
    def _is_pinned(self, key: str) -> bool:
        try:
            if self._toolkit is not None:
                self._toolkit.require_pin(cids.root(key))
            else:
                self._command("pin/ls", arg=cids.root(key), type="recursive")
            if "/" in key:
                self._told_of(key)
        except NotFound:
            return False
        return True

    def _require_cid(self, key: str) -> None:
        if not cids.is_path(key):
            raise NotFound("The name is no content identifier, so it cannot be a file in IPFS.")

    def _stat_of(self, key: str, size: int) -> Stat:
        digest = None if "/" in key else cids.parse(key).sha256
        return Stat(size, version=key, checksum=digest and f"sha256:{digest}")

    def _command(self, command: str, **arguments: Any) -> Answer:
        return self._ask("POST", self._url(command, self._with_timeout(command, arguments)))

    def _stream_command(self, command: str, **arguments: Any) -> Answer:
        return self._stream("POST", self._url(command, self._with_timeout(command, arguments)))

    def _with_timeout(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Bound what the node does to find content."""
        if command in {"cat", "files/stat"}:
            arguments = {**arguments, "timeout": f"{self._node_timeout}s"}
            if self.offline:
                arguments["offline"] = "true"
        return arguments

    @property
    def _node_timeout(self) -> int:
        """The seconds that the node may look for content: it is to answer before we give up."""
        return max(1, int(0.9 * retry.timeout(self.read_timeout)))

    @property
    def _toolkit(self) -> Toolkit | None:
        """The client that speaks with the node, if one was given."""
        given = self.client
        if given is None:
            return None
        made = self._made
        if made is None or made[:2] != (os.getpid(), given):
            made = self._made = (os.getpid(), given, Toolkit(self, client_of(given)))
        return made[2]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_made": None}

    def _url(self, command: str, query: Mapping[str, Any]) -> str:
        return with_query(f"{self.server_url}/{command}", query)

    # --------------------------------------------------------------- the server

    def _pinning_service(self) -> PinningService:
        return PinningService(
            endpoint=self.pinning_service_url,
            token=self.pinning_service_token,
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            proxies=self.proxies,
            trust_environment=self.trust_environment,
        )

    def _authorization(self) -> Mapping[str, str]:
        return bearer(self.token) if self.token else super()._authorization()

    def _refusal(self, answer: Answer) -> StorageError:
        error = super()._refusal(answer)
        if answer.status == _FORBIDDEN:
            error.hint = (
                "Kubo refuses what API.Authorizations does not allow, and addresses that "
                "API.HTTPHeaders does not allow as an Origin."
            )
        if answer.status != _FAILED:
            return error
        known = kind_of_words(words(answer.content))(str(error))
        vars(known)["status"] = answer.status
        return known

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what a migration needs, without passwords and clients."""
        path, positional, given = super().deconstruct()
        # A path says what to make; an object may hold a password, and no migration can hold it.
        if not isinstance(given.get("client"), str):
            given.pop("client", None)
        return path, positional, given


def _read_up_to(answer: Answer | Ranged, count: int) -> bytes:
    """Return so many bytes, or all there are."""
    blocks = []
    while count and (block := answer.read_block(count)):
        blocks.append(block)
        count -= len(block)
    return b"".join(blocks)


def _json(line: bytes) -> dict[str, Any]:
    found = document(line)
    return found if isinstance(found, dict) else {}
