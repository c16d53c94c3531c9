"""Serving files under WSGI: what a server may send by itself, which it does by the descriptor."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from django.core.files.storage import storages
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished
from django.http import HttpRequest
from django.test import RequestFactory, override_settings

from storages.errors import Corrupt
from storages.serving.bodies import BLOCK
from tests.serving_site import LARGE, SMALL, put, site


def in_capitals(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Be a middleware that changes what is streamed."""

    def middleware(request: HttpRequest) -> Any:
        response = get_response(request)
        response.streaming_content = (part.upper() for part in response.streaming_content)
        return response

    return middleware


@pytest.fixture(autouse=True)
def _site(tmp_path: Path) -> Iterator[None]:
    """A site with public, private and broken storages."""
    with site(tmp_path):
        yield


def environ(path: str, **more: Any) -> dict[str, Any]:
    """What a WSGI server gives, with a way to send files by itself."""
    return {**RequestFactory().get(path).environ, **more}


class Sent(FileWrapper):
    """Notes what a server could send by its descriptor."""

    def __init__(self, file: Any, block: int) -> None:
        super().__init__(file, block)
        self.file, self.block = file, block


def test_a_server_may_send_a_file_by_itself() -> None:
    """A whole file on this disk goes to ``wsgi.file_wrapper``, with a descriptor, at its start.

    What the server closes in the end is the response, and with it the file.
    """
    path = put("disk", "w.bin", LARGE)
    finished: list[object] = []
    result: Any = WSGIHandler()(environ(path, **{"wsgi.file_wrapper": Sent}), lambda *_: None)
    assert isinstance(result, Sent)
    file: Any = result.file
    descriptor = file.fileno()
    assert os.path.samestat(os.fstat(descriptor), Path(storages["disk"].path("w.bin")).stat())
    assert file.tell() == 0
    assert result.block == BLOCK
    assert b"".join(result) == LARGE
    request_finished.connect(lambda **_: finished.append(1), weak=False, dispatch_uid="test")
    try:
        result.close()
    finally:
        request_finished.disconnect(dispatch_uid="test")
    assert finished == [1]
    with pytest.raises(ValueError, match="closed file"):
        file.fileno()


def test_a_server_sends_as_much_as_was_announced() -> None:
    """Of a file that grows its old length; of one that was cut less, and then it fails."""
    path = put("disk", "w.bin", LARGE)
    file = Path(storages["disk"].path("w.bin"))
    given = {"wsgi.file_wrapper": Sent}
    longer: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    with file.open("ab") as other:
        other.write(b"more")
    assert b"".join(longer) == LARGE
    longer.close()
    shorter: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    os.truncate(file, 100_000)
    with pytest.raises(Corrupt):
        list(shorter)
    with pytest.raises(Corrupt):
        shorter.close()


@pytest.mark.parametrize("left", [0, 1, 100_000])
@pytest.mark.parametrize("when", ["before", "asked", "meanwhile"])
def test_a_server_that_sends_a_file_by_itself_notices_its_end(left: int, when: str) -> None:
    """``socket.sendfile`` does not: it would go on with the next answer on the same connection.

    Not even when it finds the file empty that had a descriptor and a length: closing it tells.
    """
    path = put("disk", "w.bin", LARGE)
    result: Any = WSGIHandler()(environ(path, **{"wsgi.file_wrapper": Sent}), lambda *_: None)
    name = storages["disk"].path("w.bin")
    if when == "asked":
        assert result.file.fileno() >= 0
    if when != "meanwhile":
        os.truncate(name, left)
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        theirs.settimeout(20)

        def taken() -> int:
            count = len(theirs.recv(1))
            os.truncate(name, left)
            while block := theirs.recv(BLOCK):
                count += len(block)
            return count

        def send() -> None:
            try:
                ours.sendfile(result.file, offset=0, count=len(LARGE))
            finally:
                ours.close()
                result.close()

        counted = pool.submit(taken)
        with pytest.raises(Corrupt, match="bytes early"):
            send()
        assert counted.result() < len(LARGE)
    with pytest.raises(ValueError, match="closed file"):
        result.file.fileno()


def test_a_file_that_has_been_sent_may_become_shorter() -> None:
    """Its client has it: nothing is wrong with the connection."""
    path = put("disk", "w.bin", LARGE)
    result: Any = WSGIHandler()(environ(path, **{"wsgi.file_wrapper": Sent}), lambda *_: None)
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        counted = pool.submit(lambda: len(theirs.recv(len(LARGE), socket.MSG_WAITALL)))
        assert ours.sendfile(result.file, offset=0, count=len(LARGE)) == len(LARGE)
        assert counted.result() == len(LARGE)
    os.truncate(storages["disk"].path("w.bin"), 0)
    result.close()


@pytest.mark.parametrize("given", [{"wsgi.file_wrapper": Sent}, {}])
def test_a_middleware_may_change_what_is_streamed(given: dict[str, Any]) -> None:
    """What a server then sends is that, not the file."""
    path = put("disk", "w.txt", b"small" * BLOCK)
    with override_settings(MIDDLEWARE=["tests.test_serving_wsgi.in_capitals"]):
        result: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    assert b"".join(result) == b"SMALL" * BLOCK
    result.close()


@pytest.mark.parametrize(
    ("alias", "content", "asked"),
    [("disk", LARGE, "bytes=1-"), ("disk", SMALL, ""), ("disk", b"", ""), ("memory", LARGE, "")],
)
def test_a_server_sends_no_part_by_itself(alias: str, content: bytes, asked: str) -> None:
    """Some servers take the file's length from the file."""
    path = put(alias, "w.bin", content)
    given: dict[str, Any] = {"wsgi.file_wrapper": Sent, **({"HTTP_RANGE": asked} if asked else {})}
    result: Any = WSGIHandler()(environ(path, **given), lambda *_: None)
    assert not isinstance(result, Sent)
    assert b"".join(result) == (content[1:] if asked else content)
    result.close()
