"""Uploading: content goes to a storage node first, and is then given its key by a tracker."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from storages import retry
from storages.backends.mogilefs.asking import MogileFSTrackers
from storages.backends.mogilefs.cluster import checksum_for, number_in, places_of
from storages.backends.mogilefs.once import once
from storages.backends.mogilefs.refusals import code_of
from storages.errors import Corrupt, NotFound, StorageError, Unavailable
from storages.http import Body
from storages.staging import Source

__all__ = ["MogileFSUploads"]

#: How often content is sent that does not arrive as it was.
_SENDINGS = 2
#: Bytes that a tracker reads in a second, at the least, to compare a checksum.
_HASHED = 10 * 1024 * 1024
#: What create_close answers when a storage node has not kept what it was sent.
_NOT_KEPT = {"size_mismatch", "size_verify_error", "checksum_mismatch"}


@dataclass(frozen=True)
class _Upload:
    """Content on a storage node that has no key yet."""

    fid: str
    device: str
    path: str
    checksum: str | None


class MogileFSUploads(MogileFSTrackers):
    """What a storage stores files with."""

    def _store(self, key: str, name: str, source: Source) -> str:
        """Store the content for ``key`` under ``name``; return the number of the file.

        The tracker is told of ``key`` at once: it refuses one that it cannot keep.
        """
        for left in reversed(range(_SENDINGS)):
            upload = self._send_content(key, source)
            try:
                self._close_upload(name, upload, source.size)
            except BaseException as error:
                if code_of(error) in _NOT_KEPT:
                    self._cluster.node_failed(upload.path)
                # The tracker has thrown away what was damaged.
                if not left or not isinstance(error, Corrupt):
                    if name != key:
                        self._forget(name)
                    raise
            else:
                break
        return upload.fid

    def _send_content(self, key: str, source: Source) -> _Upload:
        """Send the content to the first of the storage nodes that takes it."""
        algorithm = self._cluster.hash_of(self.domain, self.mogile_class)
        body = Body(source, hash=algorithm)
        opened = self._tracker(
            "create_open",
            {
                "key": key,
                "class": self.mogile_class,
                "multi_dest": 1,
                # So that none is offered that has no room for it.
                "size": source.size or None,
            },
        )
        devices = {place.path: place.device for place in places_of(opened)}
        failure: StorageError | None = None
        for path in self._cluster.best_first(devices):
            upload = _Upload(str(number_in(opened, "fid")), devices[path], path, None)
            try:
                self._send_to(path, body)
            except StorageError as error:
                if source.failure is not None or retry.remaining() == 0:
                    self._discard(upload)
                    raise
                self._cluster.copy_failed(path, error)
                failure = error
            except BaseException:
                self._discard(upload)
                raise
            else:
                checksum = checksum_for(algorithm, body.hexdigest) if algorithm else None
                return _Upload(upload.fid, upload.device, path, checksum)
        raise failure or Unavailable("The tracker offers no storage node.")

    def _send_to(self, path: str, body: Body) -> None:
        self._ask("PUT", path, body=body, headers={"Content-Type": "application/octet-stream"})
        # To a tracker a length of 0 is one that it is not told.
        if not body.size and self._ask("HEAD", path).length != 0:
            raise Corrupt("The storage node has something where nothing was sent.")

    def _close_upload(self, name: str, upload: _Upload, size: int) -> None:
        """Give the content its key; the tracker compares what it can."""
        checked = {"checksum": upload.checksum, "checksumverify": 1} if upload.checksum else {}
        arguments = {
            "key": name,
            "fid": upload.fid,
            "devid": upload.device,
            "path": upload.path,
            "size": size,
            **checked,
        }
        longer = size / _HASHED if upload.checksum else 0.0
        once(
            self.retry,
            lambda: self._tracker("create_close", arguments, again=False, more_time=longer),
            lambda: self._is_stored(name, upload.fid),
        )

    def _forget(self, name: str) -> None:
        """Delete content whose key nobody else knows."""
        with retry.grace(), suppress(StorageError):
            self._tracker("delete", {"key": name})

    def _discard(self, upload: _Upload) -> None:
        """Let the tracker delete what was sent: an upload that is closed without a key."""
        arguments = {"fid": upload.fid, "devid": upload.device, "path": upload.path}
        with retry.grace(), suppress(StorageError):
            self._tracker("create_close", arguments, again=False)

    def _is_stored(self, key: str, fid: str | None = None) -> bool:
        """Tell whether there is a file of that key, and of that number where it is given."""
        try:
            return fid in (None, self._stat(key).version)
        except NotFound:
            return False
