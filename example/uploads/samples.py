"""Files to try the storages with, for whoever has none at hand."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageDraw

from example.paths import SAMPLES

_NOTE = """\
This is a plain text file.

The image storage refuses it; the hash path storage names it by its SHA-1;
the symlink storage links to it, because it lies in the folder of samples.
"""


def folder() -> Path:
    """Return the samples' folder, which the symlink storage may link into."""
    return SAMPLES


def available() -> list[str]:
    """Return the samples' names."""
    if not folder().is_dir():
        return []
    return sorted(path.name for path in folder().iterdir() if path.is_file())


def prepare() -> None:
    """Make the samples that are not there yet."""
    folder().mkdir(parents=True, exist_ok=True)
    makers = {"landscape.jpg": _landscape, "rings.png": _rings, "note.txt": _note}
    for name, make in makers.items():
        path = folder() / name
        if not path.exists():
            make(path)


def _note(path: Path) -> None:
    path.write_text(_NOTE, encoding="utf-8")


def _landscape(path: Path) -> None:
    """Paint hills before an evening sky."""
    width, height = 1200, 800
    image = Image.linear_gradient("L").resize((width, height))
    sky = Image.composite(
        Image.new("RGB", image.size, (255, 190, 120)),
        Image.new("RGB", image.size, (70, 100, 180)),
        image,
    )
    draw = ImageDraw.Draw(sky)
    draw.ellipse((780, 280, 940, 440), fill=(255, 236, 190))
    hills = (
        (480, 60, 310, (120, 110, 150)),
        (570, 50, 230, (80, 90, 125)),
        (660, 40, 170, (45, 65, 90)),
    )
    for base, rise, stretch, colour in hills:
        ridge = [
            (x, base + rise * math.sin(x / stretch) + rise / 3 * math.sin(x / stretch * 2.7 + base))
            for x in range(0, width + 10, 10)
        ]
        draw.polygon([*ridge, (width, height), (0, height)], fill=colour)
    sky.save(path, quality=88)


def _rings(path: Path) -> None:
    """Draw coloured rings."""
    image = Image.new("RGB", (400, 400), (250, 250, 252))
    draw = ImageDraw.Draw(image)
    colours = ((38, 84, 124), (239, 71, 111), (255, 209, 102), (6, 214, 160))
    for number, colour in enumerate(colours):
        inset = 20 + number * 45
        draw.ellipse((inset, inset, 400 - inset, 400 - inset), outline=colour, width=28)
    image.save(path)
