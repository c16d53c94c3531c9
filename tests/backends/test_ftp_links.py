"""FTP: symbolic links on real servers are what they lead to."""

from __future__ import annotations

import pytest

from storages.backends.ftp import FTPStorage
from storages.errors import NotADirectory, NotFound
from tests.servers import shared
from tests.servers.ftp import Proftpd, PureFtpd, Pyftpdlib, Vsftpd
from tests.servers.ftp_base import FTPServer


@pytest.mark.parametrize("kind", [Vsftpd, PureFtpd, Proftpd, Pyftpdlib])
def test_links_are_what_they_lead_to(kind: type[FTPServer]) -> None:
    """To a file, to a directory, to nothing and to itself; a listing shows the first two."""
    server = shared(kind)
    place = server.new_place()
    directory = server.file(place)
    (directory / "d").mkdir()
    (directory / "d" / "x").write_bytes(b"12")
    (directory / "f").write_bytes(b"123")
    for link, target in {"to-d": "d", "to-f": "f", "to-nothing": "none", "loop": "loop"}.items():
        (directory / link).symlink_to(target)
    with FTPStorage(**server.options(place)) as storage:
        directories, files = storage.listdir("")
        assert (sorted(directories), sorted(files)) == (["d", "to-d"], ["f", "to-f"])
        assert storage.size("to-f") == 3
        assert storage.size("to-d/x") == 2
        assert storage.listdir("to-d") == ([], ["x"])
        with storage.open("to-f") as file:
            assert file.read() == b"123"
        assert storage.exists("to-d")
        for name in ("to-nothing", "loop"):
            assert not storage.exists(name)
            with pytest.raises(NotFound):
                storage.open(name)
        with pytest.raises((NotADirectory, NotFound)):
            storage.listdir("to-f")
        storage.delete("to-f")
        storage.delete("to-d")
        assert (directory / "f").read_bytes() == b"123"
        assert (directory / "d" / "x").read_bytes() == b"12"
