"""The options of a CouchDB storage: 1.1.4's, and who logs in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings

from storages.errors import OptionError
from storages.http import BasicLogin, web_address
from storages.options import Option, type_name, unknown_options

__all__ = ["CouchDBOptions"]


class _CouchOption(Option):
    """An option that the dict ``COUCHDB_STORAGE_OPTIONS`` sets too, as in the 1.1.4 release."""

    def __get__(self, instance: object | None, owner: Any = None) -> Any:
        """Return the value from that dict, else as every option does."""
        if instance is None:
            return self
        given = _told()
        if self.name in given:
            return self.checked(given[self.name], f"COUCHDB_STORAGE_OPTIONS[{self.name!r}]")
        return super().__get__(instance, owner)

    @property
    def places(self) -> str:
        """Where a user may set the option, for messages."""
        return f"COUCHDB_STORAGE_OPTIONS[{self.name!r}] or {super().places}"


def _couch_option(*, settings: tuple[str, ...] = (), **declared: Any) -> Any:
    return _CouchOption(settings=settings, **declared)


def _told() -> Mapping[str, Any]:
    told = getattr(settings, "COUCHDB_STORAGE_OPTIONS", None) or {}
    if not isinstance(told, Mapping):
        raise OptionError(f"COUCHDB_STORAGE_OPTIONS must be a dict, not {type_name(told)}.")
    return told


class CouchDBOptions(BasicLogin, settings_prefix="COUCHDB_STORAGE"):
    """Every option, declared once."""

    extra: ClassVar[str] = "couchdb"
    address: ClassVar[str] = "server"

    server: str = _couch_option(
        settings=("COUCHDB_DEFAULT_SERVER",),
        default="http://couchdb.local:5984",
        type=str,
        convert=web_address,
        help="The server's URL; it may hold a user and a password.",
    )
    database: str = _couch_option(
        settings=("COUCHDB_STORAGE_DATABASE",),
        required=True,
        type=str,
        help="The database, which must exist.",
    )
    username: str | None = _couch_option(
        settings=("COUCHDB_STORAGE_USERNAME",), type=str, help="Who logs in."
    )
    password: str | None = _couch_option(
        settings=("COUCHDB_STORAGE_PASSWORD",), type=str, secret=True, help="The password."
    )
    base_url: str | None = _couch_option(
        settings=("COUCHDB_STORAGE_BASE_URL",),
        type=str,
        convert=web_address,
        help="The database's URL for browsers, where it is not server/database.",
    )

    def __init__(self, **given: Any) -> None:
        """Take the options; nothing is connected to."""
        mine = {name for name, option in vars(CouchDBOptions).items() if _is_own(option)}
        unknown_options("COUCHDB_STORAGE_OPTIONS", _told(), mine)
        super().__init__(**given)


def _is_own(option: object) -> bool:
    return isinstance(option, _CouchOption)
