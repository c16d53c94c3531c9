"""``DEFAULT_FILE_STORAGE`` and ``STATICFILES_STORAGE`` on every supported Django.

Django 5.1 removed both settings without a message: a project that still has them starts, passes
its checks, and writes its uploads to the local disk. :func:`install`, called while Django creates
the app configurations and so before any model is imported, does what Django 4.2 and 5.0 did: it
puts the classes that the settings name into ``STORAGES``. On Django before 5.1 it leaves the
settings to Django, except for paths that have moved (:func:`translate`).

``STORAGES_LEGACY_SETTINGS = False`` turns it off; a check then reports the settings as errors.
"""

# Django has no public way to make its storage handler read STORAGES anew, nor to name the holder
# of the settings in force: the private names below are those that django.test uses for the same.
# ruff: noqa: SLF001

from __future__ import annotations

import logging
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import django
from django.conf import settings
from django.core.files.storage import default_storage, storages
from django.core.signals import setting_changed
from django.utils.functional import empty
from django.utils.module_loading import import_string

__all__ = ["ALIASES", "MOVED", "Legacy", "enabled", "install", "too_early", "translate", "used"]

logger = logging.getLogger("storages")

# Any: the type stubs know neither is_overridden() nor the private names.
_settings: Any = settings
_handler: Any = storages

# the setting -> the alias in STORAGES that it filled
ALIASES = {"DEFAULT_FILE_STORAGE": "default", "STATICFILES_STORAGE": "staticfiles"}

# Where classes of the documented originals live now. "module.*" stands for each class in it.
MOVED = {
    "libs.storages.S3Storage.S3Storage": "storages.backends.s3.S3Storage",
    "backends.S3Storage.S3Storage": "storages.backends.s3.S3Storage",
    "S3Storage.S3Storage": "storages.backends.s3.S3Storage",
    "filestorage.DatabaseStorage": "storages.backends.database.DatabaseStorage",
    "FTPStorage.FTPStorage": "storages.backends.ftp.FTPStorage",
    "MogileFSStorage.*": "storages.backends.mogilefs.*",
    "project.app.storages.MogileFSStorage": "storages.backends.mogilefs.MogileFSStorage",
    "backends.mosso.*": "storages.backends.cloudfiles.*",
    "tahoestorage.storage.TahoeStorage": "storages.backends.tahoe.TahoeStorage",
    "ipfs_storage.InterPlanetaryFileSystemStorage": (
        "storages.backends.ipfs.InterPlanetaryFileSystemStorage"
    ),
    "ipfs_storage.storage.*": "storages.backends.ipfs.*",
}

State = Literal["installed", "django", "same", "overruled", "ignored"]

_DJANGO_HONOURS_THEM = django.VERSION < (5, 1)


@dataclass(frozen=True)
class Legacy:
    """One legacy setting that is in use.

    ``setting`` and ``value`` are what the project wrote, ``path`` is the class meant by it today,
    ``current`` is the class that ``STORAGES[alias]`` names. ``state`` is

    * ``"installed"``: this module put it into ``STORAGES``;
    * ``"django"``: Django (before 5.1) did;
    * ``"same"``: ``STORAGES`` names that class anyway;
    * ``"overruled"``: the project's own ``STORAGES`` names another one, which counts;
    * ``"ignored"``: nothing honours it.

    ``own`` tells whether the project sets ``STORAGES`` itself.
    """

    setting: str
    alias: str
    value: Any
    path: Any
    current: Any
    state: State
    own: bool


@dataclass(frozen=True)
class _Rewrite:
    """A ``STORAGES`` that this module assigned, told from a project's own by its identity."""

    storages: dict[str, Any]
    before: Mapping[str, Any]
    own: bool  # ``before`` is the project's own, not Django's default
    installed: Mapping[
        str, Any
    ]  # alias -> the value of the legacy setting, as the project wrote it


# By the holder of settings that was written to: an entry goes when its override_settings() ends.
_rewrites: WeakKeyDictionary[Any, _Rewrite] = WeakKeyDictionary()

_too_early: set[str] = set()


def install() -> None:
    """Put the classes that legacy settings name into ``STORAGES``; do nothing the second time.

    A storage that was built before, from what ``STORAGES`` was then, is built anew at its next use
    (:func:`too_early` tells of it). One line goes to the logger "storages", because checks do not
    run under WSGI and ASGI.
    """
    if not _DJANGO_HONOURS_THEM:
        setting_changed.connect(_follow, dispatch_uid="storages.legacy")
    if not enabled():
        return
    fresh = _rewrite_moved() if _DJANGO_HONOURS_THEM else _rewrite()
    if not fresh:
        return
    built = _forget(fresh)
    _too_early.update(built)
    honoured = [it for it in used() if it.alias in fresh]
    texts = [f"honouring {it.setting} = {it.value!r}" + _moved(it) for it in honoured]
    if built:
        texts.append(f"replacing {', '.join(sorted(built))}, used before 'storages' was loaded")
    logger.warning(
        "%s. Set STORAGES instead: manage.py check shows the lines to paste.", "; ".join(texts)
    )


def _moved(legacy: Legacy) -> str:
    return "" if legacy.path == legacy.value else f" as {legacy.path!r}"


def enabled() -> bool:
    """Whether the project lets this package honour the legacy settings."""
    return bool(getattr(settings, "STORAGES_LEGACY_SETTINGS", True))


def too_early() -> Collection[str]:
    """The aliases whose storages had been built before :func:`install` replaced them."""
    return frozenset(_too_early)


