"""What a backend writes: the hooks, and the one way in which the core calls them."""

# ruff: noqa: ARG002 - the optional hooks' defaults do not use their arguments

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.views.decorators.debug import sensitive_variables

from storages import events, options
from storages.causes import detach
from storages.errors import Changed, NotADirectory, NotFound, NoURL, StorageError, Timeout, kind_of
from storages.redact import redacted, shown_cause
from storages.retry import NO_RETRY, Retry, remaining, sleep

if TYPE_CHECKING:
    from django.core.checks import CheckMessage
    from django.db.models import FileField
    from typing_extensions import Self

    from storages.readers import Entry, Reader, Stat
    from storages.staging import Source

__all__ = ["Hooks"]

T = TypeVar("T")

#: Entries of a listing that are taken at once: to guard each by itself costs more than to read it.
_AT_ONCE = 64


class _Translating:
    """The context of ``Hooks._translating``; a generator's takes three times as long."""

    __slots__ = ("_key", "_operation", "_storage")

    def __init__(self, storage: Hooks, operation: str, key: str) -> None:
        self._storage = storage
        self._operation = operation
        self._key = key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StorageError):
            error.locate(self._operation, self._key, repr(self._storage))
        elif isinstance(error, Exception):
            translated = self._storage._translation  # noqa: SLF001 - its other half
            ours = translated(error, self._operation, self._key)
            if ours is not None:
                raise ours from ours.__cause__


