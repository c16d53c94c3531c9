"""Commands that must not be carried out twice, when an answer is lost."""

from __future__ import annotations

from collections.abc import Callable

from storages import retry
from storages.backends.mogilefs.refusals import NO_TEMPORARY_FILE, code_of
from storages.errors import StorageError, Unavailable

__all__ = ["once"]

#: What a command answers that has been carried out already.
_DONE = {NO_TEMPORARY_FILE, "unknown_key", "key_exists"}


def once(policy: retry.Retry, send: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Send a command; where its answer is lost, ask whether it was carried out, or send it again.

    Raises what the tracker refuses. Where nobody can tell what has become of the command, raises an
    Unavailable that is final: all that came before it is not repeated for the sake of an answer.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            send()
        except StorageError as refused:
            error, code = refused, code_of(refused)
            lost = code is None and isinstance(refused, Unavailable)
            if lost or (attempt > 1 and code in _DONE):
                try:
                    if is_done():
                        return
                except Unavailable as unknown:
                    error, code, lost = unknown, None, True
            if code == NO_TEMPORARY_FILE:
                raise Unavailable("The tracker does not know the upload any more.") from refused
            pause = policy.pause(attempt, error) if lost else None
            if pause is None or not retry.sleep(pause):
                if lost and isinstance(error, Unavailable):
                    error.final = True
                raise error  # noqa: B904 - its context is what the tracker refused
        else:
            return
