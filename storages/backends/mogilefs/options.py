"""The options of a MogileFS storage: the documented settings, and more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from storages.backends.mogilefs.tracker import address
from storages.http import HTTPStorage
from storages.options import base_url_option, option, positive, type_name

__all__ = ["MogileFSOptions"]


def _addresses(given: Sequence[Any]) -> list[str]:
    if not given:
        raise ValueError("must name one tracker at least")
    for each in given:
        if not isinstance(each, str):
            msg = f"must hold strings, not {type_name(each)}"
            raise ValueError(msg)  # noqa: TRY004 - what `convert` raises to refuse a value
    return [address(each) for each in given]


class MogileFSOptions(HTTPStorage, settings_prefix="MOGILEFS"):
    """Every option, declared once."""

    extra = "mogilefs"

    base_url: str | None = base_url_option(
        settings=("MOGILEFS_MEDIA_URL",),
        help="What URLs begin with; None: files have no URL.",
    )
    domain: str = option(
        settings=("MOGILEFS_DOMAIN",),
        required=True,
        type=str,
        help="The domain, which must exist: a space of keys within the cluster.",
    )
    trackers: list[str] = option(
        settings=("MOGILEFS_TRACKERS",),
        required=True,
        type=(list, tuple),
        convert=_addresses,
        help="The trackers, 'host:port' each. Without a port it is 7001.",
    )
    mogile_class: str | None = option(
        settings=("MOGILEFS_CLASS",),
        type=str,
        help="The class of new files, which says how many copies there are to be; None: the "
        "domain's default class.",
    )
    tracker_timeout: float = option(
        default=30.0,
        settings=("MOGILEFS_TRACKER_TIMEOUT",),
        type=float,
        convert=positive,
        help="Seconds to wait for a tracker's answer. A tracker itself gives a command 30.",
    )
    serve_with_perlbal: bool = option(
        default=False,
        settings=("SERVE_WITH_PERLBAL",),
        type=bool,
        help="Whether the view leaves it to Perlbal to send the content.",
    )

    def __init__(self, base_url: str | None = None, **given: Any) -> None:
        # None was the original's way to say nothing: the settings decide.
        if base_url is not None:
            given["base_url"] = base_url
        super().__init__(**given)
