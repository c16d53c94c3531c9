"""A video that a browser can play and seek in, made without an encoder of videos.

A lossy WebP picture is a key frame of VP8. A WebM file is a tree of such frames, each told its
time, with an index (the cues) of where each second begins; it stands before the frames here, so
that a player that seeks need not look for it.
"""

from __future__ import annotations

import colorsys
import io
import random
import struct
from collections.abc import Iterator

from PIL import Image

WIDTH, HEIGHT = 320, 240
COLOURS = 12
# Element ids of Matroska (RFC 9559, section 5).
EBML = 0x1A45DFA3
SEGMENT = 0x18538067
INFO = 0x1549A966
TRACKS = 0x1654AE6B
CUES = 0x1C53BB6B
CLUSTER = 0x1F43B675


def element(number: int, *parts: bytes) -> bytes:
    """An element: its id, the length as eight bytes, the content."""
    content = b"".join(parts)
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (1 << 56 | len(content)).to_bytes(8, "big") + content


def integer(number: int, value: int) -> bytes:
    """An element that is a number, always eight bytes long: places are known before the values."""
    return element(number, value.to_bytes(8, "big"))


def colour(second: int) -> tuple[int, int, int]:
    """What the middle of the picture shows in that second: red, green, blue."""
    hue = second % COLOURS / COLOURS
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue, 1.0, 0.9))
    return red, green, blue


def frames() -> Iterator[bytes]:
    """Yield a VP8 key frame for each colour, with noise around it that makes it large."""
    for second in range(COLOURS):
        noise = random.Random(second).randbytes(WIDTH * HEIGHT * 3)
        picture = Image.frombytes("RGB", (WIDTH, HEIGHT), noise)
        middle = (WIDTH // 4, HEIGHT // 4, 3 * WIDTH // 4, 3 * HEIGHT // 4)
        picture.paste(colour(second), middle)
        written = io.BytesIO()
        picture.save(written, "WEBP", quality=80, method=0, exact=True)
        riff = written.getvalue()
        at = riff.index(b"VP8 ")
        length = int.from_bytes(riff[at + 4 : at + 8], "little")
        yield riff[at + 8 : at + 8 + length]


def webm(seconds: int, each_second: int = 4) -> bytes:
    """A silent film of ``seconds``; the picture changes its colour with each of them."""
    pictures = list(frames())
    header = element(
        EBML,
        integer(0x4286, 1),  # EBMLVersion
        integer(0x42F7, 1),  # EBMLReadVersion
        integer(0x42F2, 4),  # EBMLMaxIDLength
        integer(0x42F3, 8),  # EBMLMaxSizeLength
        element(0x4282, b"webm"),  # DocType
        integer(0x4287, 2),  # DocTypeVersion
        integer(0x4285, 2),  # DocTypeReadVersion
    )
    information = element(
        INFO,
        integer(0x2AD7B1, 1_000_000),  # TimestampScale: milliseconds
        element(0x4489, struct.pack(">d", seconds * 1000.0)),  # Duration
        element(0x4D80, b"storages"),  # MuxingApp
        element(0x5741, b"storages"),  # WritingApp
    )
    track = element(
        0xAE,  # TrackEntry
        integer(0xD7, 1),  # TrackNumber
        integer(0x73C5, 1),  # TrackUID
        integer(0x83, 1),  # TrackType: video
        integer(0x9C, 0),  # FlagLacing
        element(0x86, b"V_VP8"),  # CodecID
        element(0xE0, integer(0xB0, WIDTH), integer(0xBA, HEIGHT)),  # Video
    )
    clusters = []
    for second in range(seconds):
        blocks = [
            element(  # SimpleBlock: track 1, time within the cluster, a key frame
                0xA3,
                b"\x81",
                (at * 1000 // each_second).to_bytes(2, "big"),
                b"\x80",
                pictures[second % COLOURS],
            )
            for at in range(each_second)
        ]
        clusters.append(element(CLUSTER, integer(0xE7, second * 1000), *blocks))
    head = information + element(TRACKS, track)
    at = len(head) + len(_cues([0] * seconds))
    places = []
    for cluster in clusters:
        places.append(at)
        at += len(cluster)
    return header + element(SEGMENT, head, _cues(places), *clusters)


def _cues(places: list[int]) -> bytes:
    """Where in the segment each second's cluster is."""
    return element(
        CUES,
        *(
            element(
                0xBB,  # CuePoint
                integer(0xB3, second * 1000),  # CueTime
                element(0xB7, integer(0xF7, 1), integer(0xF1, place)),  # its track and cluster
            )
            for second, place in enumerate(places)
        ),
    )
