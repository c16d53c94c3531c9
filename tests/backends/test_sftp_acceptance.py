"""The acceptance cases of the SFTP storage, SFTP-1 to SFTP-8, on a real server."""

from __future__ import annotations

import base64
import getpass
import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from django.core.files.base import ContentFile, File

from storages.errors import OptionError, PermissionDenied, StorageError, Unavailable
from tests.backends.sftp_place import Place, as_root, counted, place_on, shared_place
from tests.servers.sshd import JAILED, PASSWORD, UID, Sshd

MiB = 1024 * 1024


@pytest.fixture
def place() -> Iterator[Place]:
    """A new directory on the server."""
    with shared_place() as made:
        yield made


def mode(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("bits", [0o775, 0o2770, 0o700])
def test_sftp_1_dir_mode_counts_for_every_directory(place: Place, bits: int) -> None:
    """SFTP-1: also where the server's umask says otherwise, and for the root."""
    storage = place.storage(dir_mode=bits, file_mode=0o664)
    storage.save("a/b/c/x.txt", ContentFile(b"x"))
    for name in ("", "a", "a/b", "a/b/c"):
        assert mode(place.path / name) == bits, name
    assert mode(place.path / "a/b/c/x.txt") == 0o664


def test_sftp_1_directories_that_are_there_keep_their_mode(place: Place) -> None:
    """Only what is made gets the mode."""
    place.server.new_directory(place.root)
    place.path.chmod(0o750)
    place.storage(dir_mode=0o775).save("a/x.txt", ContentFile(b"x"))
    assert mode(place.path) == 0o750
    assert mode(place.path / "a") == 0o775


@as_root
def test_sftp_2_uid_and_gid_0_are_set(place: Place) -> None:
    """SFTP-2: zero is an id like another; the id that is not given stays as it was."""
    params = {"username": "root"}
    place.storage(params=params, gid=UID).save("of-group/x.txt", ContentFile(b"x"))
    found = (place.path / "of-group/x.txt").stat()
    assert (found.st_uid, found.st_gid) == (0, UID)
    # In such a directory, what is made gets the directory's group.
    os.chown(place.path, UID, UID)
    place.path.chmod(0o2755)
    place.storage(params=params, gid=0).save("zero/x.txt", ContentFile(b"x"))
    place.storage(params=params, uid=UID, gid=0).save("both/x.txt", ContentFile(b"x"))
    for name, uid in (("zero", 0), ("zero/x.txt", 0), ("both", UID), ("both/x.txt", UID)):
        found = (place.path / name).stat()
        assert (found.st_uid, found.st_gid) == (uid, 0), name


@as_root
def test_sftp_2_uid_0_is_refused_to_who_is_not_root(place: Place) -> None:
    """It is asked for, not passed over; then nothing is stored."""
    storage = place.storage(uid=0)
    place.storage().save("there.txt", ContentFile(b"x"))
    with pytest.raises(PermissionDenied):
        storage.save("x.txt", ContentFile(b"x"))
    assert place.names() == ["there.txt"]


def test_sftp_3_a_relative_root_that_is_missing_is_made_once(place: Place) -> None:
    """SFTP-3: below where the login begins, by the first save; before it, it is empty."""
    storage = place.storage(root_path=f"{place.root}/")
    assert storage.listdir("") == ([], [])
    assert storage.exists("")
    assert not storage.exists("x.txt")
    assert not place.path.exists()
    counted(storage)
    storage.save("x.txt", ContentFile(b"x"))
    assert counted(storage)["MKDIR"] == 1
    storage.save("y.txt", ContentFile(b"y"))
    assert "MKDIR" not in counted(storage)
    assert place.names() == ["x.txt", "y.txt"]


def test_sftp_3_nothing_above_the_root_is_made_or_looked_at(place: Place) -> None:
    """The error tells what is missing; nothing is tried above."""
    storage = place.storage(root_path=f"{place.root}/far/below")
    with pytest.raises(FileNotFoundError) as caught:
        storage.save("a/x.txt", ContentFile(b"x"))
    assert "root_path" in str(caught.value)
    assert not place.path.exists()
    place.server.new_directory(place.root)
    above = place.server.new_directory(f"{place.root}/far")
    storage.save("a/x.txt", ContentFile(b"x"))
    # Like a directory in which others live: one can go through, and neither look nor write.
    os.chown(above, 0, -1)
    above.chmod(0o711)
    place.path.chmod(0o711)
    storage.save("b/c/x.txt", ContentFile(b"x"))
    assert (above / "below/b/c/x.txt").read_bytes() == b"x"


@pytest.mark.parametrize("policy", ["reject", "accept-new", "ignore"])
def test_sftp_4_an_unknown_host_under_each_policy(
    place: Place, tmp_path: Path, policy: str
) -> None:
    """SFTP-4: refused; or accepted and added, once; or accepted and forgotten."""
    known = tmp_path / "of-ssh" / "known_hosts"
    storage = place.storage(known_host_file=known, host_key_policy=policy)
    line = place.server.known_hosts.read_text().split()
    if policy == "reject":
        with pytest.raises(PermissionDenied) as caught:
            storage.exists("x")
        told = str(caught.value)
        key = paramiko.Ed25519Key(data=base64.b64decode(line[2]))
        for part in (line[0], line[1], key.fingerprint, " ".join(line[:3]), str(known)):
            assert part in told
        assert not known.exists()
        return
    assert not storage.exists("x")
    if policy == "ignore":
        assert not known.exists()
        return
    assert known.read_text().split() == line[:3]
    assert known.stat().st_mode & 0o777 == 0o600
    again = place.storage(known_host_file=known, host_key_policy="accept-new")
    assert not again.exists("x")
    assert not place.storage(known_host_file=known).exists("x")
    assert len(known.read_text().splitlines()) == 1


@pytest.mark.parametrize("policy", ["reject", "accept-new", "ignore"])
def test_sftp_5_a_changed_host_key_is_refused_always(policy: str) -> None:
    """SFTP-5: under every policy; the file is left as it is, and nobody logs in."""
    with Sshd() as server, place_on(server) as place:
        storage = place.storage(host_key_policy=policy)
        assert not storage.exists("x")
        old = server.known_hosts.read_text()
        server.stop()
        server.new_host_keys()
        new = server.known_hosts.read_text().split()
        server.known_hosts.write_text(old)
        log = server.log.stat().st_size
        server.start()
        with pytest.raises(PermissionDenied) as caught:
            storage.exists("x")
        told = str(caught.value)
        for part in ("ssh-keygen -R", "SHA256:", " ".join(new[:3])):
            assert part in told
        assert server.known_hosts.read_text() == old
        assert b"Accepted" not in server.log.read_bytes()[log:]


class Terminal:
    """Somebody at the terminal, who answers the question for a password."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: str | None) -> None:
        self.questions: list[str] = []
        self.answer = answer
        monkeypatch.setattr(getpass, "getpass", self.ask)

    def ask(self, prompt: str = "") -> str:
        """Answer, or be away."""
        self.questions.append(prompt)
        if self.answer is None:
            raise EOFError
        return self.answer


WITHOUT_KEY: dict[str, Any] = {"key_filename": None}


@as_root
def test_sftp_6_the_password_is_asked_for_after_authentication_failed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SFTP-6: once, for all the connections of the storage, and kept to itself."""
    terminal = Terminal(monkeypatch, PASSWORD)
    storage = place.storage(params=WITHOUT_KEY, interactive=True)
    storage.save("x.txt", ContentFile(b"x"))
    assert terminal.questions == [f"Password of {place.server.username} on 127.0.0.1: "]
    storage.close()
    assert storage.exists("x.txt")
    assert len(terminal.questions) == 1
    assert "password" not in storage.params
    assert PASSWORD not in repr(storage)


@as_root
@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"params": {}}, None),  # the key lets in
        ({"params": {"key_filename": None, "password": "wrong"}}, PermissionDenied),
        ({"known_host_file": "/nowhere"}, PermissionDenied),
        ({"params": {"port": 1}}, Unavailable),
        ({"interactive": False, "params": WITHOUT_KEY}, PermissionDenied),
    ],
)
def test_sftp_6_it_is_asked_for_in_no_other_case(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    kind: type[StorageError] | None,
) -> None:
    """Not when it is not needed, is configured, would not help, or is not wanted."""
    terminal = Terminal(monkeypatch, PASSWORD)
    storage = place.storage(**{"interactive": True, **options})
    if kind is None:
        assert not storage.exists("x")
    else:
        with pytest.raises(kind):
            storage.exists("x")
    assert terminal.questions == []


