"""Getting in: host keys, passwords, private keys, proxies; and that nothing of it is shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from django.core.files.base import ContentFile

from storages.backends.sftp.hostkeys import HostKeys, fingerprint
from storages.errors import OptionError, PermissionDenied, StorageError, Timeout, Unavailable
from storages.retry import NO_RETRY, deadline
from tests.backends.sftp_place import Place, as_root, place_on, shared_place
from tests.servers.process import HOST, find
from tests.servers.sshd import PASSWORD, Sshd


@pytest.fixture
def place() -> Iterator[Place]:
    """A new directory on the server."""
    with shared_place() as made:
        yield made


# ------------------------------------------------------------------ host keys

ONE, TWO = b"one", b"two"


def line(names: str, blob: bytes = ONE, kind: str = "ssh-ed25519", mark: str = "") -> str:
    """Return a line of the file."""
    return f"{mark}{names} {kind} {base64.b64encode(blob).decode()} comment\n"


def hashed(host: str) -> str:
    """Return a name as ssh-keygen -H leaves it."""
    salt = b"s" * 20
    digest = hmac.new(salt, host.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


def verdict(path: Path, host: str = "h.example", port: int = 22, blob: bytes = ONE) -> str:
    """Return what is said of a key: "" when it is accepted."""
    try:
        HostKeys(str(path), host, port, "reject").check("ssh-ed25519", blob)
    except PermissionDenied as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("h.example", "h.example", 22),
        ("h.example", "H.Example", 22),
        ("a,h.example,b", "h.example", 22),
        (hashed("h.example"), "h.example", 22),
        ("[h.example]:2222", "h.example", 2222),
        (hashed("[h.example]:2222"), "h.example", 2222),
        ("h.example", "h.example", 2222),  # as OpenSSH: the host's key, whatever the port
        ("*.example", "h.example", 22),
        ("?.example", "h.example", 22),
        ("[*.example]:2222", "h.example", 2222),
        ("::1", "::1", 22),
    ],
)
def test_the_lines_that_are_about_a_host(tmp_path: Path, names: str, host: str, port: int) -> None:
    """OpenSSH's file, in the forms that it has."""
    path = tmp_path / "known_hosts"
    path.write_text("# a comment\n\nnot a line\n" + line(names))
    assert verdict(path, host, port) == ""


@pytest.mark.parametrize(
    ("names", "host", "port"),
    [
        ("other", "h.example", 22),
        ("[h.example]:2222", "h.example", 22),
        ("[h.example]:2222", "h.example", 2223),
        ("*.example,!h.example", "h.example", 22),
        ("h[a-z]example", "h.example", 22),
        (hashed("other"), "h.example", 22),
        ("|1|broken", "h.example", 22),
    ],
)
def test_the_lines_that_are_about_another_host(
    tmp_path: Path, names: str, host: str, port: int
) -> None:
    """Then the host is unknown, and refused, with what there is to know."""
    path = tmp_path / "known_hosts"
    path.write_text(line(names))
    told = verdict(path, host, port)
    assert "is unknown" in told
    assert fingerprint(ONE) in told


def test_a_key_of_another_type_is_a_changed_key(tmp_path: Path) -> None:
    """A host that is known and comes with anything else is refused, under every policy."""
    path = tmp_path / "known_hosts"
    path.write_text(line("h.example", TWO, "ssh-rsa"))
    for policy in ("reject", "accept-new", "ignore"):
        with pytest.raises(PermissionDenied, match="somebody may be in between"):
            HostKeys(str(path), "h.example", 22, policy).check("ssh-ed25519", ONE)
    assert path.read_text() == line("h.example", TWO, "ssh-rsa")


def test_several_keys_of_a_host_are_all_good(tmp_path: Path) -> None:
    """A host has one of each type, or an old and a new one."""
    path = tmp_path / "known_hosts"
    path.write_text(line("h.example", TWO, "ssh-rsa") + line("h.example") + line("h.example", b"3"))
    assert verdict(path) == verdict(path, blob=TWO) == verdict(path, blob=b"3") == ""


def test_a_revoked_key_is_refused(tmp_path: Path) -> None:
    """Also when another line has it, and when the policy is to ignore what is unknown."""
    path = tmp_path / "known_hosts"
    path.write_text(line("h.example") + line("*", mark="@revoked "))
    assert "revoked" in verdict(path)
    with pytest.raises(PermissionDenied, match="revoked"):
        HostKeys(str(path), "elsewhere", 22, "ignore").check("ssh-ed25519", ONE)


