"""A real browser, Debian's Chromium, plays a film that a storage holds, and seeks in it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page

from example.browser import browser
from tests.servers.web import WebServer
from tests.serving import video
from tests.serving.project import Site

SECONDS = 90
FILM = video.webm(SECONDS)
# What the middle of the picture shows, as red, green, blue.
MIDDLE = """(video) => {
    const canvas = document.createElement("canvas");
    const picture = canvas.getContext("2d");
    picture.drawImage(video, 0, 0);
    return [...picture.getImageData(video.videoWidth / 2, video.videoHeight / 2, 1, 1).data];
}"""
SEEK = """(video, seconds) => new Promise((resolve, reject) => {
    video.onerror = () => reject(video.error.message);
    video.onseeked = () => resolve(video.currentTime);
    video.currentTime = seconds;
})"""
LOADED = """(video) => new Promise((resolve, reject) => {
    video.onerror = () => reject(video.error.message);
    video.onloadeddata = () => resolve(video.duration);
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) resolve(video.duration);
})"""


@pytest.fixture(scope="module", params=["database", "s3", "public"])
def path(request: pytest.FixtureRequest, site: Site) -> str:
    """Where the film is, stored three times."""
    return site.put(request.param, "film.webm", FILM)


@pytest.fixture(scope="module")
def started() -> Iterator[Browser]:
    """Start the browser once."""
    with browser() as running:
        yield running


@pytest.fixture
def page(started: Browser) -> Iterator[Page]:
    """A window that knows nothing of the films before."""
    with started.new_context() as context:
        context.set_default_timeout(30_000)
        yield context.new_page()


def shown(page: Page) -> tuple[int, ...]:
    """The colour of the film's picture."""
    red, green, blue, _ = page.locator("video").evaluate(MIDDLE)
    return red, green, blue


def test_it_seeks_in_a_film(server: WebServer, path: str, page: Page) -> None:
    """A seek fetches what is there, not what lies before, and that is the picture shown."""
    page.goto(f"{server.url}/watch?{urlencode({'src': path})}")
    film = page.locator("video")
    assert film.evaluate(LOADED) == SECONDS
    assert film.evaluate("video => [video.seekable.start(0), video.seekable.end(0)]") == [
        0,
        SECONDS,
    ]
    before = len(server.requests())
    for second in (75, 30):
        assert film.evaluate(SEEK, second + 0.5) == second + 0.5
        assert shown(page) == pytest.approx(video.colour(second), abs=12)
    asked = [
        int(answered["Content-Range"].removeprefix("bytes ").partition("-")[0])
        for answered in server.requests()[before:]
        if answered["path"] == path and answered["status"] == 206
    ]
    assert any(begin > len(FILM) // 2 for begin in asked), asked
    received = film.evaluate(
        "video => [...Array(video.buffered.length).keys()]"
        ".map(i => video.buffered.end(i) - video.buffered.start(i)).reduce((a, b) => a + b)"
    )
    assert received < SECONDS / 2  # most of the film was never sent


def test_it_opens_a_film_by_itself(server: WebServer, path: str, page: Page) -> None:
    """The page that the browser makes of it may fetch it, for all that it may not do."""
    page.goto(f"{server.url}{path}")
    assert page.locator("video").evaluate(LOADED) == SECONDS
