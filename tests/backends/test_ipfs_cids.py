"""Content identifiers: which texts are some, and what they tell of the content."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storages.backends.ipfs import cids

CONTENT = b"hello world\n"
V0 = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"
#: The same content in one block of its own (raw), in version 1.
RAW = b"\x01\x55\x12\x20" + hashlib.sha256(CONTENT).digest()
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def in_base(data: bytes, alphabet: str) -> str:
    """Write ``data`` as a number; the zeros at its start count."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(alphabet))
        text = alphabet[digit] + text
    return alphabet[0] * (len(data) - len(data.lstrip(b"\0"))) + text


def base32(data: bytes) -> str:
    """As nodes write CIDs of version 1."""
    return "b" + base64.b32encode(data).decode().rstrip("=").lower()


SPELLINGS = {
    "base32": base32(RAW),
    "base32 upper": base32(RAW).upper(),
    "base58": "z" + in_base(RAW, BASE58),
    "base36": "k" + in_base(RAW, BASE36),
    "base16": "f" + RAW.hex(),
    "base64url": "u" + base64.urlsafe_b64encode(RAW).decode().rstrip("="),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_version_1(spelling: str) -> None:
    """A CID of version 1 is the same in each base that is in use."""
    cid = cids.parse(SPELLINGS[spelling])
    assert (cid.version, cid.codec) == (1, cids.RAW)
    assert cid.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert cid.is_of_leaf(CONTENT)
    assert cid.is_of_leaf(b"other") is False


def test_version_0() -> None:
    """A CID of version 0 is of a block that holds the content, not of the content itself."""
    cid = cids.parse(V0)
    assert (cid.version, cid.codec, cid.sha256) == (0, cids.DAG_PB, None)
    assert cid.is_of_leaf(CONTENT)
    assert cid.is_of_leaf(b"other") is False


def test_the_empty_file() -> None:
    """The best-known CID of all is that of the empty file."""
    assert cids.parse("QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH").is_of_leaf(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"\x01\x55\x1b\x20" + bytes(32),  # keccak-256
        b"\x01\x71\x12\x20" + bytes(32),  # dag-cbor
        b"\x01\x55\xa0\xe4\x02\x20" + bytes(32),  # blake2b-256
    ],
)
def test_a_foreign_hash_tells_nothing(data: bytes) -> None:
    """A CID of a kind that we do not compute is one all the same."""
    cid = cids.parse(base32(data))
    assert cid.sha256 is None
    assert cid.is_of_leaf(CONTENT) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.txt",
        "Qm",
        V0[:-1],
        V0 + "a",
        V0.replace("T", "0", 1),  # no letter of base58
        "z" + V0,
        "b",
        "b!",
        base32(RAW)[:-4],
        base32(b"\x02" + RAW[1:]),  # version 2
        base32(RAW + b"x"),
        base32(RAW[:3] + b"\x00"),
        base32(b"\x01\x55\x12\x7f" + bytes(127)),
        base32(b"\xff" * 40),
        "B" + base32(RAW)[1:],
        "f0",
        "fxyz",
        "f 01",
        "u==",
        "z" + "1" * 5000,
        "k" + "z" * 5000,
        "Qm" + "é" * 44,
    ],
)
def test_what_is_no_cid(text: str) -> None:
    """A text that is no CID is told apart, by ValueError alone."""
    with pytest.raises(ValueError):  # noqa: PT011 - that it is one is the fact
        cids.parse(text)
    assert not cids.is_path(text)
    assert not cids.is_path(f"{text}/{V0}")


@given(st.one_of(st.text(), st.from_regex(r"(Qm|[bBzkfFu])[A-Za-z0-9_=+-]{0,80}", fullmatch=True)))
def test_any_text_is_a_cid_or_a_value_error(text: str) -> None:
    """No text makes the parser fail in another way."""
    try:
        cid = cids.parse(text)
    except ValueError:
        return
    assert cid.version in {0, 1}


@given(st.binary(max_size=64), st.sampled_from([base32, lambda data: "f" + data.hex()]))
def test_any_bytes_are_a_cid_or_a_value_error(data: bytes, spelling: object) -> None:
    """Nor do any bytes."""
    try:
        cids.parse(spelling(data))  # type: ignore[operator]
    except ValueError:
        return
