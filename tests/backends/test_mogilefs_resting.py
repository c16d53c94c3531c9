"""What failed a moment ago is tried after the others, for a while."""

from __future__ import annotations

from unittest import mock

import pytest

from storages.backends.mogilefs.cluster import Cluster, fid_of, places_of
from storages.backends.mogilefs.resting import Resting
from storages.errors import Corrupt, NotFound, Unavailable

CLOCK = "storages.backends.mogilefs.resting.time.monotonic"


def test_the_others_come_first() -> None:
    """In their order; those that rest behind them, in theirs."""
    resting = Resting(5)
    for each in ("b", "a"):
        resting.failed(each)
    assert resting.at_last(["a", "b", "c", "d"]) == ["c", "d", "a", "b"]
    resting.works("a")
    assert resting.at_last(["a", "b", "c"]) == ["a", "c", "b"]


def test_only_for_a_while() -> None:
    """And what has rested is forgotten, so that memory is bounded."""
    resting = Resting(5)
    with mock.patch(CLOCK, return_value=100.0):
        resting.failed("a")
    for now, rests in ((104.9, True), (105.0, False)):
        with mock.patch(CLOCK, return_value=now):
            assert resting.rests("a") is rests
    with mock.patch(CLOCK, return_value=106.0):
        resting.failed("b")
    assert list(resting._failures) == ["b"]


def test_copies_and_nodes() -> None:
    """A node that failed is worse than one that did not, a damaged copy is worst."""
    cluster = Cluster(["t:7001"], 1, 1)
    one, two, three = (f"http://10.0.0.{n}:7500/dev{n}/0/000/000/0000000007.fid" for n in (1, 2, 3))
    cluster.copy_failed(one, Corrupt())
    cluster.copy_failed(two, Unavailable())
    cluster.copy_failed(three, NotFound())
    assert cluster.best_first([one, two, three]) == [three, two, one]
    # The node may be asked for other files.
    other = one.replace("07.fid", "08.fid")
    assert cluster.best_first([two, other]) == [other, two]
    cluster.trackers.close()


@pytest.mark.parametrize(
    ("path", "fid"),
    [
        ("http://10.0.0.1:7500/dev1/0/000/012/0000012345.fid", "12345"),
        ("http://[::1]/dev12/7/123/456/7123456789.fid", "7123456789"),
        ("http://10.0.0.1:7500/dev1/17/123/456/17123456789.fid", "17123456789"),
        ("http://10.0.0.1:7500/x.fid", None),
    ],
)
def test_the_number_of_a_file(path: str, fid: str | None) -> None:
    """Is in its URL on a storage node."""
    assert fid_of(path) == fid


def test_what_create_open_offers() -> None:
    """Several places, or one as old trackers tell it."""
    p, q = "http://p/dev3/7.fid", "https://[::1]:7500/dev4/7.fid"
    several = {"dev_count": "2", "devid_1": "3", "path_1": p, "devid_2": "4", "path_2": q}
    assert [(place.device, place.path) for place in places_of(several)] == [("3", p), ("4", q)]
    one = {"devid": "3", "path": p, "fid": "7"}
    assert [(place.device, place.path) for place in places_of(one)] == [("3", p)]
