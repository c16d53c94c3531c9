"""Asking trackers: the connections that the storage's threads share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from storages.backends.mogilefs.cluster import Cluster
from storages.backends.mogilefs.options import MogileFSOptions
from storages.backends.mogilefs.refusals import code_of, is_long, too_long
from storages.errors import Unavailable
from storages.libraries import library

__all__ = ["MogileFSTrackers"]


class MogileFSTrackers(MogileFSOptions):
    """The options, and the cluster that they name."""

    def _tracker(self, command: str, arguments: Mapping[str, Any], **how: Any) -> dict[str, str]:
        """Ask a tracker about the domain; see :meth:`Trackers.ask`."""
        asked = {"domain": self.domain, **arguments}
        try:
            return self._cluster.trackers.ask(command, asked, **how)
        except Unavailable as error:
            long = [key for name in ("key", "to_key") if is_long(key := str(asked.get(name, "")))]
            if code_of(error) is None or not long:
                raise
            raise too_long(long[0], error.message) from error

    @property
    def _cluster(self) -> Cluster:
        """The connections that the options and settings of this moment ask for."""
        wanted = tuple(self.trackers), self.connect_timeout, self.tracker_timeout
        known: tuple[Any, Cluster] | None = self.__dict__.get("_clusters")
        if known is None or known[0] != wanted:
            library("requests", self.extra)  # said at the first use, whatever it is
            made = wanted, Cluster(*wanted)
            if known is not None:
                known[1].trackers.close()
                self.__dict__["_clusters"] = made
            # Threads that begin together share one.
            known = self.__dict__.setdefault("_clusters", made)
        return known[1]

    def close(self) -> None:
        """Close the connections; the storage opens new ones when it is used again."""
        known = self.__dict__.get("_clusters")
        if known is not None:
            known[1].trackers.close()
        super().close()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_clusters"}
