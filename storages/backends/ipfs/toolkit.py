"""A client of ``ipfs-toolkit`` instead of our own requests: the option ``client``.

Release 0.5.32 of that library has the module ``ipfshttpclient2``, a copy of ``ipfshttpclient``
that goes on where that stopped; its ``Client`` is what is taken here. Nothing of it is imported:
whoever wants it makes one.
"""

# ruff: noqa: SLF001 - what a node's words mean is the storage's to say

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.utils.module_loading import import_string

from storages import retry
from storages.backends.ipfs import cids
from storages.backends.ipfs.sayings import kind_of_words
from storages.errors import Corrupt, OptionError, StorageError, Timeout, Unavailable
from storages.http.answers import kind_of_status
from storages.staging import BLOCK, Source

if TYPE_CHECKING:
    from storages.backends.ipfs.storage import InterPlanetaryFileSystemStorage

__all__ = ["Ranged", "Toolkit", "client_of"]

#: The library holds a whole answer in memory, so content is asked for in pieces: so much at most.
MOST_ASKED = 32 * BLOCK
_NEEDED = ("add", "cat", "files.stat", "pin.ls", "pin.rm", "version")


def client_of(given: Any) -> Any:
    """Return the client that the option names: itself, what a function makes, or a path to either.

    Raises OptionError.
    """
    if isinstance(given, str):
        try:
            given = import_string(given)
        except ImportError as error:
            raise OptionError(
                f"IPFS_STORAGE_CLIENT (client): {given!r} cannot be imported: {error}. "
                'The library comes with pip install "django-storages[ipfs-toolkit]".'
            ) from error
    client = given() if callable(given) else given
    for path in _NEEDED:
        found = client
        for name in path.split("."):
            found = getattr(found, name, None)
        if not callable(found):
            raise OptionError(
                f"IPFS_STORAGE_CLIENT (client) is {type(client).__name__}, which has no {path}(): "
                "it must be a Client of ipfshttpclient2, the module of ipfs-toolkit 0.5.32."
            )
    return client


class Toolkit:
    """The commands that a storage sends, given to a client of that library."""

    def __init__(self, storage: InterPlanetaryFileSystemStorage, client: Any) -> None:
        self._storage = storage
        self._client = client

    def add(self, source: Source, query: Mapping[str, str | None]) -> Mapping[str, Any]:
        """Add and pin content; return what the node tells of it."""
        named = {"pin", "cid-version", "raw-leaves", "chunker", "trickle"}
        source.seek(0)
        added: Mapping[str, Any] = self._ask(
            self._client.add,
            source,
            cid_version=int(query["cid-version"] or 0),
            raw_leaves=query["raw-leaves"] == "true",
            chunker=query["chunker"],
            opts={n: v for n, v in query.items() if n not in named and v is not None},
        )
        return added

    def stat(self, path: str) -> Mapping[str, Any]:
        """Return what the node tells of a file or directory."""
        told: Mapping[str, Any] = self._ask(
            self._client.files.stat, path, opts=self._looking(), offline=self._storage.offline
        )
        return told

    def cat(self, path: str, offset: int) -> Ranged:
        """Read content from ``offset``, in pieces."""

        def read(start: int, length: int) -> bytes:
            data: bytes = self._ask(
                self._client.cat,
                path,
                # Its own arguments of that name do not count beside others.
                opts={"offset": start, "length": length, **self._looking()},
                offline=self._storage.offline,
            )
            if len(data) > length:
                raise Corrupt("The client gave more than it was asked for.")
            return data

        return Ranged(read, offset)

    def unpin(self, cid: str) -> None:
        """Unpin a file. Raises NotFound when it is not pinned."""
        self._ask(self._client.pin.rm, cid)

    def require_pin(self, cid: str) -> None:
        """Raise NotFound when a file is not pinned."""
        self._ask(self._client.pin.ls, cid, type="recursive")

    def version(self) -> None:
        """Ask whether the node is there."""
        self._ask(self._client.version)

    def _looking(self) -> dict[str, Any]:
        """What bounds the node's own search for content."""
        return {"timeout": f"{self._storage._node_timeout}s"}

    def _ask(self, command: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        timeout = (
            retry.timeout(self._storage.connect_timeout),
            retry.timeout(self._storage.read_timeout),
        )
        with self._translating():
            return command(*arguments, timeout=timeout, **more)

    @contextmanager
    def _translating(self) -> Iterator[None]:
        """Turn the library's exceptions, told by their names, into ours."""
        try:
            yield
        except StorageError:
            raise
        except Exception as error:
            kinds = {kind.__name__ for kind in type(error).__mro__}
            response = getattr(error.__cause__, "response", None)
            if "ErrorResponse" in kinds:
                kind = kind_of_words(str(error))
            elif "StatusError" in kinds and response is not None:
                kind = kind_of_status(response.status_code, "POST", self._storage.statuses)
            elif kinds & {"TimeoutError", "Timeout"}:
                kind = Timeout
            elif kinds & {"CommunicationError", "RequestException", "HTTPError"}:
                kind = Unavailable
            else:
                raise
            raise kind(self._storage._clean(str(error))) from error


class Ranged:
    """Content as it comes in pieces, each by a request of its own; as an answer is read."""

    #: It announces nothing.
    headers: Mapping[str, str] = {}

    def __init__(self, read: Callable[[int, int], bytes], offset: int) -> None:
        self._read = read
        self._offset = offset
        # A file of one block comes whole, and is told by the byte after it that is not there.
        self._length = cids.LEAF + 1
        self._rest = b""
        self._over = False

    def read_block(self, size: int = BLOCK) -> bytes:
        """Return at most ``size`` bytes; ``b""`` at the end."""
        if not self._rest and not self._over:
            self._rest = self._read(self._offset, self._length)
            self._offset += len(self._rest)
            self._over = len(self._rest) < self._length
            self._length = min(2 * self._length, MOST_ASKED)
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def close(self, unread: int | None = None) -> None:  # noqa: ARG002 - as an answer
        """Forget what is held."""
        self._rest, self._over = b"", True
