"""MogileFS: what a tracker or the view told a moment ago is not taken for what is there now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import RequestFactory, override_settings

from storages.backends.mogilefs import MogileFSStorage, serve_mogilefs_file
from storages.backends.mogilefs.cluster import fid_of
from storages.errors import Unavailable
from tests.backends.mogile_place import MEDIUM, Place, Storage, put, read
from tests.servers.process import HOST


@pytest.fixture
def place() -> Iterator[Place]:
    """A domain, whose nodes may be told what to do."""
    with Place() as place:
        yield place


def between_the_two(place: Place, storage: MogileFSStorage, act: Callable[[], object]) -> None:
    """Let something happen right after the tracker has told of a file for the first time."""
    real = storage._stat
    done: list[object] = []

    def stat(key: str) -> Any:
        found = real(key)
        if not done:
            done.append(act())
        return found

    storage._stat = stat  # type: ignore[method-assign] # a fake


def test_replaced_while_it_is_opened(place: Place) -> None:
    """Its length and its copies are of one and the same file."""
    put(place, MEDIUM)
    storage, other = place.storage(), place.storage()

    def replace() -> None:
        with other.open("a.bin", "wb") as file:
            file.write(b"other")

    between_the_two(place, storage, replace)
    assert read(storage) == b"other"


def test_replaced_while_the_view_asks(place: Place) -> None:
    """The length that Perlbal is to expect is that of the copies that it is told of."""
    put(place, MEDIUM)
    storage, other = place.storage(serve_with_perlbal=True), place.storage()

    def replace() -> None:
        with other.open("a.bin", "wb") as file:
            file.write(b"other")

    between_the_two(place, storage, replace)
    told = serve_mogilefs_file(RequestFactory().get("/a.bin"), "a.bin", storage).headers
    fids = {fid_of(path) for path in told["X-REPROXY-URL"].split()}
    assert told["X-REPROXY-EXPECTED-SIZE"] == "5"
    assert fids == {other.stat("a.bin").version}


def test_clusters_do_not_share_what_the_view_remembers(place: Place) -> None:
    """Sites of one cache may have domains of one name, with other trackers in their settings."""
    put(place, MEDIUM)
    with override_settings(
        MOGILEFS_DOMAIN=place.domain,
        MOGILEFS_TRACKERS=place.cluster.addresses,
        SERVE_WITH_PERLBAL=True,
    ):
        with Storage() as storage:
            response = serve_mogilefs_file(RequestFactory().get("/a.bin"), "a.bin", storage)
        assert response.status_code == 200
        with override_settings(MOGILEFS_TRACKERS=[f"{HOST}:1"]), Storage() as elsewhere:
            response = serve_mogilefs_file(RequestFactory().get("/a.bin"), "a.bin", elsewhere)
        assert response.status_code == 503


def test_deleted_while_it_is_opened(place: Place) -> None:
    """There is no such file any more."""
    put(place, MEDIUM)
    storage, other = place.storage(), place.storage()
    between_the_two(place, storage, lambda: other.delete("a.bin"))
    with pytest.raises(FileNotFoundError):
        storage.open("a.bin")


def test_a_tracker_that_remembers_old_copies(place: Place) -> None:
    """With ``noverify`` a tracker may tell from memory: it is asked again without."""
    put(place, MEDIUM)
    storage = place.storage()
    old = place.cluster.ask("get_paths", domain=place.domain, key="a.bin")
    with storage.open("a.bin", "wb") as file:
        file.write(b"new")
    real = storage._cluster.trackers.ask
    told = []

    def ask(command: str, arguments: Any, **how: Any) -> dict[str, str]:
        if arguments.get("noverify"):
            told.append(command)
            return old
        return real(command, arguments, **how)

    storage._cluster.trackers.ask = ask  # type: ignore[method-assign] # a fake
    assert read(storage) == b"new"
    assert told == ["get_paths"]


def test_the_copies_cannot_be_reached_for_the_view(place: Place) -> None:
    """A file without a copy that can be reached is not one that is not there."""
    put(place, MEDIUM)
    storage = place.storage()
    real = storage._cluster.trackers.ask

    def ask(command: str, *args: Any, **how: Any) -> dict[str, str]:
        # What the real tracker says for a moment, after the only copy's node went down.
        return {"paths": "0"} if command == "get_paths" else real(command, *args, **how)

    storage._cluster.trackers.ask = ask  # type: ignore[method-assign] # a fake
    with pytest.raises(Unavailable):
        storage.get_mogile_paths("a.bin")
    with pytest.raises(Unavailable):
        storage.open("a.bin")
