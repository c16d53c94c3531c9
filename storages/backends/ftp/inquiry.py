"""Questions about one path, in the best words that the server knows."""

from __future__ import annotations

import io
import posixpath
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Literal, TypeVar

from storages.backends.ftp.connection import Connection
from storages.backends.ftp.listing import Item, facts_of, item_of_facts, listed, mlsd, moment
from storages.backends.ftp.replies import Reply, refusal, why
from storages.errors import (
    IsADirectory,
    NotADirectory,
    NotFound,
    PermissionDenied,
    StorageError,
    Unavailable,
)
from storages.readers import Stat
from storages.retry import timeout
from storages.staging import BLOCK, Spool

__all__ = ["entries", "is_directory", "is_free", "kind_of", "size_of", "stat", "stat_of", "written"]

T = TypeVar("T")
_LONGEST_LINE = 64 * 1024
# For so many seconds, and of so many directories, it is remembered that they could be entered.
_MOMENT = 5.0
_MOST_ENTERED = 1000
# How often the server is asked before contradicting answers mean that something is forbidden.
_LOOKS = 4
# What may mean that there is nothing.
_NOTHING = frozenset({501, 550, 553})
# The words of vsftpd, pure-ftpd and proftpd when stat() failed. In a directory that can be entered,
# that means "missing".
_STAT_FAILED = re.compile(
    r"could not get file (size|modification)|can't check for file existence|cannot be listed",
    re.IGNORECASE,
)


class _Inferred(PermissionDenied):
    """What is shown, and cannot be had, is forbidden; or it was made in between."""


def _settled(ask: Callable[[], T]) -> T:
    """Ask again where answers contradict each other, because somebody may have made the file."""
    for _ in range(_LOOKS - 1):
        with suppress(_Inferred):
            return ask()
    try:
        return ask()
    except _Inferred as error:
        raise PermissionDenied(error.message, hint=error.hint) from error.__cause__


def stat(ftp: Connection, path: str) -> Stat:
    """Return what the server tells of a file. Raises NotFound, IsADirectory, PermissionDenied."""
    return _settled(lambda: _look(ftp, path))


def _look(ftp: Connection, path: str) -> Stat:
    if "MLST" in ftp.features:
        item = _mlst(ftp, path)
        if item.kind == "dir":
            raise IsADirectory
        if item.kind == "file" and item.size is not None:
            return _stat(item.size, item.modified, item.unique)
    return _asked(ftp, path)


def stat_of(item: Item) -> Stat | None:
    """Return what a listing told of a file; None when that is not all that ``stat`` tells."""
    if item.size is None or item.modified is None:
        return None
    return _stat(item.size, item.modified, item.unique)


def _stat(size: int, modified: datetime | None, more: str) -> Stat:
    version = f"{more}-{modified.isoformat() if modified else ''}-{size}"
    return Stat(size=size, modified=modified, version=version)


def _mlst(ftp: Connection, path: str) -> Item:
    reply = ftp.ask(f"MLST {path}")
    if not reply.is_positive:
        raise _absent(ftp, path, reply)
    item = _item(reply)
    if item is None:
        raise StorageError(f"The server's answer to MLST has no facts: {reply.text!r}.")
    return item


def _item(reply: Reply) -> Item | None:
    for line in reply.text.splitlines()[1:-1]:
        facts, name = facts_of(line.lstrip())
        if facts:
            # The directory itself may be called "cdir" here.
            if facts.get("type", "").lower() in {"cdir", "pdir"}:
                facts["type"] = "dir"
            # Of a symbolic link proftpd tells the target's type, and the link's own size and mode.
            if facts.get("unix.mode", "").endswith("777") and facts.get("type") == "file":
                facts["type"] = "OS.unix=symlink"
            return item_of_facts(facts, name)
    return None


def _asked(ftp: Connection, path: str) -> Stat:
    """Ask by SIZE and MDTM; where they are not known, look into the listing."""
    reply = _tried(ftp, "SIZE", path)
    if reply is None:
        return _from_listing(ftp, path)
    size = _number(reply)
    if size is None:
        if is_directory(ftp, path):
            raise IsADirectory
        raise _absent(ftp, path, reply)
    reply = _tried(ftp, "MDTM", path)
    if reply is not None and not reply.is_positive and _seen(ftp, path) is None:
        raise NotFound
    return _stat(size, moment(reply.text[4:]) if reply is not None else None, "")


