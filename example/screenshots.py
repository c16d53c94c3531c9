"""``python -m example.screenshots``: take the pictures that the documentation shows."""

from __future__ import annotations

import argparse
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, FilePayload

from example.browser import browser, demo_site

DESKTOP = (1200, 860)
PHONE = (390, 844)


@dataclass(frozen=True)
class Shot:
    """One picture: its file's name, the page, the window, the visitor's colours."""

    name: str
    path: str
    size: tuple[int, int]
    colours: Literal["light", "dark"] = "light"


SHOTS = (
    Shot("demo-desktop", "/storage/default/", DESKTOP),
    Shot("demo-phone", "/storage/default/", PHONE),
    Shot("demo-compare", "/compare/", DESKTOP),
    Shot("demo-dark", "/", DESKTOP, "dark"),
)


def main() -> None:
    """Fill a site of its own with samples and photograph it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", nargs="?", default="docs/images", type=Path)
    directory: Path = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="storages-example-") as var,
        demo_site(Path(var)) as site,
        browser() as chromium,
    ):
        fill(chromium, site.address, sorted((site.var / "samples").iterdir()))
        for shot in SHOTS:
            target = directory / f"{shot.name}.png"
            target.write_bytes(_shrunk(take(chromium, site.address, shot)))
            print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


def fill(chromium: Browser, address: str, files: list[Path]) -> None:
    """Store files in the default storage, and a JPEG that is called .png twice in every storage."""
    page = chromium.new_page()
    page.goto(f"{address}/storage/default/")
    page.get_by_label("choose files").set_input_files(files)
    page.locator(".progress .done").nth(len(files) - 1).wait_for()
    (photo,) = (path for path in files if path.suffix == ".jpg")
    renamed: FilePayload = {
        "name": "holiday.png",
        "mimeType": "image/png",
        "buffer": photo.read_bytes(),
    }
    page.goto(f"{address}/compare/")
    for count in (1, 2):
        page.get_by_label("A file for all of them").set_input_files(renamed)
        page.get_by_role("button", name="Store everywhere").click()
        page.get_by_role("table").nth(count - 1).wait_for()
    page.goto(f"{address}/storage/default/")
    page.get_by_role("button", name="Delete holiday.png").click()
    page.get_by_text("is deleted").wait_for()
    page.close()


def take(chromium: Browser, address: str, shot: Shot) -> bytes:
    """Return a PNG of the top of a page."""
    width, height = shot.size
    page = chromium.new_page(
        viewport={"width": width, "height": height},
        color_scheme=shot.colours,
        reduced_motion="reduce",
    )
    page.goto(address + shot.path, wait_until="networkidle")
    picture = page.screenshot()
    page.close()
    return picture


def _shrunk(png: bytes) -> bytes:
    output = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        image.convert("RGB").save(output, "PNG", optimize=True)
    return output.getvalue()


if __name__ == "__main__":
    main()
