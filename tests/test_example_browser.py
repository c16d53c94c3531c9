"""The demo in a real browser: Debian's Chromium uses the pages as a person does."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from example.browser import Site, browser, chromium, demo_site

BIG = 50 * 1024 * 1024
# The upload is read, stored and listed in blocks: the server may not grow with the file.
SERVER_GROWTH = 32 * 1024 * 1024
SIZES = {"small phone": (320, 640), "phone": (390, 844), "desktop": (1280, 800)}
# Notes each value of each progress bar, from the moment that the bar appears.
WATCH_BARS = """() => {
    window.seen = {};
    new MutationObserver((changes) => {
        for (const { target, type } of changes) {
            if (type !== "attributes" || target.tagName !== "PROGRESS") continue;
            (window.seen[target.getAttribute("aria-label")] ??= []).push(target.value);
        }
    }).observe(document.querySelector("[data-progress]"),
               { attributes: true, attributeFilter: ["value"], subtree: true });
}"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run the demo; afterwards, nothing in its terminal tells of a failure."""
    with demo_site(tmp_path_factory.mktemp("example") / "var") as running:
        yield running
        printed = running.printed
        for sign in ("Traceback", "Warning", "ERROR", "Exception"):
            assert sign not in printed, printed


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    """Start the browser once."""
    with browser() as running:
        yield running


@pytest.fixture
def context(started: Browser) -> Iterator[BrowserContext]:
    """Give each test cookies of its own; no page may log an error in the console."""
    context = started.new_context()
    context.set_default_timeout(15_000)
    problems: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            problems.append(f"{message.page and message.page.url}: {message.text}")

    context.on("console", note)
    context.on("weberror", lambda error: problems.append(str(error.error)))
    yield context
    context.close()
    assert not problems


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Open a window."""
    return context.new_page()


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Take a photo: noise, so that it is as large as one."""
    path = tmp_path_factory.mktemp("photo") / "holiday photo.jpg"
    Image.frombytes("RGB", (800, 600), random.Random(1).randbytes(800 * 600 * 3)).save(path)
    return path


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make 50 MB of random bytes."""
    path = tmp_path_factory.mktemp("big") / "film.bin"
    path.write_bytes(random.Random(2).randbytes(BIG))
    return path


def upload(page: Page, *files: Path) -> None:
    """Choose files by the page's input, and wait until each is stored or refused."""
    page.get_by_label("choose files").set_input_files(files)
    expect(page.locator("[data-progress] li:is(.done, .failed)")).to_have_count(len(files))


def downloaded(page: Page, name: str) -> bytes:
    """Click a file's download button and return what arrives."""
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download {name}", exact=True).click()
    assert waiting.value.suggested_filename == name
    return Path(waiting.value.path()).read_bytes()


def delete(page: Page, name: str) -> None:
    """Click a file's delete button, and see the page say so."""
    page.get_by_role("button", name=f"Delete {name}", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text(f"“{name}” is deleted.")


@contextmanager
def slow_uploads(page: Page, bytes_per_second: float) -> Iterator[None]:
    """Give the page a network on which a person would look at the bar."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    network = {"offline": False, "latency": 0, "downloadThroughput": -1}
    try:
        devtools.send(
            "Network.emulateNetworkConditions", {**network, "uploadThroughput": bytes_per_second}
        )
        yield
    finally:
        devtools.send("Network.emulateNetworkConditions", {**network, "uploadThroughput": -1})
        devtools.detach()


def peak_memory(pid: int) -> int:
    """Return the most memory that a process ever held, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM in /proc")


def test_a_photo_and_a_big_file_come_back(site: Site, page: Page, photo: Path, big: Path) -> None:
    """Both are stored in the database with a moving bar, come back byte for byte, and go."""
    page.goto(f"{site.address}/storage/default/")
    upload(page, photo)
    shown = page.get_by_role("img", name=f"Preview of {photo.name}")
    expect(shown).to_be_visible()
    page.wait_for_function("image => image.complete", arg=shown.element_handle())
    assert shown.evaluate("image => image.naturalWidth") == 800

    before = peak_memory(site.pid)
    page.reload()
    page.evaluate(WATCH_BARS)
    with slow_uploads(page, 40e6):
        upload(page, big)
    expect(page.get_by_text(f"“{big.name}” is stored.")).to_be_visible()
    values = page.evaluate("window.seen")[f"Upload of {big.name}"]
    assert values == sorted(values)
    assert values[-1] == 100
    assert len({value for value in values if 0 < value < 100}) >= 5, values

    assert downloaded(page, photo.name) == photo.read_bytes()
    assert downloaded(page, big.name) == big.read_bytes()
    assert peak_memory(site.pid) - before < SERVER_GROWTH
    delete(page, big.name)
    delete(page, photo.name)
    expect(page.get_by_text("Nothing yet.")).to_be_visible()


def test_files_can_be_dropped(site: Site, page: Page, tmp_path: Path) -> None:
    """Files dragged onto the area are stored once each; beside it they do no harm."""
    page.goto(f"{site.address}/storage/disk/")
    paths = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for path in paths:
        path.write_text(path.name)
    box = page.locator("form[data-upload]").bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    inside = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    for place in ({"x": 5, "y": box["y"]}, inside):
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})
    expect(page.locator("[data-progress] .done")).to_have_count(2)
    expect(page.locator(".files li")).to_have_count(2)
    assert downloaded(page, "two.txt") == b"two.txt"


