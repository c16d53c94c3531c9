"""Commands that must not be carried out twice, when an answer is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from storages import retry
from storages.backends.mogilefs.refusals import NO_TEMPORARY_FILE, code_of
from storages.errors import StorageError, Timeout, Unavailable

__all__ = ["once"]

#: What a command answers that has been carried out already.
_DONE = {NO_TEMPORARY_FILE, "unknown_key", "key_exists"}


def once(policy: retry.Retry, send: Callable[[], object], is_done: Callable[[], bool]) -> None:
    """Send a command; where its answer is lost, ask whether it was carried out, or send it again.

    ``is_done`` may raise what a second sending would be refused for.

    A tracker that hangs up and has not carried it out costs an attempt every second time only:
    whenever it refuses a rename it may close the connection of anybody's next command, and where
    many save one name it may hit one of them several times in a row.

    Raises what the tracker refuses. Where nobody can tell what has become of the command, raises an
    Unavailable that is final: all that came before it is not repeated for the sake of an answer.
    """
    sent = hung_up = 0
    while True:
        sent += 1
        try:
            send()
        except StorageError as refused:
            code = code_of(refused)
            if code is not None or not isinstance(refused, Unavailable):
                if sent > 1 and code in _DONE and _told(policy, is_done):
                    return
                if code == NO_TEMPORARY_FILE:
                    raise Unavailable("The tracker does not know the upload any more.") from refused
                raise
            error = refused
            try:
                if is_done():
                    return
                hung_up += not isinstance(refused, Timeout)
            except Unavailable as unknown:
                error = unknown
            patience = replace(policy, attempts=policy.attempts + hung_up // 2)
            pause = patience.pause(sent, error)
            if pause is None or not retry.sleep(pause):
                error.final = True
                raise error  # noqa: B904 - its context is what the tracker refused
        else:
            return


def _told(policy: retry.Retry, is_done: Callable[[], bool]) -> bool:
    """Ask until it is told: the command has had its answer, and is not sent again for this."""
    try:
        return retry.repeat(policy, is_done)
    except Unavailable as unknown:
        unknown.final = True
        raise