def size_of(ftp: Connection, path: str) -> int | None:
    """Return a file's size; None where the server does not tell by itself."""
    reply = _tried(ftp, "SIZE", path)
    if reply is not None:
        return _number(reply)
    with suppress(NotFound):
        return stat(ftp, path).size
    return None


def _tried(ftp: Connection, command: str, path: str) -> Reply | None:
    """Return the answer; None when the server does not know the command."""
    if not ftp.has(command):
        return None
    reply = ftp.ask(f"{command} {path}")
    if reply.is_unknown:
        ftp.lacks.add(command)
        return None
    return reply


def written(ftp: Connection, path: str) -> datetime | None:
    """Return when a file was last written, by the server's clock; None when it does not tell."""
    reply = _tried(ftp, "MDTM", path)
    return moment(reply.text[4:]) if reply is not None and reply.is_positive else None


def _number(reply: Reply) -> int | None:
    words = reply.text.split()
    if not reply.is_positive or len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004
        return None
    return int(words[1])


def _from_listing(ftp: Connection, path: str) -> Stat:
    if is_directory(ftp, path):
        raise IsADirectory
    item = _seen(ftp, path)
    if item is None:
        raise NotFound
    if item.size is None:
        raise StorageError(
            "The server does not tell the file's size: it knows neither MLST nor SIZE."
        )
    # The time printed is of an unknown zone, but it changes when the file does.
    return _stat(item.size, None, item.date)


def is_directory(ftp: Connection, path: str) -> bool:
    """Tell whether there is a directory; False also when there may be one that is forbidden."""
    if "MLST" not in ftp.features:
        return _can_enter(ftp, path)
    reply = ftp.ask(f"MLST {path}")
    item = _item(reply) if reply.is_positive else None
    if item is not None and item.kind == "link":
        return _can_enter(ftp, path)
    return item is not None and item.kind == "dir"


def _can_enter(ftp: Connection, path: str) -> bool:
    # No name that is sent depends on the working directory, so it may be any.
    return ftp.ask(f"CWD {path}").is_positive


def is_free(ftp: Connection, path: str) -> bool:
    """Tell whether a file may be created, in a directory where another one was just made.

    So it can be searched, and a refusal means that there is nothing.
    """
    facts = "MLST" in ftp.features
    reply = ftp.ask(f"MLST {path}") if facts else _tried(ftp, "SIZE", path)
    if reply is None:
        return kind_of(ftp, path) is None
    if reply.is_positive:
        return False
    if why(reply, path) is PermissionDenied or reply.code not in _NOTHING:
        raise refusal(reply, path)
    if facts:
        return True
    reply = ftp.ask(f"CWD {path}")
    if not reply.is_positive and reply.code not in _NOTHING:
        raise refusal(reply, path)
    return not reply.is_positive


def kind_of(ftp: Connection, path: str) -> Literal["file", "dir"] | None:
    """Tell what a path is; None: nothing. Raises PermissionDenied when that cannot be told."""
    try:
        stat(ftp, path)
    except IsADirectory:
        return "dir"
    except (NotFound, NotADirectory):
        return None
    return "file"


def _absent(ftp: Connection, path: str, reply: Reply) -> StorageError:
    """Return the error for a path that the server says nothing good of: missing, or forbidden?"""
    told = why(reply, path)
    if told in {NotFound, NotADirectory, PermissionDenied, IsADirectory}:
        return refusal(reply, path)
    if reply.code not in {450, 550, 553}:
        return refusal(reply, path)
    if _seen(ftp, path, look=not _STAT_FAILED.search(reply.text)) is None:
        return NotFound()
    return _Inferred(
        f"The server shows the name, and answered {reply.text!r}.",
        hint="The user who logs in may not read it.",
    )


def _seen(ftp: Connection, path: str, *, look: bool = True) -> Item | None:
    """Return what the listing of its directory tells of a path; None when it is not there.

    Without ``look`` it is not there if its directory can be entered. Raises NotADirectory below a
    file, PermissionDenied when it cannot be told.
    """
    parent, name = posixpath.split(path)
    if parent == path:
        raise PermissionDenied("The server does not show its root directory.")
    reply = _entered(ftp, parent)
    if not reply.is_positive and why(reply, parent) in {NotFound, NotADirectory}:
        return None
    if reply.is_positive:
        if not look:
            return None
        try:
            return next((item for item in entries(ftp, parent) if item.name == name), None)
        except NotFound:
            return None
    above = _seen(ftp, parent)
    if above is None:
        return None
    if above.kind == "file":
        raise NotADirectory
    raise _Inferred("The server shows the directory, but does not let the user enter it.")


