"""What the gateway tells of a file or directory (``?t=json``), read as it comes.

It is ``["filenode", {…}]``, ``["dirnode", {"children": {name: [kind, {…}], …}, …}]`` or
``["unknown", {}]``; a directory comes whole, however many children it has.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from storages.errors import Corrupt
from storages.told import understood

__all__ = ["Description"]

_SPACE = " \t\r\n"
_OF_NUMBERS = re.compile(r"[-+.0-9Ee]*")
#: Characters of one child: a name is short, and what is told of it.
_LONGEST = 1024 * 1024


class Description:
    """The kind of what was asked for, and what is told of it.

    ``read`` gives the next bytes of the answer, ``b""`` at its end. ``kind`` is read at once.
    """

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._parse = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._expect("[")
        self.kind = str(self._value())
        self._expect(",")

    def properties(self) -> dict[str, Any]:
        """Return what is told of a file."""
        found = self._value()
        if not isinstance(found, dict):
            raise Corrupt("The gateway's answer is not what it should be.")
        self._end()
        return found

    def children(self, others: dict[str, Any] | None = None) -> Iterator[tuple[str, str, Any]]:
        """Yield the name and kind of each child of a directory, and what is told of it.

        What is told of the directory itself is put into ``others``.
        """
        for key in self._keys():
            if key != "children":
                value = self._value()
                if others is not None:
                    others[key] = value
                continue
            for name in self._keys():
                with understood():
                    kind, told = self._value()
                yield name, kind, told
        self._end()

    def _keys(self) -> Iterator[str]:
        """Yield an object's keys; the value behind each is for the caller to take."""
        self._expect("{")
        if self._next() == "}":
            self._at += 1
            return
        while True:
            key = str(self._value())
            self._expect(":")
            yield key
            if self._next() == "}":
                self._at += 1
                return
            self._expect(",")

    def _value(self) -> Any:
        while True:
            if self._next():
                try:
                    value, end = self._parse(self._text, self._at)
                except ValueError:
                    pass
                except RecursionError as error:
                    raise Corrupt("The gateway's answer is not what it should be.") from error
                else:
                    # A number at the end of what has come may go on, "12" and "12." too.
                    behind = _OF_NUMBERS.match(self._text, end)
                    if (behind and behind.end() < len(self._text)) or not self._more():
                        self._at = end
                        return value
                    continue
            if len(self._text) - self._at > _LONGEST:
                raise Corrupt("The gateway's answer is not what it should be.")
            if not self._more():
                raise Corrupt("The gateway's answer breaks off.")

    def _expect(self, character: str) -> None:
        if self._next() != character:
            raise Corrupt("The gateway's answer is not what it should be.")
        self._at += 1

    def _end(self) -> None:
        """Require that the answer ends here: what goes on is not what it seemed."""
        self._expect("]")
        if self._next():
            raise Corrupt("The gateway's answer is not what it should be.")

    def _next(self) -> str:
        """Return the next character that is no space; "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on; False at the end."""
        block = self._read()
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise Corrupt("The gateway's answer is no text.") from error
        self._text = self._text[self._at :] + text
        self._at = 0
        return bool(block)
