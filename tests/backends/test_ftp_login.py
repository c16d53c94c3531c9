"""FTP: getting in, or not: greetings, TLS, passwords; and that nothing of it is shown."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress

import pytest

from storages.backends.ftp import FTPStorage
from storages.errors import PermissionDenied, StorageError, Timeout, Unavailable
from tests.backends.ftp_scripted import HOST, ScriptedFTP
from tests.backends.ftp_served import MLST


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        ("SSH-2.0-OpenSSH_9.2", "not FTP"),
        ("x" * 50_000, "does not end"),
        ("220-" + "\r\nx" * 100_000, "does not end"),
        ("421 Too many users.", "Too many"),
        ("", "not FTP"),
    ],
)
def test_what_is_no_ftp_server(greeting: str, expected: str) -> None:
    """Memory stays bounded, and the error says what came."""
    with socket.create_server((HOST, 0)) as listener:

        def greet() -> None:
            for _ in range(3):
                client, _ = listener.accept()
                with client, suppress(OSError):
                    client.sendall(greeting.encode() + b"\r\n")
                    client.recv(1)

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        storage = FTPStorage(f"ftp://{HOST}:{listener.getsockname()[1]}/", timeout=10.0)
        with pytest.raises(Unavailable, match=expected):
            storage.exists("a")
        thread.join(10)


def test_plain_text_between_answer_and_tls_is_refused() -> None:
    """What came before encryption was injected by somebody on the way."""
    scripts = {"AUTH": "234 Go on.\r\n230 Logged in."}
    with ScriptedFTP(MLST, scripts=scripts) as server:
        storage = FTPStorage(server.location, tls="explicit", timeout=5.0)
        with pytest.raises(Unavailable, match="between"):
            storage.exists("a")
        assert server.sent() == ["AUTH"] * 3


def test_tls_that_is_not_offered_is_an_error() -> None:
    """The password is not sent in clear text instead."""
    with ScriptedFTP(MLST, lacks=frozenset({"AUTH"})) as server:
        said: list[str] = []
        server.scripts["USER"] = lambda _, argument: said.append(argument)
        storage = FTPStorage(server.location, tls="explicit", timeout=5.0)
        with pytest.raises(StorageError, match="offers no TLS"):
            storage.exists("a")
        assert said == []


def test_implicit_tls_where_the_server_speaks_first() -> None:
    """The error says where to look."""
    with ScriptedFTP(MLST) as server:
        storage = FTPStorage(server.location, tls="implicit", timeout=5.0)
        with pytest.raises(Unavailable, match="FTP_STORAGE_TLS") as caught:
            storage.exists("a")
        assert isinstance(caught.value.__cause__, ssl.SSLError)


def test_a_server_that_greets_late_may_want_tls() -> None:
    """So the hint says."""
    with socket.create_server((HOST, 0)) as listener:
        storage = FTPStorage(f"ftp://{HOST}:{listener.getsockname()[1]}/", timeout=0.2)
        with pytest.raises(Timeout, match="FTP_STORAGE_TLS"):
            storage.exists("a")


def test_a_password_that_the_server_repeats_is_not_shown() -> None:
    """FTP-6: neither in the text nor in the cause, nor in a traceback."""
    scripts = {"PASS": lambda _, argument: f"530 {argument!r} is wrong."}
    with ScriptedFTP(MLST, scripts=scripts) as server:
        storage = FTPStorage(server.location.replace("secret", "pass%40word"), timeout=5.0)
        with pytest.raises(PermissionDenied) as caught:
            storage.exists("a")
        error: BaseException | None = caught.value
        while error is not None:
            assert "pass@word" not in f"{error} {error!r}"
            assert "pass%40word" not in f"{error} {error!r}"
            error = error.__cause__
        assert "530" in str(caught.value)
        assert "FTP_STORAGE_LOCATION" in caught.value.hint


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("530 Login incorrect.", PermissionDenied),
        ("430 Invalid username or password.", PermissionDenied),
        ("530 Too many connections for this user.", Unavailable),
        ("530 Non-anonymous sessions must use encryption.", PermissionDenied),
        ("332 Need account.", PermissionDenied),
    ],
)
def test_refused_logins(reply: str, expected: type[StorageError]) -> None:
    """Wrong credentials are not tried again; a full server is."""
    with ScriptedFTP(MLST, scripts={"PASS": reply}) as server:
        storage = FTPStorage(server.location, timeout=5.0)
        with pytest.raises(expected) as caught:
            storage.exists("a")
        assert len(server.sessions) == (3 if expected is Unavailable else 1)
        if "encryption" in reply:
            assert "TLS" in caught.value.hint


def test_a_password_that_cannot_be_encoded_is_shown_nowhere() -> None:
    """Python's own error has the whole command in it."""
    with ScriptedFTP() as server:
        location = f"ftp://user:geh\u20acim@{HOST}:{server.port}/"
        with (
            FTPStorage(location, encoding="latin-1") as storage,
            pytest.raises(StorageError, match="characters that latin-1") as caught,
        ):
            storage.exists("a.txt")
    error: BaseException | None = caught.value
    while error is not None:
        assert "geh" not in repr(error)
        error = error.__cause__ or error.__context__
