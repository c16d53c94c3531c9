"""What scenes share whose server keeps files on a disk that is seen from here."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from storages.staging import is_temporary
from tests.faults.scenes.patience import Patient

__all__ = ["DiskScene"]

_AGE = 3600.0


class DiskScene(Patient):
    """A ``directory``, which ``open`` sets; orphans have the names of temporary files."""

    directory: Path

    def stored(self) -> dict[str, bytes]:
        """Every file but the temporary ones."""
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file() and not self._is_ours(path)
        }

    def put(self, files: Mapping[str, bytes]) -> None:
        """Write them, an hour ago: a file of this second might be replaced unnoticed."""
        owner = self.directory.stat()
        then = time.time() - _AGE
        for name, content in files.items():
            path = self.directory / name
            if not path.parent.exists():
                path.parent.mkdir()
                os.chown(path.parent, owner.st_uid, owner.st_gid)
            path.write_bytes(content)
            os.chown(path, owner.st_uid, owner.st_gid)
            os.utime(path, (then, then))

    def _is_ours(self, path: Path) -> bool:
        return any(is_temporary(part) for part in path.relative_to(self.directory).parts)

    def _temporary(self) -> list[Path]:
        return [path for path in self.directory.rglob("*") if is_temporary(path.name)]

    def orphans(self) -> int:
        """Temporary files, and locks, which are directories."""
        return len(self._temporary())

    def sweep(self) -> None:
        """Remove them."""
        for path in self._temporary():
            path.rmdir() if path.is_dir() else path.unlink()
