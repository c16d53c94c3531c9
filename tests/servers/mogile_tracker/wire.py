"""Lines of the tracker's protocol. Text here has one character for each byte (latin-1)."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping

Arguments = dict[str, str]
Answer = Mapping[str, object]

_UNSAFE = re.compile(r"[^A-Za-z0-9_,\-./\\: ]")
_ESCAPED = re.compile("%([0-9a-fA-F]{2})")
_NUMBER = re.compile(r"\s*(-?\d+)")

#: The text that goes with an error's code; with any other, the code itself does.
TEXTS = {
    "after_mismatch": "Pattern does not match the after-value?",
    "bad_params": "Invalid parameters to command; please see documentation",
    "class_exists": "That class already exists in that domain",
    "class_has_files": "Class still has files, unable to delete",
    "class_not_found": "Class not found",
    "db": "Database error",
    "domain_exists": "That domain already exists",
    "domain_has_files": "Domain still has files, unable to delete",
    "domain_not_found": "Domain not found",
    "failure": "Operation failed",
    "host_exists": "That host already exists",
    "host_mismatch": "The device specified doesn't belong to the host specified",
    "host_not_found": "Host not found",
    "invalid_mindevcount": "The mindevcount must be at least 1",
    "key_exists": "Target key name already exists; can't overwrite.",
    "no_class": "No class provided",
    "no_device": "Device not found",
    "no_devices": "No devices found to store file",
    "no_domain": "No domain provided",
    "no_host": "No host provided",
    "no_ip": "IP required to create host",
    "no_port": "Port required to create host",
    "no_temp_file": "No tempfile or file already closed",
    "nodel_default_class": "Cannot delete the default class",
    "none_match": "No keys match that pattern and after-value (if any).",
    "unknown_command": "Unknown server command",
    "unknown_host": "Host not found",
    "unknown_state": "Invalid/unknown state",
    "unreg_domain": "Domain name invalid/not found",
}


class RefusedError(Exception):
    """A command is answered with ``ERR code text``."""

    def __init__(self, code: str, text: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.text = TEXTS.get(code, code) if text is None else text


def escape(value: object) -> str:
    """Escape as the tracker does: few characters are left as they are."""
    return _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", str(value)).replace(" ", "+")


def unescape(text: str) -> str:
    """The bytes that ``text`` stands for."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text.replace("+", " "))


def arguments(text: str) -> Arguments:
    """``a=b&c=d``; a name that comes twice has both values, with a NUL between."""
    found: Arguments = {}
    for pair in filter(None, text.split("&")):
        name, *values = (unescape(part) for part in pair.split("="))
        value = values[0] if values else ""  # what stands after a second "=" is lost
        found[name] = f"{found[name]}\0{value}" if found.get(name) else value
    return found


def succeeded(answer: Answer, given: Arguments) -> str:
    """The line of a success. The order means nothing, so it is another one each time."""
    pairs = [f"{escape(name)}={escape(value)}" for name, value in answer.items()]
    random.shuffle(pairs)
    if "callid" in given:
        pairs.append(f"callid={escape(given['callid'])}")
    return f"OK {'&'.join(pairs)}"


def failed(error: RefusedError, given: Arguments) -> str:
    """The line of an error."""
    line = f"ERR {error.code} {escape(error.text)}"
    return f"{line} {escape(given['callid'])}" if "callid" in given else line


def is_true(value: str | None) -> bool:
    """What Perl takes for true."""
    return value not in {None, "", "0"}


def number(value: str | None) -> int:
    """What Perl takes for the number in a text."""
    found = _NUMBER.match(value or "")
    return int(found[1]) if found else 0