def test_a_key_is_added_below_a_line_without_end(tmp_path: Path) -> None:
    """The file is appended to, once, and never rewritten."""
    path = tmp_path / "known_hosts"
    path.write_text("# mine\n" + line("other").rstrip())
    keys = HostKeys(str(path), "h.example", 2222, "accept-new")
    keys.check("ssh-ed25519", ONE)
    keys.check("ssh-ed25519", ONE)
    added = f"[h.example]:2222 ssh-ed25519 {base64.b64encode(ONE).decode()}"
    assert path.read_text().splitlines() == ["# mine", line("other").rstrip(), added]


def test_a_key_that_cannot_be_added_is_not_accepted(tmp_path: Path) -> None:
    """Else every key would be the first one."""
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    keys = HostKeys(str(in_the_way / "known_hosts"), "h.example", 22, "accept-new")
    with pytest.raises(StorageError):
        keys.check("ssh-ed25519", ONE)


class SeveralKeys(Sshd):
    """A server with a key of each type."""

    host_key_types = ("ed25519", "ecdsa", "rsa")


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
def test_the_server_is_asked_for_the_key_that_is_known(tmp_path: Path, kind: str) -> None:
    """Whatever type it is: a server shows one of its keys, the first that both have."""
    with SeveralKeys() as server, place_on(server) as place:
        (known,) = [it for it in server.known_hosts.read_text().splitlines() if kind in it]
        path = tmp_path / "known_hosts"
        path.write_text(known)
        assert not place.storage(known_host_file=path).exists("x")


# ------------------------------------------------------------------- secrets


