"""SFTP: the file of known hosts, and the messages of servers."""

from __future__ import annotations

import base64
import struct
from pathlib import Path

from hypothesis import strategies as st

from storages.backends.sftp import hostkeys, messages, reading
from storages.errors import PermissionDenied
from tests.fuzz.making import fuzz, mutated, mutated_bytes, ours

KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519" + bytes(36)).decode()
LINES = (
    f"h.example,10.0.0.1 ssh-ed25519 {KEY}",
    f"[h.example]:2222 ssh-ed25519 {KEY} comment",
    f"|1|aGVsbG8gd29ybGQhISEhISEhISE=|aGVsbG8gd29ybGQhISEhISEhISE= ssh-rsa {KEY}",
    f"*.example,!bad.example ssh-ed25519 {KEY}",
    f"@revoked * ssh-ed25519 {KEY}",
    f"@cert-authority *.example ssh-rsa {KEY}",
    "# comment",
)
PIECES = ("*", "?", "!", "[", "]", ",", "|", "|1|", "@", " ", "\t", "=", "#", "[a-", "**" * 20)


def test_lines_of_known_hosts() -> None:
    """A line is a key, or says nothing; whose key it is is told in time."""

    def check(drawn: tuple[str, str]) -> None:
        line, host = drawn
        key = hostkeys._parsed(line)
        if key is not None:
            assert key.is_for(host) in {True, False}
            hostkeys.fingerprint(key.blob)

    hosts = mutated(["h.example", "[h.example]:2222", "10.0.0.1"], PIECES)
    fuzz(
        st.tuples(mutated(LINES, PIECES), hosts),
        check,
        quick=300,
        known=[("a*" * 30 + f"b ssh-rsa {KEY}", "a" * 60), ("é|1|é|é ssh-rsa " + KEY, "é")],
        share=0.3,
    )


def test_files_of_known_hosts(tmp_path: Path) -> None:
    """Whatever is in the file: an unknown key is refused, or added so that it is known."""
    path = tmp_path / "known_hosts"
    blob = b"\0\0\0\x07ssh-rsa" + bytes(8)

    def check(drawn: tuple[bytes, str]) -> None:
        content, policy = drawn
        path.write_bytes(content)
        keys = hostkeys.HostKeys(str(path), "other.example", 22, policy)
        keys.kinds()
        ours(lambda: keys.check("ssh-rsa", blob))
        if policy == "accept-new" and blob in {key.blob for key in keys._known()}:
            keys.policy = "reject"
            keys.check("ssh-rsa", blob)

    content = st.lists(mutated_bytes([line.encode() for line in LINES]), max_size=3).map(b"\n".join)
    fuzz(st.tuples(content, st.sampled_from(hostkeys.POLICIES)), check, quick=150, share=0.2)
    path.write_text(f"other.example ssh-ed25519 {KEY}\n")
    try:
        hostkeys.HostKeys(str(path), "other.example", 22, "ignore").check("ssh-rsa", blob)
    except PermissionDenied:
        return
    raise AssertionError("another key was accepted")


def packed(flags: int, *fields: bytes) -> bytes:
    """Attributes, as they come."""
    return struct.pack(">I", flags) + b"".join(fields)


ATTRIBUTES = packed(13, struct.pack(">QIII", 12, 0o100644, 1_700_000_000, 1_700_000_000))
NAME = b"\0\0\0\x01a" + messages.string("-rw-r--r-- 1 o g 12 Jun  3 12:34 a") + ATTRIBUTES
BODIES = (
    ATTRIBUTES,
    struct.pack(">I", 1) + NAME,
    struct.pack(">I", 2) + NAME + NAME,
    struct.pack(">I", 4) + messages.string("Failure") + messages.string("en"),
    packed(0x80000000, struct.pack(">I", 1), messages.string("x"), messages.string("y")),
    packed(0x80000000, struct.pack(">I", 0xFFFFFFFF)),
    messages.string("handle"),
    struct.pack(">I", 0xFFFFFFFF),
)


def test_messages() -> None:
    """Whatever the bytes: what they say, or an error of ours; never more than there is."""

    def check(drawn: tuple[int, bytes]) -> None:
        kind, body = drawn

        def names() -> None:
            answer = messages.Answer(kind, body)
            for _ in range(answer.number()):
                assert len(answer.string()) <= len(body)
                answer.string()
                reading.described(answer.attributes())

        def attributes() -> None:
            found = messages.Answer(kind, body).attributes()
            reading.described(found)
            reading.judge(found)

        for act in (names, attributes):
            ours(act)
        ours(lambda: messages.Answer(kind, body).succeeded(), EOFError)
        name = messages.text(body)
        assert messages.string(name)[4:] == body

    fuzz(
        st.tuples(st.sampled_from([101, 102, 103, 104, 105, 201, 0]), mutated_bytes(BODIES)),
        check,
        quick=300,
        share=0.5,
    )
