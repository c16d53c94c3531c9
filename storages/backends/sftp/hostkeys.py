"""Whether a server is who it should be: the file known_hosts, and what to do with what it lacks.

The file is OpenSSH's (see sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): plain and hashed names,
``[host]:port``, patterns with ``*``, ``?`` and ``!``, ``@revoked``. paramiko's own reader knows no
patterns and no marks, and its writer rewrites the whole file.
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storages.errors import PermissionDenied, StorageError

__all__ = ["POLICIES", "HostKeys", "policy"]

#: What may be done with the key of a host that the file does not have.
POLICIES = ("reject", "accept-new", "ignore")
_PORT = 22
_OF_THE_MACHINE = Path("/etc/ssh/ssh_known_hosts")
_adding = threading.Lock()


def policy(name: str) -> str:
    """Return the name of a policy; raise ValueError when there is none of that name."""
    if name not in POLICIES:
        raise ValueError(f"must be one of {', '.join(POLICIES)}, not {name!r}")
    return name


@dataclass(frozen=True)
class Key:
    """One line of the file: the key of the hosts that ``names`` match."""

    mark: str
    names: tuple[str, ...]
    kind: str
    blob: bytes

    def is_for(self, host: str) -> bool:
        """Tell whether the line is about ``host``."""
        found = False
        for name in self.names:
            if name.startswith("!"):
                if fnmatch.fnmatchcase(host, _as_glob(name[1:])):
                    return False
            elif name.startswith("|1|"):
                found = found or _is_hash_of(name, host)
            else:
                found = found or fnmatch.fnmatchcase(host, _as_glob(name))
        return found


class HostKeys:
    """The known keys of one server.

    Arguments:
        path: the file; None: ``~/.ssh/known_hosts``, and the machine's.
        host: the server's name or address, as configured.
        port: its port.
        policy: what to do when the file does not have the server: ``reject`` it, ``accept-new``
            (and add it to the file), or ``ignore`` the matter. A key that differs from the one in
            the file is refused in any case.

    """

    def __init__(self, path: str | None, host: str, port: int, policy: str) -> None:
        self.path = Path(path or "~/.ssh/known_hosts").expanduser()
        self._files = [self.path] if path else [self.path, _OF_THE_MACHINE]
        self.host = host
        self.policy = policy
        self.port = port
        #: How the file names the server.
        self.name = host.lower() if port == _PORT else f"[{host.lower()}]:{port}"

    def kinds(self) -> list[str]:
        """Return the types of the keys that the file has of the server."""
        return [key.kind for key in self._known()]

    def check(self, kind: str, blob: bytes) -> None:
        """Accept the key that a server has shown, or raise PermissionDenied."""
        known = list(self._known())
        if any(key.mark == "@revoked" and key.blob == blob for key in self._read()):
            raise self._refused(kind, blob, "is marked as revoked", "Do not trust this server.")
        if any(key.blob == blob for key in known):
            return
        if any(key.is_for(self.name) for key in known):
            raise self._refused(
                kind,
                blob,
                "is not the one in the file: somebody may be in between, or the server has a new "
                "key",
                "Once the server's administrator has confirmed the new key, remove the old line "
                f"(ssh-keygen -R '{self.name}' -f {self.path}) and add: {self._line(kind, blob)}",
            )
        if self.policy == "accept-new":
            self._add(kind, blob)
        elif self.policy != "ignore":
            raise self._refused(
                kind,
                blob,
                "is unknown",
                "Once the server's administrator has confirmed the fingerprint, add this line to "
                f"the file: {self._line(kind, blob)}",
            )

    def _refused(self, kind: str, blob: bytes, what: str, hint: str) -> PermissionDenied:
        return PermissionDenied(
            f"The host key of {self.name} {what}: {kind}, fingerprint {fingerprint(blob)}, file "
            f"{self.path}.",
            hint=hint,
        )

    def _line(self, kind: str, blob: bytes) -> str:
        return f"{self.name} {kind} {base64.b64encode(blob).decode()}"

    def _known(self) -> Iterator[Key]:
        """Yield the keys of this server: those of its port, then those of the host as such."""
        lines = [key for key in self._read() if not key.mark]
        for name in dict.fromkeys((self.name, self.host.lower())):
            yield from (key for key in lines if key.is_for(name))

    def _read(self) -> Iterator[Key]:
        for path in self._files:
            try:
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise PermissionDenied(
                    f"The file of known hosts, {path}, cannot be read: {error.strerror}."
                ) from error
            yield from filter(None, map(_parsed, lines))

    def _add(self, kind: str, blob: bytes) -> None:
        """Append a line to the file; others may be appending at the same time."""
        with _adding:
            if any(key.blob == blob for key in self._known()):
                return  # another thread has met the server meanwhile
            line = f"{self._line(kind, blob)}\n"
            try:
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.path.touch(0o600)
                if not f"\n{self.path.read_text(errors='replace')}".endswith("\n"):
                    line = f"\n{line}"
                with self.path.open("ab", buffering=0) as file:
                    file.write(line.encode())
            except OSError as error:
                raise StorageError(
                    f"The host key of {self.name} cannot be added to {self.path}: "
                    f"{error.strerror}.",
                    hint="Make the file writable, or add the line yourself: " + line.strip(),
                ) from error


def fingerprint(blob: bytes) -> str:
    """Return a key's fingerprint as ssh-keygen -l shows it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode()
    return "SHA256:" + digest.rstrip("=")


def _parsed(line: str) -> Key | None:
    """Return what a line says; None for a comment, an empty line, or one that says nothing."""
    fields = line.split()
    mark = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#"):  # noqa: PLR2004 - names, type, key
        return None
    names, kind, encoded = fields[:3]
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:  # of what is not ASCII, not binascii.Error
        return None
    return Key(
        mark,
        tuple(name if name[0] == "|" else name.lower() for name in names.split(",") if name),
        kind,
        blob,
    )


def _as_glob(pattern: str) -> str:
    """OpenSSH's patterns know * and ? only; a bracket is part of ``[host]:port``."""
    return pattern.replace("[", "[[]")


def _is_hash_of(hashed: str, host: str) -> bool:
    try:
        _, _, salt, digest = hashed.split("|")
        wanted = base64.b64decode(digest)
        made = hmac.new(base64.b64decode(salt), host.encode(), hashlib.sha1).digest()
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(made, wanted)


def policy_for(keys: HostKeys, paramiko: Any) -> Any:
    """Return what paramiko asks about a key: it is told none, so that it asks about every one."""

    class Policy(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:  # noqa: ARG002
            keys.check(key.get_name(), key.asbytes())

    return Policy()
