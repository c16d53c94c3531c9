"""Content identifiers (CIDs): which texts are some, and what of a file's content they tell.

A CID names a hash, and of what: of the bytes themselves (``raw``), or of a block that holds them or
leads to others (``dag-pb``). https://github.com/multiformats/cid and, for the block,
https://github.com/ipfs/specs/blob/main/UNIXFS.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

__all__ = ["CID", "LEAF", "LENGTHS", "is_path", "parse", "root"]

#: The bytes that one block holds, as Kubo cuts files unless it is told otherwise.
LEAF = 256 * 1024
RAW, DAG_PB = 0x55, 0x70
SHA2_256 = 0x12
_SHA2_256_LENGTH = 32
#: No hash is longer than those of 512 bits.
_LONGEST_HASH = 64
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
#: The characters of a name, by the version.
LENGTHS = (46, 59)


@dataclass(frozen=True)
class CID:
    """What a CID says: its version, what was hashed (a multicodec), how, and the hash."""

    version: int
    codec: int
    algorithm: int
    digest: bytes

    @property
    def sha256(self) -> str | None:
        """The SHA-256 of the content itself, in hexadecimal; None when it is of something else."""
        if (self.codec, self.algorithm) != (RAW, SHA2_256):
            return None
        return self.digest.hex()

    def is_of_leaf(self, content: bytes) -> bool | None:
        """Tell whether this is the CID of ``content`` as a file of one block.

        None: it cannot be told, because it is hashed in a way that we do not know.
        """
        if self.algorithm != SHA2_256 or self.codec not in {RAW, DAG_PB}:
            return None
        block = content if self.codec == RAW else _leaf(content)
        return hashlib.sha256(block).digest() == self.digest


def parse(text: str) -> CID:
    """Return what the CID ``text`` says. Raises ValueError when it is none."""
    if len(text) == LENGTHS[0] and text.startswith("Qm"):
        algorithm, digest = _hash(_of_base(text, _BASE58))
        if (algorithm, len(digest)) != (SHA2_256, _SHA2_256_LENGTH):
            raise ValueError("not the hash of a CID of version 0")
        return CID(0, DAG_PB, algorithm, digest)
    version, rest = _number(_decoded(text))
    if version != 1:
        raise ValueError("not a CID of version 1")
    codec, rest = _number(rest)
    algorithm, digest = _hash(rest)
    return CID(1, codec, algorithm, digest)


def root(name: str) -> str:
    """Return the CID with which ``name`` begins, which may lead into a directory."""
    return name.partition("/")[0]


def is_path(name: str) -> bool:
    """Tell whether ``name`` is a CID, or a path that begins with one."""
    try:
        parse(root(name))
    except ValueError:
        return False
    return True


def _leaf(content: bytes) -> bytes:
    """Return the block of a small file: a dag-pb node with UnixFS data and without links."""
    size = _varint(len(content))
    # Type = File; the bytes, which an empty file has not; filesize.
    data = b"\x08\x02" + (b"\x12" + size + content if content else b"") + b"\x18" + size
    return b"\x0a" + _varint(len(data)) + data


def _decoded(text: str) -> bytes:
    """Return what ``text`` encodes; its first character says how (multibase)."""
    how, rest = text[:1], text[1:]
    try:
        if how in {"b", "B"} and rest == (rest.lower() if how == "b" else rest.upper()):
            return base64.b32decode(rest.upper() + "=" * (-len(rest) % 8))
        if how in {"f", "F"}:
            return bytes.fromhex(rest) if rest.isalnum() else b""
        if how == "u":
            padded = rest + "=" * (-len(rest) % 4)
            return base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not encoded as its first letter says") from error
    if how == "z":
        return _of_base(rest, _BASE58)
    if how == "k":
        return _of_base(rest, _BASE36)
    raise ValueError("not encoded in a way that we know")


def _of_base(text: str, alphabet: str) -> bytes:
    number = 0
    # Longer than any CID: not worth the time, which grows with its square.
    if not 0 < len(text) < 4 * _LONGEST_HASH:
        raise ValueError("not of the length of a CID")
    for letter in text:
        number = number * len(alphabet) + alphabet.index(letter)
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _hash(data: bytes) -> tuple[int, bytes]:
    """Return algorithm and digest of a multihash."""
    algorithm, rest = _number(data)
    length, digest = _number(rest)
    if length != len(digest) or not 0 < length <= _LONGEST_HASH:
        raise ValueError("not a hash of the length that it says")
    return algorithm, digest


def _number(data: bytes) -> tuple[int, bytes]:
    """Take an unsigned varint from the front of ``data``."""
    value = 0
    for position, byte in enumerate(data[:9]):
        value |= (byte & 0x7F) << (7 * position)
        if not byte & 0x80:
            return value, data[position + 1 :]
    raise ValueError("not a number")


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
