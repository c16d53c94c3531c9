"""MogileFS's protocol, with a scripted tracker: what is sent, and which answers are understood."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import pytest

from storages.backends.mogilefs.tracker import Trackers
from storages.errors import AlreadyExists, NotFound, StorageError, Timeout, Unavailable
from tests.servers.process import HOST


class Scripted:
    """A tracker that answers each line with the next of ``answers``; half a line closes."""

    def __init__(self, *answers: bytes) -> None:
        self.lines: list[bytes] = []
        self._answers = list(answers)
        self._listener = socket.create_server((HOST, 0))
        self.address = f"{HOST}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join(30)

    def _run(self) -> None:
        while self._answers:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as file:
                for line in file:
                    self.lines.append(line)
                    answer = self._answers.pop(0) if self._answers else b""
                    with contextlib.suppress(OSError):
                        connection.sendall(answer)
                    if not answer.endswith(b"\n"):
                        break


def asked(*answers: bytes, seconds: float = 30.0, **arguments: Any) -> Any:
    """Ask a tracker with such answers; return what it told, and the line that it was sent."""
    with Scripted(*answers) as tracker:
        trackers = Trackers([tracker.address], 5, seconds)
        try:
            told = trackers.ask("file_info", arguments, again=False)
        finally:
            trackers.close()
    return told, tracker.lines[0]


def test_what_is_sent() -> None:
    """UTF-8, percent-encoded; nothing in it can end the line."""
    _, line = asked(b"OK \r\n", domain="d", key="a b&c=d/\r\né+%", size=None, noverify=1)
    assert line == (
        b"file_info domain=d&key=a+b%26c%3Dd%2F%0D%0A%C3%A9%2B%25&noverify=1&callid=1\r\n"
    )


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"OK \r\n", {}),
        (b"OK\n", {}),
        (b"OK length=1&fid=2\r\n", {"length": "1", "fid": "2"}),
        (b"OK length=1&callid=1\r\n", {"length": "1"}),
        (b"OK 19 length=1&fid=2\r\n", {"length": "1", "fid": "2"}),
        (b"OK key=a+b%26%C3%A9\r\n", {"key": "a b&é"}),
        (b"OK key=%FF\r\n", {"key": "\udcff"}),
        (b"OK key=\xc3\xa9\r\n", {"key": "é"}),
    ],
)
def test_what_is_understood(answer: bytes, told: dict[str, str]) -> None:
    """The forms that answers have had."""
    assert asked(answer)[0] == told


@pytest.mark.parametrize(
    "answer", [b"", b"hello\r\n", b"\r\n", b"OK", b"ERR\r\n", b"OK callid=7\r\n", b"\x00\xff\n"]
)
def test_what_is_not_understood(answer: bytes) -> None:
    """What is no answer, or that of somebody else, is no success."""
    with pytest.raises(Unavailable, match="No answer to file_info"):
        asked(answer)


def test_errors_are_understood() -> None:
    """With words, without, with an echo that is right or wrong."""
    with pytest.raises(StorageError, match=r"Domain name invalid/not found \(unreg_domain\)"):
        asked(b"ERR unreg_domain Domain+name+invalid/not+found\r\n")
    with pytest.raises(NotFound, match=r"unknown key \(unknown_key\)"):
        asked(b"ERR unknown_key unknown_key 1\r\n")
    with pytest.raises(StorageError, match="no new error"):
        asked(b"ERR no_new_error\r\n")
    with pytest.raises(Unavailable, match="not asked"):
        asked(b"ERR unknown_key unknown_key 2\r\n")


def test_both_answers_to_a_refused_rename() -> None:
    """ERR counts; the OK behind it is nobody's."""
    with Scripted(b"ERR key_exists x 1\r\nOK \r\n", b"", b"OK fid=2\r\n") as tracker:
        trackers = Trackers([tracker.address], 5, 30)
        with pytest.raises(AlreadyExists):
            trackers.ask("rename", {}, again=False)
        assert trackers.ask("file_info", {}) == {"fid": "2"}
        trackers.close()


def test_what_comes_unasked_is_nobodys_answer() -> None:
    """A connection on which something waits is not used."""
    with Scripted(b"OK fid=1\r\nOK fid=9\r\n", b"OK fid=2\r\n") as tracker:
        trackers = Trackers([tracker.address], 5, 30)
        assert trackers.ask("file_info", {}) == {"fid": "1"}
        assert trackers.ask("file_info", {}) == {"fid": "2"}
        trackers.close()


def test_an_answer_that_comes_by_and_by() -> None:
    """All of it has to come in time, not each byte."""
    listener = socket.create_server((HOST, 0))
    done = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            while not done.wait(0.1):
                try:
                    connection.sendall(b"O")
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    trackers = Trackers([f"{HOST}:{listener.getsockname()[1]}"], 5, 0.5)
    started = time.monotonic()
    with listener, pytest.raises(Timeout):
        trackers.ask("file_info", {})
    assert time.monotonic() - started < 10
    trackers.close()
    done.set()
    thread.join(30)


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded."""
    monkeypatch.setattr("storages.backends.mogilefs.tracker._LONGEST", 100_000)
    with pytest.raises(Unavailable, match="does not end"):
        asked(b"OK " + b"x" * 1_000_000)