@as_root
def test_a_wrong_password_is_shown_nowhere(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Not by the error, its causes, the logs, repr or deconstruct; and it is not tried again."""
    wrong = "wr0ng&Secret/ö"
    storage = place.storage(params={"key_filename": None, "password": wrong})
    log = place.server.log.stat().st_size
    with caplog.at_level(logging.DEBUG), pytest.raises(PermissionDenied) as caught:
        storage.exists("x")
    shown = [repr(storage), str(storage.deconstruct()), caplog.text]
    error: BaseException | None = caught.value
    while error is not None:
        shown += [str(error), repr(error)]
        error = error.__cause__
    assert all(wrong not in text for text in shown)
    assert place.server.username in shown[0]
    until = time.monotonic() + 20
    while b"Failed password" not in (told := place.server.log.read_bytes()[log:]):
        assert time.monotonic() < until
        time.sleep(0.02)
    assert told.count(b"Connection from") == told.count(b"Failed password") == 1


@as_root
def test_a_password_lets_in(place: Place) -> None:
    """Without keys and without an agent."""
    params = {"key_filename": None, "password": PASSWORD}
    place.storage(params=params).save("x.txt", ContentFile(b"x"))
    assert place.names() == ["x.txt"]


def key_with(tmp_path: Path, place: Place, kind: str, passphrase: str) -> Path:
    """Make another key that lets in."""
    path = tmp_path / f"key-{kind}"
    keygen = find("ssh-keygen", package="openssh-client")
    command = [keygen, "-q", "-t", kind, "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True)
    with (place.server.directory / "authorized_keys").open("a") as file:
        file.write(path.with_suffix(".pub").read_text())
    return path


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_private_key_may_be_a_text(place: Place, tmp_path: Path, kind: str) -> None:
    """Of each type, with a passphrase, with line ends written out as in a variable."""
    passphrase = "pass of the key"
    key = key_with(tmp_path, place, kind, passphrase).read_text()
    params: dict[str, Any] = {"key_filename": None, "passphrase": passphrase}
    for options in (
        {"private_key": key, "params": params},
        {"private_key": key.replace("\n", "\\n"), "params": params},
        {"params": {**params, "pkey": key}},
    ):
        storage = place.storage(**options)
        assert not storage.exists("x")
        storage.close()
        for text in (repr(storage), str(storage.deconstruct())):
            assert key.splitlines()[1] not in text
            assert passphrase not in text
    with pytest.raises((OptionError, PermissionDenied)) as caught:
        place.storage(
            private_key=key, params={"key_filename": None, "passphrase": "wrong one"}
        ).exists("x")
    assert "wrong one" not in str(caught.value)


def test_a_text_that_is_no_key_is_refused_and_not_shown(place: Place) -> None:
    """It is a mistake in the settings."""
    with pytest.raises(OptionError, match="private key") as caught:
        place.storage(private_key="no key at all", params={"key_filename": None}).exists("x")
    assert "no key at all" not in str(caught.value)


def test_nothing_to_log_in_with_is_said(place: Place) -> None:
    """It is no reason to try again."""
    with pytest.raises(PermissionDenied, match="key_filename"):
        place.storage(params={"key_filename": None}).exists("x")


# ------------------------------------------------------------------- the way

NETCAT = """
import socket, sys, threading, os
there = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def back():
    while data := there.recv(65536):
        os.write(1, data)
threading.Thread(target=back, daemon=True).start()
while data := os.read(0, 65536):
    there.sendall(data)
"""


def test_a_proxy_command_leads_to_the_server(place: Place, tmp_path: Path) -> None:
    """With %h, %p and %r filled in; the program ends with the connection."""
    program = tmp_path / "net cat.py"
    program.write_text(NETCAT)
    command = f"{sys.executable} '{program}' %h %p %r"
    storage = place.storage(params={"proxy_command": command})
    storage.save("x.txt", ContentFile(b"x" * 300_000))
    assert storage.size("x.txt") == 300_000
    with storage._pool.get() as connection:
        (wire,) = connection.before
        process = wire._sock._process
    assert process.args[-1] == place.server.username
    storage.close()
    assert process.returncode is not None


def test_a_proxy_command_that_is_no_program_is_refused(place: Place) -> None:
    """It is a mistake in the settings."""
    with pytest.raises(OptionError, match="proxy_command"):
        place.storage(params={"proxy_command": "/no/such/program"}).exists("x")


@pytest.mark.parametrize("form", ["text", "dict"])
def test_a_jump_host_leads_to_the_server(place: Place, form: str) -> None:
    """Both hosts show their keys; every connection is closed at the end."""
    with Sshd() as jump:
        known = place.server.directory / f"both-{form}"
        known.write_text(place.server.known_hosts.read_text() + jump.known_hosts.read_text())
        with (jump.directory / "authorized_keys").open("a") as file:
            file.write(place.server.key.with_suffix(".pub").read_text())
        through: Any = f"{jump.username}@{HOST}:{jump.port}"
        if form == "dict":
            through = {**jump.options()["params"], "hostname": HOST}
        storage = place.storage(params={"proxy_jump": through}, known_host_file=known)
        storage.save("x.txt", ContentFile(b"x" * 300_000))
        assert storage.size("x.txt") == 300_000
        assert jump.connections() == 1
        storage.close()
        unknown = place.storage(params={"proxy_jump": through})
        with pytest.raises(PermissionDenied, match=f"{jump.port}"):
            unknown.exists("x")


def test_a_socket_of_ones_own_leads_to_the_server(place: Place) -> None:
    """By a function, which opens one for each connection."""
    opened = []

    def sock() -> socket.socket:
        opened.append(socket.create_connection((HOST, place.server.port)))
        return opened[-1]

    storage = place.storage(params={"sock": sock})
    assert not storage.exists("x")
    storage.close()
    assert not storage.exists("x")
    storage.close()
    assert [it.fileno() for it in opened] == [-1, -1]


def test_a_transport_of_ones_own_is_used(place: Place) -> None:
    """Arguments of paramiko's connect reach it."""
    made = []

    def factory(*args: Any, **more: Any) -> Any:
        made.append(paramiko.Transport(*args, **more))
        return made[-1]

    storage = place.storage(params={"transport_factory": factory, "compress": True})
    assert not storage.exists("x")
    assert made


# -------------------------------------------------------------------- nobody


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that accepts connections and says nothing."""
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_is_given_up(place: Place, silent: int) -> None:
    """Within the time that connecting may take."""
    storage = place.storage(params={"port": silent}, connect_timeout=0.3)
    storage.retry = NO_RETRY
    with pytest.raises(Timeout, match=r"127\.0\.0\.1"):
        storage.exists("x")


def test_a_deadline_bounds_connecting(place: Place, silent: int) -> None:
    """Though it may take longer otherwise."""
    began = time.monotonic()
    with pytest.raises(Timeout), deadline(0.5):
        place.storage(params={"port": silent}, connect_timeout=60).exists("x")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("host", ["no-such-host.invalid", "127.0.0.1"])
def test_no_server_is_unavailable(place: Place, host: str) -> None:
    """A name that does not resolve, a port that nobody listens on."""
    storage = place.storage(host=host, params={"port": 1})
    storage.retry = NO_RETRY
    with pytest.raises(Unavailable):
        storage.exists("x")


def test_a_server_without_sftp_is_said_to_be_none(place: Place) -> None:
    """A web server, for example."""
    with socket.create_server((HOST, 0)) as server:

        def answer() -> None:
            with server.accept()[0] as client:
                client.recv(100)
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        storage = place.storage(params={"port": server.getsockname()[1]})
        storage.retry = NO_RETRY
        with pytest.raises(Unavailable):
            storage.exists("x")
        thread.join()