class Hooks:
    """A service, described by five methods and a table of errors.

    The hooks get a ``key``: a judged, relative POSIX name (``""`` for the root, in ``_list`` and
    ``_is_dir`` only). They raise their client library's exceptions, which ``errors`` translates, or
    ours. They may be called from any thread.
    """

    #: Exceptions of the client library -> ours; the most specific class wins.
    errors: ClassVar[Mapping[type[BaseException], type[StorageError]]] = {}
    #: How failed operations are repeated.
    retry: Retry = NO_RETRY
    #: Whether directories exist by themselves, so that ``_list`` raises NotFound for a missing one.
    #: Without, a directory is there as long as a name begins with it.
    real_directories: ClassVar[bool] = False
    #: Whether listing a missing directory gives nothing instead of raising NotFound.
    lists_missing_as_empty: ClassVar[bool] = False

    def __init_subclass__(cls, **more: Any) -> None:
        """Keep what constructors are given out of Django's error reports."""
        super().__init_subclass__(**more)
        if "__init__" in vars(cls):
            setattr(cls, "__init__", sensitive_variables()(cls.__init__))  # noqa: B010 - a method

    @sensitive_variables()
    def __init__(self, **given: Any) -> None:
        """Take the options that the class declares; no I/O."""
        self.given = given
        options.take(self, given)

    def _stat(self, key: str) -> Stat:
        """Return what the store tells about the file. Raises NotFound, IsADirectory."""
        raise NotImplementedError

    def _open_read(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        """Begin to read the file at ``offset``; one request, which also yields the Stat.

        With ``version``, read that very version or raise Changed. Raises NotFound, IsADirectory.
        """
        raise NotImplementedError

    def _write(self, key: str, source: Source, *, overwrite: bool) -> None:
        """Store ``source`` under ``key``, all or nothing, with any directories it needs.

        Raises AlreadyExists, having changed nothing, when the name is taken and ``overwrite`` is
        False; the store itself must decide that, so that no race can lose a file.
        """
        raise NotImplementedError

    def _remove(self, key: str) -> None:
        """Delete the file, or the empty directory. Raises NotFound, DirectoryNotEmpty."""
        raise NotImplementedError

    def _list(self, prefix: str) -> Iterator[Entry]:
        """Yield the direct children of the directory ``prefix``. Raises NotFound."""
        raise NotImplementedError

    # Optional hooks: NotImplemented lets the core do it with the five.

    def _walk(self, prefix: str) -> Any:
        """Yield ``(key, Stat)`` for each file below the directory ``prefix``, in whatever order.

        For stores that list without going from directory to directory. None for the Stat: the
        listing does not tell. Nothing is asked before the first is taken. Or return NotImplemented.
        """
        return NotImplemented

    def _is_dir(self, key: str) -> bool:
        """Tell whether ``key`` is a directory (the root: whether the store can be reached)."""
        try:
            entry = next(iter(self._list(key)), None)
        except (NotFound, NotADirectory):
            return False
        return not key or entry is not None

    def _copy(self, key: str, target: str, *, overwrite: bool) -> Any:
        """Copy within the store, as ``_write`` would; or return NotImplemented."""
        return NotImplemented

    def _move(self, key: str, target: str, *, overwrite: bool) -> Any:
        """Rename within the store, in one step; or return NotImplemented."""
        return NotImplemented

    def _remove_many(self, keys: list[str]) -> Any:
        """Delete the files, passing over missing ones; or return NotImplemented."""
        return NotImplemented

    def _url_of(self, key: str) -> str:
        """Return the URL of the file; the core has judged ``key``.

        Not ``_url``: Django's ManifestFilesMixin has a method of that name, and would hide it.
        """
        raise NoURL

    def check(self, alias: str) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of the storage; no I/O.

        ``alias`` is its name in ``STORAGES``. What cannot work is refused by the constructor.
        """
        return ()

    def check_field(self, field: FileField) -> Iterable[CheckMessage]:
        """Return what ``manage.py check`` is to tell of a field that uses the storage; no I/O."""
        return ()

    # ------------------------------------------------- the one way to a hook

    def _call(
        self, operation: str, key: str, hook: Callable[[], T], source: Source | None = None
    ) -> T:
        """Call a hook: translate its errors, repeat it as ``retry`` says, tell about it."""

        def timely() -> T:
            if remaining() == 0:
                raise Timeout("The deadline has passed.")
            return hook()

        attempt = 0
        while True:
            attempt += 1
            started = time.perf_counter()
            try:
                result = self._guarded(operation, key, timely)
            except BaseException as error:
                self._tell(operation, key, started, attempt, error)
                # What the caller's own content raised is the caller's, not the store's.
                if source is not None and source.failure is not None:
                    detach(source.failure, error)
                    raise source.failure  # noqa: B904 - raised as it was
                pause = (
                    self.retry.pause(attempt, error) if isinstance(error, StorageError) else None
                )
                if pause is None or not sleep(pause):
                    raise
            else:
                self._tell(operation, key, started, attempt)
                return result

    def _tell(
        self,
        operation: str,
        key: str,
        started: float,
        attempt: int,
        error: BaseException | None = None,
    ) -> None:
        took = time.perf_counter() - started
        events.emit(self, events.Operation(operation, key, took, attempt, error))

    @sensitive_variables()
    def _guarded(self, operation: str, key: str, call: Callable[[], T]) -> T:
        """Call a hook, or go on with what one returned, and translate its errors.

        Hooks and client libraries have passwords, headers and addresses in their variables, which
        Django's error reports would show.
        """
        with self._translating(operation, key):
            return call()

    def _rest(self, operation: str, key: str, iterator: Iterator[T]) -> Iterator[T]:
        """Yield what the iterator that a hook returned still gives, and translate its errors."""
        while some := self._guarded(operation, key, lambda: list(islice(iterator, _AT_ONCE))):
            yield from some

    def _translating(self, operation: str, key: str) -> _Translating:
        """Turn the store's exceptions into ours, which say where and show no secret."""
        return _Translating(self, operation, key)

    def _translation(self, error: Exception, operation: str, key: str) -> StorageError | None:
        """Return our error for the store's, which is its cause unless it shows a secret."""
        kind = kind_of(error, self.errors)
        if kind is None:
            return None
        text = (isinstance(error, OSError) and error.strerror) or str(error)
        shown = redacted(text, self)
        ours = kind(shown, operation=operation, name=key, storage=repr(self))
        ours.__cause__ = shown_cause(error, lambda text: redacted(text, self))
        return ours

    def _progress(self, key: str, direction: str) -> Callable[[int], None]:
        return lambda count: events.emit_transfer(self, key, direction, count)

    def _open_reader(self, key: str, *, offset: int = 0, version: str | None = None) -> Reader:
        """Call ``_open_read``, for a version that must be what is read."""

        def open_read() -> Reader:
            reader = self._open_read(key, offset=offset, version=version)
            if version is not None and reader.stat.version != version:
                reader.close()
                raise Changed
            return reader

        return self._reading(lambda: self._call("open_read", key, open_read))

    def _reading(self, read: Callable[[], T]) -> T:
        """A file below a file is simply not there, as far as reading goes."""
        try:
            return read()
        except NotADirectory as error:
            raise NotFound().locate(error.operation, error.name, error.storage) from error

    # ------------------------------------------------------------- life cycle

    def close(self) -> None:
        """Give back connections; the storage opens new ones when it is used again."""

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return what a migration needs to make the storage again: never a secret.

        Only what the constructor was given is recorded; secrets among it are left to the settings.
        """
        declared = options.options_of(type(self))
        kind = type(self)
        return (
            f"{kind.__module__}.{kind.__qualname__}",
            [],
            {
                name: declared[name].shown(value) if name in declared else value
                for name, value in self.given.items()
                if name not in declared or declared[name].secret is not True
            },
        )

    def __repr__(self) -> str:
        _, _, given = self.deconstruct()
        shown = ", ".join(f"{name}={value!r}" for name, value in given.items())
        return f"{type(self).__name__}({shown})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
