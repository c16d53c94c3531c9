"""What servers that speak HTTP say, and should not: through a proxy that rewrites their answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.base import ContentFile

from storages.base import RemoteStorage
from storages.errors import Changed, Corrupt, PermissionDenied, StorageError, Unavailable
from storages.retry import Retry
from tests.faults.matrix.checking import Outcome, attempt, check_stored
from tests.faults.matrix.operations import READ, SAVE, Operation
from tests.faults.matrix.scene import Scene
from tests.faults.matrix.table import Experiment
from tests.servers.s3proxy import Asked, Fault, S3Proxy

__all__ = ["ROWS"]

WRONG = 1000  # bytes by which a length is wrong
AFTER = 1.0  # seconds that a server asks to be left alone for
CAP = 0.1  # seconds to which that is bounded
Do = Callable[[Scene, S3Proxy, RemoteStorage], None]


def _row(name: str, promise: str, operation: Operation, do: Do, *, quick: bool = False) -> Any:
    def run(scene: Scene) -> None:
        with scene.rewritten() as (wire, storage):
            storage.retry = Retry(attempts=scene.attempts, backoff=0.01)
            do(scene, wire, storage)
            assert wire.faults, "the fault did not happen"
            for fault in wire.faults:
                scene.note(f"http {fault.status}")

    return Experiment(f"http.{name}.{operation.id}", promise, operation, run, quick, http=True)


def _hit(
    scene: Scene, wire: S3Proxy, operation: Operation, *faults: Fault, always: bool = False
) -> list[Asked]:
    """Let the requests that carry the file meet the faults; those that did, as they come."""
    waiting, hit = list(faults), []

    def rule(asked: Asked) -> Fault | None:
        with wire.lock:
            if not scene.carries(asked, operation):
                return None
            hit.append(asked)
            if not waiting:
                return None
            return waiting[0] if always else waiting.pop(0)

    wire.rule = rule
    return hit


def _tried(scene: Scene, storage: RemoteStorage, operation: Operation) -> Outcome:
    return attempt(scene, lambda: operation.call(scene, storage), within=10.0)


def _succeeds(scene: Scene, outcome: Outcome, operation: Operation) -> None:
    assert outcome.error is None, repr(outcome.error)
    assert outcome.value == operation.result(scene)
    check_stored(scene, operation.after(scene))


def _passing(operation: Operation, status: int, *, quick: bool = False) -> Any:
    def do(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
        _hit(scene, wire, operation, Fault(status=status))
        _succeeds(scene, _tried(scene, storage, operation), operation)

    promise = f"When the server answers {status} once to {operation.words}: asked again, it works."
    return _row(str(status), promise, operation, do, quick=quick)


def _final(operation: Operation, status: int, *, quick: bool = False) -> Any:
    def do(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
        hit = _hit(scene, wire, operation, Fault(status=status), always=True)
        error = _tried(scene, storage, operation).error
        assert isinstance(error, StorageError)
        assert not isinstance(error, Unavailable)
        # Once more with new credentials, after a 401; or to learn the reason.
        assert len(hit) <= (2 if status in {401, 403} else 1), [each.method for each in hit]
        if status in {401, 403}:
            assert isinstance(error, PermissionDenied)
        check_stored(scene, operation.before(scene))

    promise = (
        f"When the server answers {status} to {operation.words}: an error at once, which is not "
        f"tried again as if it would pass."
    )
    return _row(f"{status}", promise, operation, do, quick=quick)


def _retry_after(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
    busy = Fault(status=503, headers={"Retry-After": str(int(AFTER))})
    _hit(scene, wire, SAVE, busy)
    storage.retry = Retry(attempts=3, backoff=0.001, longest=AFTER)
    outcome = _tried(scene, storage, SAVE)
    _succeeds(scene, outcome, SAVE)
    assert outcome.took >= AFTER


def _retry_after_long(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
    _hit(scene, wire, SAVE, Fault(status=503, headers={"Retry-After": "3600"}))
    storage.retry = Retry(attempts=3, backoff=0.001, longest=CAP)
    _succeeds(scene, _tried(scene, storage, SAVE), SAVE)


def _right_or_error(scene: Scene, outcome: Outcome) -> None:
    if outcome.error is not None:
        assert isinstance(outcome.error, (Unavailable, Corrupt, Changed)), repr(outcome.error)
    else:
        assert outcome.value == READ.result(scene)


def _length(by: int) -> Do:
    def do(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
        told = str(scene.size + by)
        _hit(scene, wire, READ, Fault(changes={"content-length": told}))
        outcome = _tried(scene, storage, READ)
        if by < 0 and scene.allows("unnoticed"):
            assert outcome.value == READ.result(scene)[:by]
        else:
            _right_or_error(scene, outcome)
        # What is left over on that connection is no answer to the next request.
        wire.rule = lambda _: None
        _succeeds(scene, _tried(scene, storage, READ), READ)

    return do


def _unended(cut: Callable[[int], int | None]) -> Do:
    def do(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
        _hit(scene, wire, READ, Fault(unended=True, cut=cut(scene.size), gently=True))
        outcome = _tried(scene, storage, READ)
        # That the length is missing may be said as such; that there is no such file may not.
        if type(outcome.error) is not StorageError:
            _right_or_error(scene, outcome)
        _succeeds(scene, _tried(scene, storage, READ), READ)

    return do


def _whole_instead(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
    half = Fault(cut=scene.size // 2)
    hit = _hit(scene, wire, READ, half, Fault(ignore_range=True))
    _succeeds(scene, _tried(scene, storage, READ), READ)
    assert len(hit) >= 2


def _replaced(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
    """The file is replaced between the first answer, which breaks off, and the second."""
    hit = _hit(scene, wire, READ, Fault(cut=scene.size // 2))
    first = wire.rule
    other, _, new = scene.contents

    def rule(asked: Asked) -> Fault | None:
        again = len(hit) == 1 and scene.carries(asked, READ)
        if again:
            with scene.storage(direct=True).open("other.bin", "wb") as file:
                file.write(new)
        return first(asked)

    wire.rule = rule
    outcome = _tried(scene, storage, READ)
    assert len(hit) >= 2
    if outcome.error is None:
        assert outcome.value in {other, new}
    else:
        assert isinstance(outcome.error, (Changed, Unavailable, Corrupt)), repr(outcome.error)


def _expires(scene: Scene, wire: S3Proxy, storage: RemoteStorage) -> None:
    """In the middle of a session."""
    assert storage.exists(scene.named("other.bin", scene.contents[0]))
    hit = _hit(scene, wire, SAVE, Fault(status=401))
    outcome = _tried(scene, storage, SAVE)
    assert len(hit) <= 2
    if outcome.error is None:
        _succeeds(scene, outcome, SAVE)
        return
    assert isinstance(outcome.error, PermissionDenied)
    check_stored(scene, SAVE.before(scene))
    assert storage.save("later.bin", ContentFile(b"x")) == scene.named("later.bin", b"x")


ROWS: list[Experiment] = [
    *(_passing(operation, 500, quick=operation is SAVE) for operation in (SAVE, READ)),
    *(_passing(operation, 502) for operation in (SAVE, READ)),
    *(_passing(operation, 503, quick=operation is READ) for operation in (SAVE, READ)),
    *(_passing(operation, 429, quick=operation is SAVE) for operation in (SAVE, READ)),
    *(_final(operation, 400, quick=operation is SAVE) for operation in (SAVE, READ)),
    *(_final(operation, 403, quick=operation is READ) for operation in (SAVE, READ)),
    *(_final(operation, 401) for operation in (SAVE, READ)),
    _row(
        "retry-after",
        "When the server answers 503 and when to come back: it is left alone for that long.",
        SAVE,
        _retry_after,
        quick=True,
    ),
    _row(
        "retry-after-long",
        "When the server answers 503 and to come back in an hour: it is asked again when the "
        "storage's own longest pause is over.",
        SAVE,
        _retry_after_long,
        quick=True,
    ),
    _row(
        "expired",
        "When the server answers 401 in the middle of a session: a new login where there is one, "
        "and the file is saved; else PermissionDenied, and the next call works.",
        SAVE,
        _expires,
        quick=True,
    ),
    _row(
        "length-long",
        "When an answer announces more bytes than come: the right bytes, or an error in time.",
        READ,
        _length(WRONG),
        quick=True,
    ),
    _row(
        "length-short",
        "When an answer announces fewer bytes than the file has: the right bytes, or an error; "
        "and the rest is not taken for the next answer.",
        READ,
        _length(-WRONG),
        quick=True,
    ),
    _row(
        "chunks-cut",
        "When an answer comes in chunks, without its length, and breaks off half-way: the right "
        "bytes, or an error; never a part.",
        READ,
        _unended(lambda size: size // 2),
        quick=True,
    ),
    _row(
        "chunks-unended",
        "When an answer comes in chunks, without its length, and all but the end of it: the right "
        "bytes, or an error in time.",
        READ,
        _unended(lambda _: None),
    ),
    _row(
        "resume-200",
        "When reading goes on after a break and the server sends all again: each byte once.",
        READ,
        _whole_instead,
        quick=True,
    ),
    _row(
        "resume-changed",
        "When a file is replaced while reading it breaks off: all bytes of one of the two, or an "
        "error; never half of each.",
        READ,
        _replaced,
        quick=True,
    ),
]
