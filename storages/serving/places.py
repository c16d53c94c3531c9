"""How each alias of ``STORAGES`` is served: what ``STORAGES_SERVE`` says of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache, lru_cache
from typing import Any, cast

from django.conf import settings
from django.core.files.storage import storages
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from storages.errors import OptionError
from storages.options import option, options_of, take, type_name
from storages.serving.headers import INLINE_TYPES

__all__ = ["ACCESS", "OFFLOADS", "Served", "class_of", "configured", "prefers_links", "served"]

ACCESS = ("signed", "permission", "public")
# Directives of Cache-Control that tell whether proxies may keep an answer.
_SAYS_WHO = re.compile(r"(?:^|,)[ ]*(?:private|public|no-store|s-maxage)\b", re.IGNORECASE).search
OFFLOADS = ("x-accel-redirect", "x-sendfile", "x-reproxy-url", "redirect")


def _one_of(*allowed: str) -> Callable[[str], str]:
    def judge(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}, not {value!r}")
        return value

    return judge


def _location(value: str) -> str:
    """Return an internal location with a slash at its end."""
    if not value.startswith("/") or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be a path such as '/protected/'")
    return value if value.endswith("/") else f"{value}/"


def _seconds(value: int) -> int:
    if value < 1:
        raise ValueError("must be at least 1 second")
    return value


def _header(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("must be plain text that can stand in a header")
    return value


def _types(value: Collection[str]) -> frozenset[str]:
    return frozenset(str(each).lower() for each in value)


class Served:
    """How one alias is served. The options are the keys of ``STORAGES_SERVE[alias]``."""

    access: str | None = option(
        type=str,
        convert=_one_of(*ACCESS),
        help="Who gets a file: 'signed', whoever has a signed link; 'permission', also those whom "
        "``permission`` allows; 'public', everybody. Default: 'permission' where that is set, else "
        "'signed'.",
    )
    permission: Any = option(
        settings=("STORAGES_SERVE_PERMISSION",),
        help="A function, or its dotted path: ``(request, alias, name) -> bool``. It is asked for "
        "each request without a signature.",
    )
    urls: bool | None = option(
        type=bool,
        help="Whether ``storage.url()`` gives links of this view: True, always; False, never; "
        "None, where the storage has no URL of its own.",
    )
    expire: int = option(
        default=3600,
        type=int,
        convert=_seconds,
        help="Seconds that the links of ``storage.url()`` live, at most.",
    )
    window: int | None = option(
        type=int,
        help="Seconds for which a link stays the same, so that browsers can keep what it leads to; "
        "None: a quarter of ``expire``; 0: a new link each second.",
    )
    offload: str | None = option(
        type=str,
        convert=_one_of(*OFFLOADS),
        help="Who sends the bytes: 'x-accel-redirect' (nginx), 'x-sendfile' (Apache, lighttpd), "
        "'x-reproxy-url' (Perlbal), 'redirect' (the store itself); None: this view.",
    )
    location: str | None = option(
        type=str,
        convert=_location,
        help="For 'x-accel-redirect': the internal location. With ``upstream`` it gets the file's "
        "own URL in X-Storages-Upstream, without, the file's name is added to it.",
    )
    upstream: bool = option(
        default=False,
        type=bool,
        help="For 'x-accel-redirect': whether nginx fetches the file from its own (signed) URL.",
    )
    remember: int = option(
        default=0,
        type=int,
        help="For 'x-reproxy-url': seconds for which Django's cache keeps where a file is; one "
        "that is replaced or deleted may for so long be sent as it was, or not at all.",
    )
    cache_control: str | None = option(
        type=str,
        convert=_header,
        help="The header Cache-Control; 'private' is added to it where the access is not 'public' "
        "and it does not say who may keep a file. Default: 'no-cache' with 'public' or 'private' "
        "as the access is: kept, but asked for each time, which costs no body.",
    )
    inline_types: Any = option(
        type=(frozenset, set, list, tuple),
        convert=_types,
        help="Media types that browsers may show; others are downloaded. Default: pictures without "
        "SVG, sound, films, plain text.",
    )
    content_security_policy: str | None = option(
        type=str,
        convert=_header,
        help="The header Content-Security-Policy. Default: one in which nothing runs and nothing "
        "is fetched from elsewhere.",
    )
    fallback: str | os.PathLike[str] | None = option(
        type=(str, os.PathLike),
        convert=os.fspath,
        help="The path of a file on this machine that is sent for one that does not exist; a "
        "relative one counts from MEDIA_ROOT.",
    )

    def __init__(self, alias: str, given: Mapping[str, Any]) -> None:
        """Take what the settings say; raise OptionError when it makes no sense."""
        self.alias = alias
        if not isinstance(given, Mapping):
            raise OptionError(f"STORAGES_SERVE[{alias!r}] must be a dict, not {type_name(given)}.")
        try:
            take(self, given)
        except OptionError as error:
            raise OptionError(f"STORAGES_SERVE[{alias!r}]: {error}") from error
        # Read once: each request reads nearly all of them.
        vars(self).update({name: getattr(self, name) for name in options_of(type(self))})
        if self.inline_types is None:
            self.inline_types = INLINE_TYPES
        if self.access is None:
            self.access = "signed" if self.permission is None else "permission"
        elif self.access != "permission" and "permission" in given:
            raise OptionError(
                f"STORAGES_SERVE[{alias!r}]: access is {self.access!r}, so nobody is asked for "
                "permission."
            )
        elif self.access == "permission" and self.permission is None:
            raise OptionError(
                f"STORAGES_SERVE[{alias!r}]: access is 'permission', but there is no permission "
                "here and no STORAGES_SERVE_PERMISSION."
            )
        if self.cache_control and self.access != "public" and not _SAYS_WHO(self.cache_control):
            self.cache_control = f"private, {self.cache_control}"
        accel = self.offload == "x-accel-redirect"
        if accel != (self.location is not None) or (self.upstream and not accel):
            raise OptionError(
                f"STORAGES_SERVE[{alias!r}]: offload='x-accel-redirect' and location belong "
                "together; upstream goes with them."
            )

    @property
    def allows(self) -> Callable[..., Any]:
        """Who is asked for permission. Raises ImportError."""
        found: Callable[..., Any] = (
            import_string(self.permission) if isinstance(self.permission, str) else self.permission
        )
        return found


def configured() -> Mapping[str, Any]:
    """Return the entries of ``STORAGES``, with those of the legacy settings, by alias."""
    return cast("Mapping[str, Any]", storages.backends)


_imported = lru_cache(maxsize=128)(import_string)  # url() looks at each alias


def class_of(entry: Any) -> Any:
    """Return the class that an entry of ``STORAGES`` names; None: it cannot be imported."""
    path = entry.get("BACKEND") if isinstance(entry, Mapping) else None
    try:
        return _imported(path) if isinstance(path, str) else path
    except ImportError:
        return None


@cache
def served(alias: str) -> Served:
    """Return how ``alias`` is served; raise OptionError when the setting makes no sense."""
    told: Any = getattr(settings, "STORAGES_SERVE", None) or {}
    if not isinstance(told, Mapping):
        raise OptionError(f"STORAGES_SERVE must be a dict, not {type_name(told)}.")
    return Served(alias, told.get(alias, {}))


@cache
def prefers_links() -> bool:
    """Tell whether there is an alias whose URLs are to be links of the view: mostly, there is none.

    Nothing is judged here.
    """
    told: Any = getattr(settings, "STORAGES_SERVE", None)
    return isinstance(told, Mapping) and any(
        isinstance(place, Mapping) and place.get("urls") for place in told.values()
    )


def _forget(*, setting: str, **_: Any) -> None:
    if setting in {"STORAGES_SERVE", "STORAGES_SERVE_PERMISSION"}:
        served.cache_clear()
        prefers_links.cache_clear()


setting_changed.connect(_forget, dispatch_uid="storages.serving.places")
