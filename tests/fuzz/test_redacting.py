"""Redacting: a secret is in no text that is shown, however it is written there."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, quote_plus

from hypothesis import strategies as st

from storages.options import option
from storages.redact import redacted
from storages.testing import MemoryStorage
from tests.fuzz.making import fuzz, mutated


class Secretive(MemoryStorage):
    """A storage with a secret."""

    password: str = option(default="", type=str, secret=True, help="The password.")


def test_secrets() -> None:
    """Neither as it is nor percent-encoded, wherever it stands."""

    def check(drawn: tuple[str, str, str]) -> None:
        secret, before, after = drawn
        storage: Any = Secretive(place="redacting", password=secret)
        for form in (
            secret,
            quote(secret, safe=""),
            quote(secret),
            quote_plus(secret),
            repr(secret),
        ):
            # What is beside it may be the same letters again.
            shown = redacted(f"<{before}>{form}<{after}>", storage)
            assert secret not in shown.replace("***", "\0")

    secrets = mutated(["hunter2", "p@ss w%rd/+", "p\\'\"&<é"]).filter(
        lambda text: (
            len(text) >= 3 and text.isprintable() and "*" not in text and not set(text) & set("<>")
        )
    )
    around = mutated(["ftp://u:", "@host/", "Authorization: Basic "])
    fuzz(st.tuples(secrets, around, around), check, quick=150)
