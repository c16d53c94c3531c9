"""The options of the Cloud Files storages.

The settings are those of 1.1.4 and 1.1.5 (``CLOUDFILES_USERNAME`` to ``CLOUDFILES_SSL``) and new
ones. ``connection_kwargs`` takes what 1.1.4 handed to ``cloudfiles.get_connection``; an option of
its own wins over its key there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from storages.errors import OptionError
from storages.options import option, unknown_options

__all__ = ["CloudFilesOptions", "seconds"]

#: Where the last of Rackspace's own clients (1.7.11) got its tokens.
AUTH_URL = "https://auth.api.rackspacecloud.com/v1.0"
MiB = 1024 * 1024
#: Smaller segments are refused by older servers; one PUT takes no more than 5 GB.
LEAST_SEGMENT = MiB
MOST_SEGMENT = 5 * 1024 * MiB
#: The keys of ``connection_kwargs``.
_CONNECTION = (
    "auth",
    "authurl",
    "cdn_log_retention",
    "debuglevel",
    "servicenet",
    "timeout",
    "useragent",
)


def seconds(value: float | timedelta) -> int:
    """Return a duration as whole seconds."""
    return int(value.total_seconds() if isinstance(value, timedelta) else value)


def _segment_size(value: int) -> int:
    if not LEAST_SEGMENT <= value <= MOST_SEGMENT:
        raise ValueError("must be between 1 MiB and 5 GiB")
    return value


def _digest(value: str) -> str:
    if value not in {"sha1", "sha256", "sha512"}:
        raise ValueError("must be sha1, sha256 or sha512")
    return value


def _container(value: str) -> str:
    if "/" in value or len(value.encode()) > 256:  # noqa: PLR2004 - Swift's limit
        raise ValueError("must be at most 256 bytes, without a slash")
    return value


def _connection_kwargs(value: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown_options("connection_kwargs", value, _CONNECTION)
    return value


def _version(value: float | str) -> int:
    version = int(float(value))
    if version not in {1, 2, 3}:
        raise ValueError("must be 1, 2 or 3")
    return version


class CloudFilesOptions:
    """Every option of the Cloud Files storages, declared once."""

    # ------------------------------------------------------------ credentials
    username: str | None = option(
        settings=("CLOUDFILES_USERNAME",), type=str, help="The user. Required, unless auth is set."
    )
    api_key: str | None = option(
        settings=("CLOUDFILES_API_KEY",),
        type=str,
        secret=True,
        help="The user's API key, or password. Required, unless auth is set.",
    )
    container: str = option(
        settings=("CLOUDFILES_CONTAINER",),
        required=True,
        type=str,
        convert=_container,
        help="The container in which the files are.",
    )
    connection_kwargs: Mapping[str, Any] = option(
        settings=("CLOUDFILES_CONNECTION_KWARGS",),
        default={},
        type=Mapping,
        convert=_connection_kwargs,
        help="As in 1.1.4: authurl, timeout, servicenet, useragent, auth, cdn_log_retention; "
        "debuglevel has no effect.",
    )
    auth_url: str | None = option(
        settings=("CLOUDFILES_AUTH_URL",),
        type=str,
        help="Where tokens are got. None: connection_kwargs['authurl'], or Rackspace's v1.0.",
    )
    auth_version: int | None = option(
        settings=("CLOUDFILES_AUTH_VERSION",),
        type=(int, float, str),
        convert=_version,
        help="1 (Swift), 2 (Rackspace's identity, by API key), 3 (Keystone). None: as the path of "
        "auth_url says.",
    )
    auth: Any = option(
        settings=("CLOUDFILES_AUTH",),
        secret=True,
        help="A token that is there already: (storage URL, token), (storage URL, CDN URL, token), "
        "or an object whose authenticate() returns one of them.",
    )
    region: str | None = option(
        settings=("CLOUDFILES_REGION",),
        type=str,
        help="Which region's container it is (versions 2 and 3). None: the user's default region, "
        "or the first.",
    )
    servicenet: bool | None = option(
        settings=("CLOUDFILES_SERVICENET",),
        type=bool,
        help="Whether to go by the provider's inner network. None: connection_kwargs, or whether "
        "RACKSPACE_SERVICENET is in the environment.",
    )
    project: str | None = option(
        settings=("CLOUDFILES_PROJECT",), type=str, help="The project's name (version 3)."
    )
    project_id: str | None = option(
        settings=("CLOUDFILES_PROJECT_ID",), type=str, help="The project's id (version 3)."
    )
    project_domain: str = option(
        settings=("CLOUDFILES_PROJECT_DOMAIN",),
        default="Default",
        type=str,
        help="The domain of the project (version 3).",
    )
    user_domain: str = option(
        settings=("CLOUDFILES_USER_DOMAIN",),
        default="Default",
        type=str,
        help="The domain of the user (version 3).",
    )

    # ---------------------------------------------------------- how files lie there
    create_container: bool = option(
        settings=("CLOUDFILES_CREATE_CONTAINER",),
        default=False,
        type=bool,
        help="Whether a missing container is created.",
    )
    directory_markers: bool = option(
        settings=("CLOUDFILES_DIRECTORY_MARKERS",),
        default=False,
        type=bool,
        help="Whether saving a/b.txt also makes an object a of type application/directory.",
    )
    object_headers: Mapping[str, Any] | Callable[[str], Mapping[str, Any]] = option(
        settings=("CLOUDFILES_OBJECT_HEADERS",),
        default={},
        help="Headers of the files that are saved (Cache-Control, X-Object-Meta-...): a dict, or "
        "a callable that makes one of a name.",
    )
    delete_after: int | None = option(
        settings=("CLOUDFILES_DELETE_AFTER",),
        type=(int, float, timedelta),
        convert=seconds,
        help="After how many seconds a file vanishes by itself.",
    )
    segment_size: int = option(
        settings=("CLOUDFILES_SEGMENT_SIZE",),
        default=64 * MiB,
        type=int,
        convert=_segment_size,
        help="Larger files are stored in segments of this many bytes.",
    )
    segments_container: str | None = option(
        settings=("CLOUDFILES_SEGMENTS_CONTAINER",),
        type=str,
        convert=_container,
        help="Where the segments are; made when it is needed. None: <container>_segments.",
    )

    # ------------------------------------------------------------------- URLs
    public: bool = option(
        settings=("CLOUDFILES_PUBLIC",),
        default=False,
        type=bool,
        help="Whether the container is made public on the CDN.",
    )
    ttl: int = option(
        settings=("CLOUDFILES_TTL",),
        default=600,
        type=(int, float, timedelta),
        convert=seconds,
        help="How many seconds the CDN keeps a file, when public; it takes 900 at least.",
    )
    ssl: bool = option(
        settings=("CLOUDFILES_SSL",),
        default=False,
        type=bool,
        help="Whether CDN URLs are https.",
    )
    temp_url_key: str | None = option(
        settings=("CLOUDFILES_TEMP_URL_KEY",),
        type=str,
        secret=True,
        help="The key of the account or container with which URLs are signed.",
    )
    temp_url_digest: str = option(
        settings=("CLOUDFILES_TEMP_URL_DIGEST",),
        default="sha256",
        type=str,
        convert=_digest,
        help="How they are signed: sha256, sha512, or sha1 where the server knows nothing else.",
    )
    temp_url_expire: int = option(
        settings=("CLOUDFILES_TEMP_URL_EXPIRE",),
        default=3600,
        type=(int, float, timedelta),
        convert=seconds,
        help="How many seconds a signed URL lives.",
    )
    temp_url_window: int | None = option(
        settings=("CLOUDFILES_TEMP_URL_WINDOW",),
        type=(int, float, timedelta),
        convert=seconds,
        help="For how many seconds url() gives the same signed URL, so that it can be cached. "
        "None: a quarter of its life; 0: never the same.",
    )
    base_url: str | None = option(
        settings=("CLOUDFILES_BASE_URL",),
        type=str,
        help="What URLs begin with, where there is neither a CDN nor a key.",
    )

    # -------------------------------------------- what several options decide

    @property
    def container_name(self) -> str:
        """The container's name, as 1.1.4 called it."""
        return self.container

    @property
    def effective_segments_container(self) -> str:
        """The container of the segments."""
        return self.segments_container or f"{self.container}_segments"

    @property
    def effective_auth_url(self) -> str:
        """Where tokens are got, without a slash at its end."""
        url: str = self.auth_url or self.connection_kwargs.get("authurl") or AUTH_URL
        return url.rstrip("/")

    @property
    def effective_auth_version(self) -> int:
        """The version of the protocol by which tokens are got."""
        if self.auth_version is not None:
            return self.auth_version
        last = urlsplit(self.effective_auth_url).path.rpartition("/")[2]
        return {"v2.0": 2, "v2": 2, "v3": 3}.get(last, 1)

    @property
    def effective_auth(self) -> Any:
        """What is there instead of a user and a key, or None."""
        return self.auth if self.auth is not None else self.connection_kwargs.get("auth")

    @property
    def effective_servicenet(self) -> bool:
        """Whether to go by the provider's inner network."""
        if self.servicenet is not None:
            return self.servicenet
        given = self.connection_kwargs.get("servicenet")
        return "RACKSPACE_SERVICENET" in os.environ if given is None else bool(given)

    def check_credentials(self) -> None:
        """Raise OptionError when there is neither a user with a key nor a token."""
        if self.effective_auth is not None:
            return
        for name in ("username", "api_key"):
            if not getattr(self, name):
                setting = f"CLOUDFILES_{name.upper()}"
                raise OptionError(
                    f"{type(self).__name__} needs the option {name!r}: set the setting {setting} "
                    f"or {name}=…, or a token by auth."
                )
