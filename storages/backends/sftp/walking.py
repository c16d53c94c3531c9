"""Going through a tree: many directories are listed at a time, so that distance costs little."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from storages import names
from storages.backends.sftp.connecting import Connection
from storages.backends.sftp.messages import Attributes, Kind, string, text
from storages.connections import PerThread
from storages.errors import NotFound
from storages.readers import Entry, Stat

__all__ = ["walk"]

#: So many directories are open at a time, of the hundred handles that servers give.
_OPEN = 16
#: So many pages of each are asked for at once: most have one, and the end is told by another.
_PAGES = 2

#: Makes entries of a page of the listing of a path: links have to be followed.
Follow = Callable[[Connection, str, list[tuple[str, bytes, Attributes]]], list[Entry]]


@dataclass
class _Directory:
    """A directory that is being listed: ``requests`` for its handle, then for its pages."""

    key: str
    path: str
    requests: deque[int] = field(default_factory=deque)
    handle: bytes | None = None


def walk(
    pool: PerThread[Connection], connection: Connection, key: str, path: str, follow: Follow
) -> Iterator[tuple[str, Stat | None]]:
    """Yield the files below the directory ``key``, which is ``path`` on the server."""
    session = connection.session
    waiting = deque([_Directory(key, path)])
    begun: deque[_Directory] = deque()
    try:
        while waiting or begun:
            with pool.hold(connection):
                while waiting and len(begun) < _OPEN:
                    directory = waiting.popleft()
                    directory.requests.append(session.send(Kind.OPENDIR, string(directory.path)))
                    begun.append(directory)
                entries = _step(connection, begun, follow, key)
            for directory, entry in entries:
                name = names.join(directory.key, entry.name)
                if entry.is_dir:
                    there = f"{directory.path.rstrip('/')}/{entry.name}"
                    waiting.append(_Directory(name, there))
                else:
                    yield name, entry.stat
    finally:
        for directory in begun:
            session.forget(*directory.requests)
            if directory.handle is not None:
                session.give_back(directory.handle)


def _step(
    connection: Connection, begun: deque[_Directory], follow: Follow, start: str
) -> list[tuple[_Directory, Entry]]:
    """Take the answer that was waited for longest; ask for what comes after it."""
    session = connection.session
    directory = begun[0]
    try:
        answer = session.receive(directory.requests.popleft())
    except NotFound:
        begun.popleft()
        if directory.key == start:
            raise
        return []  # deleted meanwhile
    except EOFError:
        begun.popleft()
        session.forget(*directory.requests)
        session.give_back(directory.handle or b"")
        return []
    begun.rotate(-1)
    if directory.handle is None:
        directory.handle = answer.string()
        for _ in range(_PAGES):
            directory.requests.append(session.send(Kind.READDIR, string(directory.handle)))
        return []
    found = [
        (text(answer.string()), answer.string(), answer.attributes())
        for _ in range(answer.number())
    ]
    directory.requests.append(session.send(Kind.READDIR, string(directory.handle)))
    return [(directory, entry) for entry in follow(connection, directory.path, found)]