def test_an_upload_can_be_cancelled(site: Site, page: Page, big: Path) -> None:
    """A cancelled upload leaves nothing, and the next one works."""
    page.goto(f"{site.address}/storage/overwrite/")
    with slow_uploads(page, 5e6):
        page.get_by_label("choose files").set_input_files(big)
        expect(page.locator("output")).to_contain_text("%")
        page.get_by_role("button", name=f"Cancel {big.name}").click()
        expect(page.get_by_role("alert")).to_contain_text("was cancelled")
    page.reload()
    expect(page.get_by_text("Nothing yet.")).to_be_visible()
    upload(page, big)
    expect(page.get_by_text(f"“{big.name}” is stored.")).to_be_visible()
    delete(page, big.name)


def test_a_non_image_is_refused_with_a_message(
    site: Site, page: Page, photo: Path, tmp_path: Path
) -> None:
    """The image storage takes the photo of two files, and says what is wrong with the other."""
    text = tmp_path / "letter.png"
    text.write_text("This is no picture.")
    page.goto(f"{site.address}/storage/image/")
    upload(page, text, photo)
    expect(page.get_by_role("alert")).to_have_text(
        f"“{text.name}” was not stored: The content is not an image."
    )
    expect(page.locator(".files .name")).to_have_text([photo.name])
    delete(page, photo.name)


def test_odd_names_work(site: Site, page: Page, tmp_path: Path) -> None:
    """A name with characters that mean something in URLs and HTML survives the round trip."""
    path = tmp_path / "#1 100% o'brien & “Söhne”?.txt"
    path.write_text("odd")
    page.goto(f"{site.address}/storage/default/")
    upload(page, path)
    with page.expect_download() as waiting:
        page.get_by_role("link", name=f"Download {path.name}", exact=True).click()
    assert Path(waiting.value.path()).read_text() == "odd"
    delete(page, path.name)


def test_it_works_without_javascript(
    site: Site, started: Browser, photo: Path, tmp_path: Path
) -> None:
    """The plain form stores several files, tells about each, and links and buttons do the rest."""
    text = tmp_path / "plain.txt"
    text.write_text("no script")
    with started.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{site.address}/storage/default/")
        page.get_by_label("choose files").set_input_files([photo, text])
        page.get_by_role("button", name="Upload").click()
        for path in (photo, text):
            expect(page.get_by_text(f"“{path.name}” is stored.")).to_be_visible()
            assert downloaded(page, path.name) == path.read_bytes()
        for path in (photo, text):
            delete(page, path.name)
        page.goto(f"{site.address}/storage/image/")
        page.get_by_label("choose files").set_input_files(text)
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("alert")).to_contain_text("was not stored:")


