"""``requests``: HTTP as plain as it can be, for the services that have no client of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from benchmarks.sources import Source
from benchmarks.subjects import BLOCK, FEW, Subject, must

FOUND = 400  # from there on an answer is a refusal


class Requests(Subject):
    """A session. The setup has a method and a URL for each work that it can do."""

    def __init__(self, setup: dict[str, Any]) -> None:
        import requests

        self.setup = setup
        self.safe = setup.get("safe", "/")
        self.session = requests.Session()
        self.session.headers.update(setup.get("headers", {}))

    def ask(self, work: str, name: str, told: Mapping[str, str] | None = None, **more: Any) -> Any:
        """Send what that work needs."""
        if work not in self.setup:
            raise NotImplementedError
        method, url = self.setup[work]
        words = {"name": quote(name, safe=self.safe), "plain": name, **(told or {})}
        for word, value in words.items():
            url = url.replace(f"{{{word}}}", value)
        answer = self.session.request(method, url, timeout=120, **more)
        must(answer.status_code < FOUND, f"{work} ({answer.status_code})")
        return answer

    def save(self, name: str, source: Source) -> str:
        """PUT; or POST as a form, and be told the name."""
        with source.file() as file:
            body: Any = file if source.large else file.read()
            if self.setup.get("form"):
                answer = self.ask(
                    "save", name, files={"file": ("file", body, "application/octet-stream")}
                )
                told: str = answer.json()["Hash"]
                return told
            with self.ask("save", name, data=body) as answer:
                answer.content  # noqa: B018 - it is read
        return name

    def read(self, name: str) -> int:
        """GET."""
        with self.ask("read", name, stream=True) as answer:
            return sum(len(block) for block in answer.iter_content(BLOCK))

    def part(self, name: str, offset: int) -> int:
        """A ranged GET, where the service knows ranges, or what it has instead."""
        if "part" in self.setup:
            given = {"offset": str(offset), "length": str(FEW)}
            with self.ask("part", name, told=given) as answer:
                return len(answer.content)
        if self.setup.get("ranges") is False:
            raise NotImplementedError
        wanted = {"Range": f"bytes={offset}-{offset + FEW - 1}"}
        with self.ask("read", name, stream=True, headers=wanted) as answer:
            return len(answer.raw.read(FEW))

    def exists(self, name: str) -> bool:
        """HEAD, or what comes nearest."""
        with self.ask("exists", name) as answer:
            return bool(answer.status_code)

    def size(self, name: str) -> int:
        """The same, or a request that tells it."""
        with self.ask("sized" if "sized" in self.setup else "exists", name) as answer:
            if "size" not in self.setup:
                return int(answer.headers["Content-Length"])
            found = answer.json()
            for step in self.setup["size"]:
                found = found[step]
            return int(found)

    def list(self, name: str) -> int:
        """One request."""
        with self.ask("list", name) as answer:
            found = answer.json()
            for step in self.setup["listed"]:
                found = found[step]
            return len(found)

    def delete(self, name: str) -> None:
        """DELETE, where it needs to know no more than the name."""
        if "delete" in self.setup:
            self.ask("delete", name)

    def thread(self, number: int) -> Subject:
        """A connection of its own."""
        return Requests(self.setup) if number else self

    def close(self) -> None:
        """Disconnect."""
        self.session.close()