def _entered(ftp: Connection, path: str) -> Reply:
    """Return the answer to CWD. One that was good is good for some seconds."""
    now = time.monotonic()
    if ftp.entered.get(path, -_MOMENT) > now - _MOMENT:
        return Reply(250, "")
    if "MLST" in ftp.features:
        # pure-ftpd takes longer for each CWD that fails.
        reply = ftp.ask(f"MLST {path}")
        if not reply.is_positive:
            return reply
        item = _item(reply)
        if item is not None and item.kind == "file":
            raise NotADirectory
    reply = ftp.ask(f"CWD {path}")
    if reply.is_positive:
        if len(ftp.entered) > _MOST_ENTERED:
            ftp.entered.clear()
        ftp.entered[path] = now
    return reply


def entries(ftp: Connection, path: str) -> Iterator[Item]:
    """Yield the children of a directory, from a listing that is complete. Raises NotFound."""
    if "MLST" in ftp.features:
        with _fetched(ftp, f"MLSD {path}", path) as lines:
            yield from mlsd(_decoded(ftp, lines))
        return
    # An argument of LIST would be taken apart at spaces, or for a pattern.
    _settled(lambda: _enter(ftp, path))
    if ftp.has("LIST -a"):
        with _fetched(ftp, "LIST -a", path) as lines:
            # With -a there is always ".": a server that shows none has not understood.
            if any(item.name == "." for item in listed(_decoded(ftp, lines))):
                yield from _children(ftp, lines)
                return
        ftp.lacks.add("LIST -a")
    with _fetched(ftp, "LIST", path) as lines:
        yield from _children(ftp, lines)


def _children(ftp: Connection, lines: Spool) -> Iterator[Item]:
    for item in listed(_decoded(ftp, lines)):
        if item.name not in {".", ".."}:
            yield item


def _enter(ftp: Connection, path: str) -> None:
    reply = ftp.ask(f"CWD {path}")
    if reply.is_positive:
        return
    item = _seen(ftp, path)
    if item is None:
        raise NotFound
    kind = kind_of(ftp, path) if item.kind == "link" else item.kind
    if kind is None:
        raise NotFound
    if kind == "file":
        raise NotADirectory
    error = refusal(reply, path)
    if isinstance(error, PermissionDenied):
        raise _Inferred(error.message, hint=error.hint) from error.__cause__
    raise error


def _fetched(ftp: Connection, command: str, path: str) -> Spool:
    """Return the whole listing, so that the connection is free before the first name is used."""
    begun = ftp.transfer(command)
    if isinstance(begun, Reply):
        if command == "LIST -a":
            return Spool()
        raise _refused_listing(ftp, path, begun)
    data, _ = begun
    if isinstance(data, ssl.SSLSocket):
        # A listing has no length: only TLS's own end tells that it is whole.
        data.suppress_ragged_eofs = False  # type: ignore[attr-defined] # typeshed lacks it
    spool = Spool()
    try:
        try:
            while True:
                data.settimeout(timeout(ftp.place.timeout))
                block = data.recv(BLOCK)
                if not block:
                    break
                spool.write(block)
        except ssl.SSLEOFError as error:
            raise Unavailable(
                "The listing broke off: the connection ended without the end that TLS has.",
                hint="A server that never sends it (close_notify) cannot be listed over TLS.",
            ) from error
        finally:
            data.close()
        _check_listing(ftp.final(), path)
    except BaseException:
        spool.close()
        raise
    return spool


def _check_listing(reply: Reply, path: str) -> None:
    if not reply.is_positive:
        raise refusal(reply, path)
    if "fail" in reply.text.lower():  # vsftpd: 226 ... (but failed to open directory)
        raise PermissionDenied(f"The server answered {reply.text!r}.")


def _refused_listing(ftp: Connection, path: str, reply: Reply) -> StorageError:
    told = why(reply, path)
    if told is not None or reply.code not in {450, 501, 550, 553}:
        return refusal(reply, path)
    found = kind_of(ftp, path)
    if found == "file":
        return NotADirectory()
    return NotFound() if found is None else PermissionDenied(f"The server answered {reply.text!r}.")


def _decoded(ftp: Connection, spool: Spool) -> Iterator[str]:
    spool.seek(0)
    lines = io.BufferedReader(spool, BLOCK)
    try:
        while line := lines.readline(_LONGEST_LINE):
            yield line.decode(ftp.encoding, "surrogateescape").rstrip("\r\n")
    finally:
        lines.detach()