def used() -> Iterator[Legacy]:
    """Each legacy setting that the project has, and what becomes of it."""
    rewrite = _current_rewrite()
    own = rewrite.own if rewrite else _settings.is_overridden("STORAGES")
    before = rewrite.before if rewrite else settings.STORAGES
    for name, alias in ALIASES.items():
        value = _value(name)
        if rewrite and _DJANGO_HONOURS_THEM:
            value = rewrite.installed.get(alias, value)
        if value is None:
            continue
        path = translate(value)
        current = _backend(settings.STORAGES, alias)
        state: State
        if rewrite and alias in rewrite.installed:
            state = "installed"
        elif _DJANGO_HONOURS_THEM:
            state, path = "django", value
        elif current == path:
            state = "same"
        elif own and alias in before:
            state = "overruled"
        else:
            state = "ignored"
        yield Legacy(name, alias, value, path, current, state, own)


def translate(path: Any) -> Any:
    """Return where the class of dotted ``path`` lives now, or ``path`` when it has not moved.

    Only the paths in :data:`MOVED` can change, and only when nothing can be imported from them: a
    project that still has the original, or a module of its own by that name, keeps it.
    """
    if not isinstance(path, str):
        return path
    module, _, name = path.rpartition(".")
    new = MOVED.get(path) or MOVED.get(f"{module}.*")
    if new is None:
        return path
    try:
        import_string(path)
    except (ImportError, SyntaxError):  # SyntaxError: the original for Python 2, still lying there
        return new.removesuffix("*") + name if new.endswith("*") else new
    except Exception:  # noqa: BLE001  it is there, but fails, perhaps because apps are not ready
        return path  # ... and so it fails again, audibly, when it is used
    return path


def _value(name: str) -> Any:
    """The legacy setting ``name``, None where the project does not have it."""
    if not _settings.is_overridden(name):
        return None
    # Read from ``settings`` itself, it would warn of its deprecation on Django before 5.1.
    return getattr(_settings._wrapped, name, None)


def _backend(entries: Mapping[str, Any], alias: str) -> Any:
    """What ``entries``, a STORAGES, names for ``alias``; None when there is nothing of the kind."""
    entry = entries.get(alias)
    return entry.get("BACKEND") if isinstance(entry, Mapping) else None


def _current_rewrite() -> _Rewrite | None:
    """What this module did to the ``STORAGES`` in force; None when they are not its work."""
    current = settings.STORAGES
    return next((it for it in _rewrites.values() if it.storages is current), None)


def _rewrite() -> set[str]:
    """Make ``STORAGES`` agree with the legacy settings in force; return the aliases that changed.

    Where the project sets ``STORAGES`` itself, only aliases that it left out are filled.
    """
    now = settings.STORAGES
    rewrite = _current_rewrite()
    before = rewrite.before if rewrite else now
    own = rewrite.own if rewrite else _settings.is_overridden("STORAGES")
    installed = {}
    wanted = {}
    for name, alias in ALIASES.items():
        value = _value(name)
        if value is None or (own and alias in before):
            continue
        path = translate(value)
        if _backend(before, alias) != path:
            installed[alias] = value
            wanted[alias] = {"BACKEND": path}
    new = {**before, **wanted}
    if new == now:
        return set()
    # A new object: the default dict belongs to django.conf.global_settings.
    settings.STORAGES = new
    _rewrites[_settings._wrapped] = _Rewrite(new, before, own, installed)
    return {alias for alias in {*new, *now} if new.get(alias) != now.get(alias)}


def _rewrite_moved() -> set[str]:
    """Before Django 5.1: honour only the paths that have moved; return the aliases that changed."""
    before = settings.STORAGES
    installed = {}
    new = dict(before)
    for name, alias in ALIASES.items():
        value = _value(name)
        path = translate(value)
        if path != value:
            installed[alias] = value
            new[alias] = {"BACKEND": path}
    if not installed:
        return set()
    settings.STORAGES = new
    for name, alias in ALIASES.items():
        # These Djangos let the setting, where it is set, win over STORAGES. With
        # settings.configure() the line above has changed it along, and setting it would warn.
        if alias in installed and name in vars(_settings._wrapped).get("_explicit_settings", ()):
            setattr(settings, name, new[alias]["BACKEND"])
    _rewrites[_settings._wrapped] = _Rewrite(new, before, own=False, installed=installed)
    return set(installed)


def _forget(aliases: Collection[str]) -> set[str]:
    """Let Django build these storages anew; return those of them that it had built."""
    built = {alias for alias in aliases if alias in _handler._storages}
    vars(_handler).pop("backends", None)  # a copy of STORAGES, kept at its first use
    _handler._backends = None
    for alias in aliases:
        _handler._storages.pop(alias, None)
    lazy: dict[str, Any] = {"default": default_storage}
    if static := sys.modules.get("django.contrib.staticfiles.storage"):
        lazy["staticfiles"] = static.staticfiles_storage
    for alias in lazy.keys() & aliases:
        lazy[alias]._wrapped = empty
    return built


def _follow(*, setting: str, **_kwargs: Any) -> None:
    """Let ``override_settings(DEFAULT_FILE_STORAGE=...)`` work, as it did before Django 5.1.

    ``STORAGES`` is assigned to the holder of the overriding settings, which goes with them: so it
    stands as long as they do, whatever other overrides make Django read ``STORAGES`` again.
    """
    if setting in ALIASES and enabled():
        _forget(_rewrite() | {ALIASES[setting]})
