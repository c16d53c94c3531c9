"""Deleting many objects at once, and the segments that files leave behind."""

# ruff: noqa: SLF001 - the storage's requests are shared within this package

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from storages import retry
from storages.backends.cloudfiles import large
from storages.errors import NotFound, PermissionDenied, StorageError, Unavailable
from storages.events import logger
from storages.http import quoted, with_query
from storages.told import understood

if TYPE_CHECKING:
    from storages.backends.cloudfiles.storage import CloudFilesStorage

__all__ = ["drop", "remove_many"]

#: So many objects one request names: the server deletes them one after the other.
MOST_DELETED = 1000
#: What the status of an object in the answer means.
_KINDS: dict[str, type[StorageError]] = {"401": PermissionDenied, "403": PermissionDenied}
_SERVER_ERROR = "5"

#: Storage URLs whose server knows no bulk delete.
_without: set[str] = set()


def remove_many(storage: CloudFilesStorage, keys: list[str]) -> Any:
    """Delete files; NotImplemented where they must be deleted one by one."""
    if storage._account.storage_url in _without:
        return NotImplemented
    first: StorageError | None = None
    wanted = list(dict.fromkeys(keys))
    single = _large(storage, wanted)
    for key in single:
        try:
            retry.repeat(storage.retry, partial(storage._remove, key))
        except NotFound:
            continue
        except StorageError as error:
            first = first or error.locate("remove_many", key, repr(storage))
    small = [f"/{storage.container}/{key}" for key in wanted if key not in single]
    for some in _batches(small):
        errors = _bulk_delete(storage, some)
        if errors is None:
            return NotImplemented
        for name, status in errors:
            kind = _KINDS.get(status[:3])
            if kind is None:
                kind = Unavailable if status.startswith(_SERVER_ERROR) else StorageError
            key = name[len(f"/{storage.container}/") :]
            first = first or kind(f"The server answered {status} for it.", name=key)
    if first is not None:
        raise first
    return None


def drop(storage: CloudFilesStorage, segments: list[str]) -> None:
    """Delete ``/container/name`` objects; what stays is logged, and raises nothing."""
    try:
        for some in _batches(segments):
            _drop(storage, some)
    except (StorageError, ValueError) as error:  # ValueError: a segment's name may be "a/../b"
        # What the caller asked for is done, or failed for a reason of its own.
        logger.warning(
            "Segments that no file needs stay in %s: %s, ... (%d): %s",
            storage.effective_segments_container,
            segments[0],
            len(segments),
            error,
        )


def _drop(storage: CloudFilesStorage, segments: list[str]) -> None:
    errors = None
    if storage._account.storage_url not in _without and len(segments) > 1:
        errors = retry.repeat(storage.retry, lambda: _bulk_delete(storage, segments))
    if errors is None:
        for segment in segments:
            container, _, name = segment[1:].partition("/")
            url = storage._object_url(name, container)
            retry.repeat(storage.retry, partial(storage._ask, "DELETE", url, accept=(404,)))
    elif errors:
        raise StorageError(f"{errors[0][1]} for {errors[0][0]}")


@understood()
def _large(storage: CloudFilesStorage, keys: list[str]) -> set[str]:
    """Return those of ``keys`` that have segments, as their names in the container tell.

    And those too long for that.
    """
    known = set(keys)
    found = {key for key in keys if not large.names_segments(key)}
    container = storage.effective_segments_container
    if container == storage.container:
        return found
    # What all of them begin with.
    least, most = min(keys), max(keys)
    same = next((n for n, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), None)
    for each in storage._listing(least[:same], container):
        name = each["name"]
        while name := name.rpartition("/")[0]:
            if name in known:
                found.add(name)
    return found


@understood()
def _bulk_delete(storage: CloudFilesStorage, names: list[str]) -> list[tuple[str, str]] | None:
    """Delete ``/container/name`` objects in one request; return what failed, with its status.

    None: the server knows no such request. It then takes it for one about the account, which
    changes nothing. https://docs.openstack.org/swift/latest/bulk.html.
    """
    account = storage._account.storage_url
    answer = storage._ask(
        "POST",
        with_query(account, {"bulk-delete": ""}),
        headers={"Content-Type": "text/plain", "Accept": "application/json"},
        body="\n".join(quoted(name, safe="/") for name in names).encode(),
        accept=(403, 404, 405, 501),
    )
    if answer.status != 200 or not answer.content.strip():  # noqa: PLR2004
        _without.add(account)
        return None
    told = answer.json()
    errors = [(unquote(name), str(status)) for name, status in told.get("Errors", ())]
    status = str(told.get("Response Status", ""))
    if not errors and not status.startswith("2") and told.get("Number Not Found") == 0:
        raise Unavailable(f"Deleting failed: {status} {told.get('Response Body', '')}")
    return errors


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), MOST_DELETED):
        yield names[start : start + MOST_DELETED]
