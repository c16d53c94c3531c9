"""GridFS: documents that other programs have written."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from hypothesis import strategies as st

from storages.backends.gridfs import documents
from tests.fuzz.making import changed_json, fuzz

NOW = datetime(2024, 2, 29, 12, 34, 56, tzinfo=timezone.utc)
DOCUMENT = {
    "_id": "x",
    "filename": "d/a.txt",
    "length": 12,
    "chunkSize": 261120,
    "uploadDate": NOW,
    "md5": "0" * 32,
    "contentType": "text/plain",
    "metadata": {"sha256": "0" * 64, "contentType": "text/plain"},
    documents.CLAIMS: ["0:d/a.txt", "1:d/a.txt"],
}


def test_documents() -> None:
    """What is not told is None or 0; nothing fails."""

    def check(document: Any) -> None:
        if not isinstance(document, dict) or "_id" not in document:
            return  # MongoDB has no such documents
        stat = documents.stat_of(document)
        assert type(stat.size) is int
        assert stat.size >= 0
        assert isinstance(stat.version, str)
        assert stat.modified is None or isinstance(stat.modified, datetime)
        assert stat.content_type is None or isinstance(stat.content_type, str)
        documents.is_name(document.get("filename"))

    odd = st.sampled_from([b"bytes", NOW, object(), {1: 2}, float("-inf"), 2**70])
    fuzz(
        changed_json(DOCUMENT)
        | st.builds(
            lambda key, value: {**DOCUMENT, key: value}, st.sampled_from(sorted(DOCUMENT)), odd
        ),
        check,
        quick=300,
        known=[{**DOCUMENT, "length": float("nan")}, {**DOCUMENT, "length": True}],
    )