@as_root
@pytest.mark.parametrize("answer", [None, "wrong-password"])
def test_sftp_6_a_wrong_answer_is_an_error(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: str | None
) -> None:
    """One that does not show what was typed; the next use asks again."""
    terminal = Terminal(monkeypatch, answer)
    storage = place.storage(params=WITHOUT_KEY, interactive=True)
    for times in (1, 2):
        with pytest.raises(PermissionDenied) as caught:
            storage.exists("x")
        assert "wrong-password" not in str(caught.value)
        assert len(terminal.questions) == times


def test_sftp_7_a_file_of_20_mb_streams(place: Place) -> None:
    """SFTP-7: from a source in pieces, back in pieces, and from the middle."""
    data = os.urandom(20 * MiB)
    storage = place.storage()
    name = storage.save("big.bin", File(io.BytesIO(data)))
    assert (place.path / name).read_bytes() == data
    with storage.open(name) as file:
        assert b"".join(file.chunks()) == data
        file.seek(10 * MiB + 1)
        assert file.read(100) == data[10 * MiB + 1 :][:100]
        file.seek(10)
        assert file.read() == data[10:]


def test_sftp_8_open_w_works(place: Place) -> None:
    """SFTP-8: what is written is stored, all of it, text too, and nothing when it is given up."""
    storage = place.storage()
    with storage.open("a/x.txt", "w") as text:
        for word in ("three ", "short ", "wörds"):
            text.write(word)
        assert not storage.exists("a/x.txt")
    assert (place.path / "a/x.txt").read_text() == "three short wörds"
    with storage.open("a/empty.txt", "w"):
        pass
    assert storage.size("a/empty.txt") == 0
    file: Any = storage.open("a/x.txt", "wb")
    file.write(b"half")
    file.abort()
    assert (place.path / "a/x.txt").read_text() == "three short wörds"
    assert place.names("a") == ["empty.txt", "x.txt"]


@as_root
def test_a_chroot_is_a_place_like_another(place: Place) -> None:
    """What the account sees as /data is the root."""
    storage = place.storage(root_path=f"/data/{place.root}", params={"username": JAILED})
    storage.save("a/x.txt", ContentFile(b"x"))
    assert (place.server.chroot / "data" / place.root / "a/x.txt").read_bytes() == b"x"
    storage.delete("a/x.txt")
    storage.delete("a")
    with pytest.raises(PermissionDenied):
        place.storage(root_path="/", params={"username": JAILED}).save("x", ContentFile(b"x"))


def test_a_key_file_that_is_missing_is_named(place: Place) -> None:
    """It is a mistake in the settings, not a missing file of the storage."""
    with pytest.raises(OptionError, match="/no/such/key"):
        place.storage(params={"key_filename": "/no/such/key"}).exists("x")
