"""Tahoe-LAFS: descriptions of files and directories, capabilities, and what a gateway says."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from hypothesis import strategies as st

from storages.backends.tahoe import TahoeStorage, caps
from storages.backends.tahoe.listing import Description
from storages.retry import NO_RETRY
from tests.fuzz.making import fuzz, json_text, mutated, ours
from tests.fuzz.service import CONTENT, Service, Wrong, everything, wrong_answers
from tests.servers.http import Reply, Request

DIRECTORY = f"URI:DIR2:{'a' * 26}:{'b' * 52}"
FILE = f"URI:CHK:{'c' * 26}:{'d' * 52}:1:1:12"
LITERAL = "URI:LIT:nbswy3dp"
LINKED = {"metadata": {"tahoe": {"linkcrtime": 1700000000.5, "linkmotime": 1700000001.5}}}
NODE = {
    "format": "CHK",
    "mutable": False,
    "ro_uri": FILE,
    "verify_uri": f"URI:CHK-Verifier:{'c' * 26}:{'d' * 52}:1:1:12",
    "size": len(CONTENT),
    **LINKED,
}
TOP = [
    "dirnode",
    {
        "children": {
            "a": ["filenode", NODE],
            "d": ["dirnode", {"mutable": True, "ro_uri": DIRECTORY, "rw_uri": DIRECTORY, **LINKED}],
            "lit": ["filenode", {"ro_uri": LITERAL, "size": 5, "mutable": False}],
            "odd": ["unknown", {}],
        },
        "mutable": True,
        "rw_uri": DIRECTORY,
    },
]
DOCUMENTS: dict[str, Any] = {"file": ["filenode", NODE], "directory": TOP}
RIGHT = {
    **{kind: Reply(200, {}, json.dumps(body).encode()) for kind, body in DOCUMENTS.items()},
    "cap": Reply(200, {}, DIRECTORY.encode()),
    "changed": Reply(200, {}, FILE.encode()),
    "content": Reply(200, {"ETag": '"abc"', "Accept-Ranges": "bytes"}, CONTENT),
}


def kind_of(request: Request) -> str:
    """What is asked for."""
    path, _, query = request.path.partition("?")
    if request.method != "GET":
        return "changed"
    if "t=json" in query:
        end = unquote(path).rpartition("/")[2]
        return "directory" if end in {"d", "e"} or end.startswith("URI") else "file"
    return "cap" if "t=uri" in query else "content"


class Storage(TahoeStorage):
    """Asks once."""

    retry = NO_RETRY


def test_answers() -> None:
    """Each is understood, or is an error of ours."""
    with Service(RIGHT, kind_of) as service, Storage(service.url, DIRECTORY) as storage:

        def check(wrong: Wrong) -> None:
            with service.saying(wrong):
                everything(Shallow(storage))

        fuzz(
            wrong_answers(RIGHT, DOCUMENTS),
            check,
            quick=50,
            known=[Wrong("directory", b"\x80")],
            share=0.7,
        )
        assert service.met > 20


class Shallow:
    """A storage that is not walked: what it lists is below everything that it lists."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        if name in {"walk", "scantree"}:
            return lambda top: zip(range(5), getattr(self._storage, name)(top), strict=False)
        return getattr(self._storage, name)


def test_descriptions() -> None:
    """However the pieces come: what one piece tells, many do; or the error is ours."""

    def told(pieces: list[bytes]) -> Any:
        waiting = [*pieces, b""]
        found = Description(lambda: waiting.pop(0) if waiting else b"")
        if found.kind == "dirnode":
            others: dict[str, Any] = {}
            return found.kind, list(found.children(others)), others
        return found.kind, found.properties()

    def check(drawn: tuple[bytes, int]) -> None:
        text, length = drawn
        if len(text) > 5000:  # 50,000 nested lists
            length = max(length, 4096)
        pieces = [text[at : at + length] for at in range(0, len(text), length)]
        once, often = ours(lambda: told([text])), ours(lambda: told(pieces))
        assert repr(once) == repr(often)

    drawn = st.tuples(json_text(TOP, ["filenode", NODE]), st.integers(1, 40))
    known = [(b'[0.0, {"children": {}}]', 1), (b'["dirnode", {"children": {}}]\x80', 1)]
    fuzz(drawn, check, known=known, share=0.2)


def test_capabilities() -> None:
    """None is shown, and which is a directory's is told apart."""
    samples = [
        DIRECTORY,
        FILE,
        LITERAL,
        f"http://h/uri/{DIRECTORY}/a",
        DIRECTORY.replace(":", "%3A"),
    ]

    def check(text: str) -> None:
        caps.is_of_directory(text)
        for shown in (f"{text} {FILE}", f"{FILE} {text}"):
            assert FILE not in caps.without_caps(shown)
        caps.version({"verify_uri": text, "ro_uri": text})

    fuzz(mutated(samples, ("URI:", ":", "%3A", "-RO", "DIR2")), check, share=0.1)
