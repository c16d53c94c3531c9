"""Ranges and conditions are answered as the page beside nginx's answers says."""

from __future__ import annotations

from tests.serving.conformance import PAGE, ask_all


def test_the_page_says_what_the_servers_answer() -> None:
    """nginx, gunicorn and uvicorn are asked; ``python -m tests.serving.conformance`` writes it."""
    assert PAGE.read_text(encoding="utf-8") == ask_all()
