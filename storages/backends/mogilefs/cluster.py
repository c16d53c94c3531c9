"""What a process knows of a cluster, and how to read what trackers tell of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storages.backends.mogilefs.resting import Resting
from storages.backends.mogilefs.tracker import Trackers
from storages.errors import Corrupt, StorageError, Unavailable
from storages.http import origin
from storages.readers import Stat

__all__ = [
    "Cluster",
    "Place",
    "checksum_for",
    "fid_of",
    "number_in",
    "paths_of",
    "places_of",
    "stat_of",
    "text_in",
]

#: The tracker's names of hashes, and hashlib's.
_ALGORITHMS: Mapping[str, str] = {"MD5": "md5", "SHA-1": "sha1"}
#: Seconds for which a storage node that failed is used after the others only.
_NODES_REST = 5.0
#: Likewise a copy that is damaged: it may be repaired (`mogadm fsck`).
_COPIES_REST = 300.0
#: Seconds for which it is remembered how a class hashes.
_REMEMBERED = 300.0
#: Of a storage node; one whose address is no better is passed over, as if it were down.
_URL = re.compile(r"https?://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?/[!-~]*", re.ASCII)
_LAST_PORT = 65535
_NUMBER = re.compile(r"[0-9]{1,19}")
_FID = re.compile(r"/dev\d+/(?:\d+/)*0*(\d+)\.fid")


@dataclass(frozen=True)
class Place:
    """Where a new file may be put: a device, and the file's URL there."""

    device: str
    path: str


class Cluster:
    """The connections of one storage in one process, and what it has learnt."""

    def __init__(
        self, addresses: Sequence[str], connect_timeout: float, tracker_timeout: float
    ) -> None:
        self.trackers = Trackers(addresses, connect_timeout, tracker_timeout)
        self._nodes = Resting(_NODES_REST)
        self._copies = Resting(_COPIES_REST)
        self._hashes: dict[tuple[str, str], tuple[float, str | None]] = {}

    def best_first(self, paths: Iterable[str]) -> list[str]:
        """Return the URLs of a file's copies, those behind the others that failed lately."""
        return sorted(paths, key=lambda p: (self._copies.rests(p), self._nodes.rests(origin(p))))

    def copy_failed(self, path: str, error: StorageError) -> None:
        """Remember what happened at that URL."""
        if isinstance(error, Unavailable):
            self.node_failed(path)
        elif isinstance(error, Corrupt):
            self._copies.failed(path)

    def node_failed(self, path: str) -> None:
        """Remember that the node of that URL does not do as it should."""
        self._nodes.failed(origin(path))

    def hash_of(self, domain: str, mogile_class: str | None) -> str | None:
        """Return hashlib's name of the hash that the class keeps of its files, or None.

        One command, which tells of all classes; it is not repeated for five minutes.
        """
        wanted = domain, mogile_class or "default"
        known = self._hashes.get(wanted)
        if known is None or time.monotonic() - known[0] >= _REMEMBERED:
            try:
                told = self.trackers.ask("get_domains", {})
            except StorageError as error:
                if isinstance(error, Unavailable):
                    raise
                told = {}  # a tracker that does not want to tell; lengths are compared all the same
            known = time.monotonic(), _hash_of(told, *wanted)
            self._hashes[wanted] = known
        return known[1]


def _hash_of(told: Mapping[str, str], domain: str, mogile_class: str) -> str | None:
    for number in range(1, number_in(told, "domains", 0) + 1):
        this = f"domain{number}"
        if told.get(this) != domain:
            continue
        for at in range(1, number_in(told, f"{this}classes", 0) + 1):
            if told.get(f"{this}class{at}name") == mogile_class:
                return _ALGORITHMS.get(told.get(f"{this}class{at}hashtype", ""))
    return None


def text_in(told: Mapping[str, str], name: str) -> str:
    """Return what a tracker told under ``name``. Raises StorageError when it told nothing."""
    if name not in told:
        raise StorageError(f"The tracker's answer lacks {name!r}.")
    return told[name]


def number_in(told: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Return the number that a tracker told under ``name``, or ``default`` where it told none.

    Raises StorageError when it is no number.
    """
    if default is not None and name not in told:
        return default
    text = text_in(told, name)
    if _NUMBER.fullmatch(text) is None:
        raise StorageError(f"The tracker's answer has no number as {name!r}.")
    return int(text)


def checksum_for(algorithm: str, hexdigest: str) -> str:
    """Return a hash as a tracker takes it."""
    (name,) = (name for name, known in _ALGORITHMS.items() if known == algorithm)
    return f"{name}:{hexdigest}"


def stat_of(told: Mapping[str, str]) -> Stat:
    """Return what ``file_info`` tells. The version is the number of the file, its fid."""
    name, found, digest = told.get("checksum", "").partition(":")
    algorithm = _ALGORITHMS.get(name)
    return Stat(
        size=number_in(told, "length"),
        version=str(number_in(told, "fid")),
        checksum=f"{algorithm}:{digest.lower()}" if found and algorithm else None,
    )


def places_of(told: Mapping[str, str]) -> list[Place]:
    """Return the places that ``create_open`` offers; old trackers offer one."""
    if "path" in told:
        found = [Place(text_in(told, "devid"), told["path"])]
    else:
        numbers = range(1, number_in(told, "dev_count", 0) + 1)
        found = [Place(text_in(told, f"devid_{n}"), text_in(told, f"path_{n}")) for n in numbers]
    return [place for place in found if _is_url(place.path)]


def paths_of(told: Mapping[str, str]) -> list[str]:
    """Return the URLs that ``get_paths`` tells."""
    paths = (text_in(told, f"path{n}") for n in range(1, number_in(told, "paths") + 1))
    return [path for path in paths if _is_url(path)]


def _is_url(path: str) -> bool:
    found = _URL.fullmatch(path)
    return found is not None and int(found[1] or 0) <= _LAST_PORT


def fid_of(path: str) -> str | None:
    """Return the number of the file that a URL on a storage node is of.

    Trackers make these URLs, of ``/dev<device>/0/000/012/0000012345.fid``.
    """
    found = _FID.search(path)
    return found[1] if found else None
