"""Links to private files: they expire, and nothing of them can be changed.

A link is for one file of one alias of ``STORAGES``, for reading (``GET``, which includes ``HEAD``)
or for ``HEAD`` alone, until a moment, under one name to store it as. All of that is signed with
``SECRET_KEY``, by Django's own signer; ``SECRET_KEY_FALLBACKS`` are honoured. Whoever has the link
has the file, so it is sent to those who may have it, and to nobody else.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.core.signing import BadSignature, Signer
from django.urls import NoReverseMatch, get_urlconf, reverse

from storages import names
from storages.errors import NoURL
from storages.serving.places import class_of, configured, prefers_links, served

if TYPE_CHECKING:
    from storages.base import BaseStorage

__all__ = [
    "BadLink",
    "Link",
    "alias_of",
    "is_signed",
    "link",
    "path_of",
    "preferred",
    "url_of",
    "verify",
]

_SALT = "storages.signing.link"
_METHODS = ("GET", "HEAD")
_DISPOSITIONS = ("", "inline", "attachment")
#: Digits in a moment that is worth looking at.
_MOST_DIGITS = 12
#: Seconds that a link cannot live: its end would have more digits.
_LONGEST = 9 * 10 ** (_MOST_DIGITS - 1)
_TELLING = (str, bytes, int, UUID)


class BadLink(PermissionDenied):
    """A link was changed, has expired, or is for something else."""


@dataclass(frozen=True)
class Link:
    """What a link says beside the file's name.

    ``expires`` is in seconds since 1970; ``disposition`` is ``"attachment"``, ``"inline"`` or, for
    what suits the file's type, ``""``; ``filename`` what browsers are to store it as, ``""`` for
    its own name.
    """

    expires: int
    disposition: str = ""
    filename: str = ""

    def signed(self, alias: str, key: str, method: str) -> str:
        """Return the text that is signed."""
        return json.dumps([alias, key, method, self.expires, self.disposition, self.filename])


def link(  # noqa: PLR0913 - by keyword
    alias: str,
    name: str,
    *,
    expire: float | timedelta | None = None,
    method: str = "GET",
    disposition: str = "",
    filename: str = "",
) -> str:
    """Return a signed link, without a host, to a file of ``STORAGES[alias]``; nothing is asked.

    It is the same for a while (the option ``window``), so that browsers can keep what it leads to;
    it lives at most ``expire`` seconds, and at least three quarters of them.

    Arguments:
        alias: the storage's name in ``STORAGES``.
        name: the file's name.
        expire: how long the link lives, in seconds (default: the option ``expire``, an hour).
        method: ``"GET"``, or ``"HEAD"`` for a link that tells of the file and does not give it.
        disposition: ``"attachment"``: browsers store the file; ``"inline"``: they show it if its
            type is among ``inline_types``, which is the default.
        filename: the name to store it as, where that is not its own.

    Raises:
        NoURL: ``storages.urls`` is not in the URLconf.
        SuspiciousFileOperation: the name is none.
        ValueError: an argument makes no sense.

    """
    key = names.file_name(name)
    if alias not in configured():
        raise ValueError(f"STORAGES has no {alias!r}.")
    if method not in _METHODS or disposition not in _DISPOSITIONS:
        raise ValueError("A link is for GET or HEAD, and for 'inline' or 'attachment'.")
    place = served(alias)
    if expire is None:
        expire = place.expire
    seconds = expire.total_seconds() if isinstance(expire, timedelta) else expire
    if not 1 <= seconds < _LONGEST:
        raise ValueError(f"A link cannot expire after {seconds} seconds.")
    life = int(seconds)
    made = Link(_moment(life, place.window) + life, disposition, filename)
    value = made.signed(alias, key, method)
    query = {"expires": str(made.expires)}
    if disposition:
        query["disposition"] = disposition
    if filename:
        query["filename"] = filename
    query["signature"] = Signer(salt=_SALT).signature(value)
    return f"{path_of(alias, key)}?{urlencode(query)}"


def is_signed(query: Mapping[str, str]) -> bool:
    """Tell whether a request claims to have a link."""
    return "signature" in query


def verify(alias: str, key: str, method: str, query: Mapping[str, str]) -> Link:
    """Return what the link of a request says; raise BadLink unless it is one of ours and in time.

    Arguments:
        alias: from the request's path.
        key: the file's name, judged.
        method: the request's; a link for GET is one for HEAD, too.
        query: the request's parameters; those that are none of ours are passed over.

    """
    expires = query.get("expires", "")
    if not (expires.isascii() and expires.isdigit() and len(expires) <= _MOST_DIGITS):
        raise BadLink("The link has no valid time.")
    claimed = Link(int(expires), query.get("disposition", ""), query.get("filename", ""))
    signer = Signer(salt=_SALT)
    signature = query.get("signature", "")
    # A GET link may be used for HEAD. Both are compared, in constant time, before the clock is.
    methods = ["GET"] if method == "GET" else ["GET", "HEAD"]
    valid = [_is_ours(signer, claimed.signed(alias, key, each), signature) for each in methods]
    if method not in _METHODS or not any(valid):
        raise BadLink("The link was changed, or is for something else.")
    if claimed.expires <= time.time():
        raise BadLink("The link has expired.")
    return claimed


def _is_ours(signer: Signer, value: str, signature: str) -> bool:
    try:
        signer.unsign(f"{value}{signer.sep}{signature}")
    except BadSignature:
        return False
    return True


def _moment(life: int, window: int | None) -> int:
    """When a link that lives ``life`` seconds is made: now, rounded down to its window."""
    span = life // 4 if window is None else min(window, life // 4)
    now = int(time.time())
    return now - now % span if span > 0 else now


def path_of(alias: str, key: str) -> str:
    """Return the path of a file without a signature; raise NoURL when the URLconf has none."""
    try:
        if get_urlconf() or hasattr(settings, "ROOT_URLCONF"):
            return reverse("storages:serve", kwargs={"alias": alias, "name": key})
    except NoReverseMatch:
        pass
    raise NoURL("There are no links to files: the URLconf does not include storages.urls.")


# ----------------------------------------------------- the URLs of storages


def url_of(storage: BaseStorage, key: str, own: Callable[[str], str]) -> str:
    """Return the URL of a storage's file: its own, or a link of the view.

    Arguments:
        storage: whose file it is; only those in ``STORAGES`` have links.
        key: the file's name, judged.
        own: gives the storage's own URL, or raises NoURL.

    Raises:
        NoURL: there is neither.

    """
    made = preferred(storage, key)
    if made is not None:
        return made
    try:
        return own(key)
    except NoURL:
        made = _link_of(storage, key, preferred=False)
        if made is None:
            raise
        return made


def preferred(storage: Any, name: str | None) -> str | None:
    """Return a link of the view where it is to be the file's URL (``urls``), else None.

    For storages whose ``url()`` takes more arguments, and which have their own in any case.
    """
    if not prefers_links():
        return None
    return _link_of(storage, names.url_name(name or ""), preferred=True)


def _link_of(storage: BaseStorage, key: str, *, preferred: bool) -> str | None:
    """Return a link; None when the view gives none, or none that is ``preferred``."""
    alias = alias_of(storage)
    if alias is None or not key or key.endswith("/"):
        return None
    place = served(alias)
    if place.urls is False or (preferred and place.urls is None):
        return None
    try:
        return link(alias, key) if place.access == "signed" else path_of(alias, key)
    except NoURL:
        if preferred:
            raise
        return None


def alias_of(storage: Any) -> str | None:
    """Return the alias in ``STORAGES`` of this storage, or of one made alike, if there is one."""
    made = []
    for alias, entry in configured().items():
        if class_of(entry) is not type(storage):
            continue
        try:
            theirs = storages[alias]
        except Exception:  # noqa: BLE001, S112  a project's own may fail in any way
            continue  # one that cannot be made is another one
        if theirs is storage:
            return str(alias)
        made.append((alias, theirs))
    shown = _shown(storage) if made else {}
    return next((str(alias) for alias, theirs in made if _shown(theirs) == shown), None)


def _shown(storage: Any) -> dict[str, Any]:
    """Return what tells a storage from others of its class.

    Of what is private connections and the like do not; what a subclass keeps of its arguments may.
    """
    return {
        name: value
        for name, value in vars(storage).items()
        if not name.startswith("_") or (isinstance(value, _TELLING) and not isinstance(value, bool))
    }