def test_a_sample_becomes_a_link(site: Site, page: Page) -> None:
    """The symlink storage's button links to the samples' folder, and the link can be downloaded."""
    page.goto(f"{site.address}/storage/symlinkorcopy/")
    page.get_by_label("No file at hand?").select_option("note.txt")
    page.get_by_role("button", name="Import from").click()
    sample = site.var / "samples" / "note.txt"
    expect(page.locator(".target")).to_have_text(f"→ {sample}")
    assert downloaded(page, "note.txt") == sample.read_bytes()
    delete(page, "note.txt")
    assert sample.exists()


def test_side_by_side(site: Site, page: Page, photo: Path) -> None:
    """One upload is shown as each storage named it, with the same bytes everywhere."""
    page.goto(f"{site.address}/compare/")
    page.get_by_label("A file for all of them").set_input_files(photo)
    page.get_by_role("button", name="Store everywhere").click()
    expect(page.get_by_role("row")).to_have_count(7)
    expect(page.get_by_text("✓ yes")).to_have_count(6)
    sha1 = hashlib.sha1(photo.read_bytes()).hexdigest()
    expect(page.get_by_role("row", name="Hash path")).to_contain_text(sha1)
    for link in page.locator("td a").all():
        with page.expect_download() as waiting:
            link.click()
        assert Path(waiting.value.path()).read_bytes() == photo.read_bytes()


def test_the_admin_form_stores_in_three_storages(site: Site, page: Page, photo: Path) -> None:
    """The printed password opens the admin, whose form stores files where the fields say."""
    page.goto(f"{site.address}/admin/")
    page.get_by_label("Username:").fill("demo")
    page.get_by_label("Password:").fill(site.password)
    page.get_by_role("button", name="Log in").click()
    page.goto(f"{site.address}/admin/uploads/document/add/")
    page.get_by_label("Title:").fill("From the admin")
    for field in ("attachment", "photo", "badge"):
        # By name: since Django 6.0 a file's label is the legend of a fieldset.
        page.locator(f"input[type=file][name={field}]").set_input_files(photo)
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    for place in ("default", "image", "overwrite"):
        with page.expect_download() as waiting:
            page.locator(f"a[href^='/storage/{place}/files/']").click()
        assert Path(waiting.value.path()).read_bytes() == photo.read_bytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_wider_than_the_window(
    site: Site, context: BrowserContext, tmp_path: Path, size: str, scheme: str
) -> None:
    """Also with a name that nobody can wrap, nothing has to be scrolled sideways."""
    long = tmp_path / ("w" * 180 + ".txt")
    long.write_text("long")
    page = context.new_page()
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(f"{site.address}/storage/default/")
    upload(page, long)
    page.goto(f"{site.address}/compare/")
    page.get_by_label("A file for all of them").set_input_files(long)
    page.get_by_role("button", name="Store everywhere").click()
    page.get_by_role("table").first.wait_for()
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    pages = ("", "compare/", "storage/default/", "storage/hashpath/", "storage/image/")
    for path in pages:
        page.goto(f"{site.address}/{path}")
        widths = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert widths == [width, width], path


def test_every_control_has_a_name_and_the_keyboard_reaches_it(site: Site, page: Page) -> None:
    """Inputs have labels, pictures have texts, and the keys alone get to the file chooser."""
    # From the start: Playwright catches no chooser that opens just after it begins to listen.
    page.on("filechooser", lambda _: None)
    page.goto(f"{site.address}/storage/default/")
    unnamed = page.evaluate(
        """[...document.querySelectorAll("input:not([type=hidden]), select, button")]
           .filter(e => !e.labels?.length && !e.textContent.trim()
                        && !e.getAttribute("aria-label"))
           .map(e => e.outerHTML)"""
    )
    assert unnamed == []
    assert page.locator("img:not([alt])").count() == 0
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.get_by_label("choose files").focus()
    with page.expect_file_chooser():
        page.keyboard.press("Enter")


def test_without_chromium_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without the browser hears what to install; nothing is skipped."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RuntimeError, match="apt-get install chromium"):
        chromium()


def test_the_server_ends_with_its_block(tmp_path: Path) -> None:
    """The demo's process is gone after the block, also when the block fails."""
    running: list[int] = []

    def fail() -> None:
        with demo_site(tmp_path / "var") as site:
            running.append(site.pid)
            os.kill(site.pid, 0)  # it lives
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(ProcessLookupError):
        os.kill(running[0], 0)
