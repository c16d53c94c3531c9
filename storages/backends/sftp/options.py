"""The options of the SFTP storage: 1.1.4's, today's django-storages', and a few more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storages.backends.sftp.hostkeys import policy
from storages.errors import OptionError
from storages.options import base_url_option, option, positive, unknown_options

__all__ = ["SECRET_PARAMS", "SFTPOptions"]

#: What ``params`` may hold: the arguments of ``paramiko.SSHClient.connect`` ...
_CONNECT = (
    "port",
    "username",
    "password",
    "pkey",
    "key_filename",
    "timeout",
    "allow_agent",
    "look_for_keys",
    "compress",
    "sock",
    "gss_auth",
    "gss_kex",
    "gss_deleg_creds",
    "gss_host",
    "gss_trust_dns",
    "banner_timeout",
    "auth_timeout",
    "channel_timeout",
    "passphrase",
    "disabled_algorithms",
    "transport_factory",
    "auth_strategy",
)
#: ... and how else to get there.
PARAMS = (*_CONNECT, "proxy_command", "proxy_jump")
#: Those that nobody may see.
SECRET_PARAMS = ("password", "passphrase", "pkey")


def _params(value: Mapping[str, Any]) -> dict[str, Any]:
    """Judge ``params``, and copy it: nothing of ours may end up in the project's settings."""
    if "hostname" in value:
        raise ValueError("has a 'hostname'; that is the option 'host'")
    unknown_options("params", value, PARAMS)
    if len({"sock", "proxy_command", "proxy_jump"} & set(value)) > 1:
        raise ValueError("may have one of sock, proxy_command and proxy_jump")
    if value.get("sock") is not None and not callable(value["sock"]):
        raise ValueError(
            "'sock' must be a function that opens a socket: there is a connection per thread"
        )
    jump = value.get("proxy_jump")
    if isinstance(jump, Mapping):
        if not jump.get("hostname"):
            raise ValueError("proxy_jump lacks 'hostname'")
        _params({name: part for name, part in jump.items() if name != "hostname"})
    elif jump is not None and not isinstance(jump, str):
        raise ValueError("'proxy_jump' must be '[user@]host[:port]' or a dict")
    return dict(value)


def _identifier(value: int) -> int:
    if value < 0:
        raise ValueError("must not be negative")
    return value


def _mode(value: int) -> int:
    if not 0 <= value <= 0o7777:  # noqa: PLR2004 - all the bits there are
        raise ValueError("must be permission bits, such as 0o644")
    return value


class SFTPOptions:
    """Every option, declared once."""

    host: str = option(
        settings=("SFTP_STORAGE_HOST",),
        required=True,
        type=str,
        help="The server's name or address.",
    )
    root_path: str = option(
        settings=("SFTP_STORAGE_ROOT",),
        default="",
        type=str,
        help="The directory on the server in which names begin; relative to where a login begins "
        "unless it starts with a slash. A missing one is made, its parents are not.",
    )
    params: Mapping[str, Any] = option(
        settings=("SFTP_STORAGE_PARAMS",),
        default={},
        type=Mapping,
        secret=SECRET_PARAMS,
        convert=_params,
        help="How to connect: arguments of paramiko.SSHClient.connect, and proxy_command or "
        "proxy_jump.",
    )
    interactive: bool = option(
        settings=("SFTP_STORAGE_INTERACTIVE",),
        default=False,
        type=bool,
        help="Whether to ask at the terminal for a password when authentication fails and none "
        "is configured. For commands such as collectstatic, never for a web server.",
    )
    file_mode: int | None = option(
        settings=("SFTP_STORAGE_FILE_MODE",),
        type=int,
        convert=_mode,
        help="The permission bits of files; None: what the server's umask leaves.",
    )
    dir_mode: int | None = option(
        settings=("SFTP_STORAGE_DIR_MODE",),
        type=int,
        convert=_mode,
        help="The permission bits of every directory that is made; None: as above.",
    )
    uid: int | None = option(
        settings=("SFTP_STORAGE_UID",),
        type=int,
        convert=_identifier,
        help="The numeric owner of files and directories that are made; None: who logs in.",
    )
    gid: int | None = option(
        settings=("SFTP_STORAGE_GID",),
        type=int,
        convert=_identifier,
        help="The numeric group likewise.",
    )
    known_host_file: str | None = option(
        settings=("SFTP_KNOWN_HOST_FILE",),
        type=(str, Path),
        convert=str,
        help="OpenSSH's file of host keys; None: ~/.ssh/known_hosts.",
    )
    base_url: str | None = base_url_option(
        settings=("SFTP_BASE_URL",),
        help="What URLs begin with; without any files have no URL.",
    )
    host_key_policy: str = option(
        settings=("SFTP_STORAGE_HOST_KEY_POLICY",),
        default="reject",
        type=str,
        convert=policy,
        help="What to do with a host that is not in that file: reject it, accept-new (and add it), "
        "or ignore the matter. A key that differs from the file's is refused always.",
    )
    private_key: str | None = option(
        settings=("SFTP_STORAGE_PRIVATE_KEY",),
        type=str,
        secret=True,
        help="A private key itself, as its file has it; for a file there is params' key_filename.",
    )
    allow_overwrite: bool = option(
        settings=("SFTP_STORAGE_ALLOW_OVERWRITE",),
        default=False,
        type=bool,
        help="Whether saving a name again replaces the file.",
    )
    connect_timeout: float = option(
        settings=("SFTP_STORAGE_CONNECT_TIMEOUT",),
        default=10.0,
        type=float,
        convert=positive,
        help="Seconds that connecting, shaking hands and logging in may each take.",
    )
    timeout: float = option(
        settings=("SFTP_STORAGE_TIMEOUT",),
        default=30.0,
        type=float,
        convert=positive,
        help="Seconds to wait for any answer of the server.",
    )
    keepalive: int = option(
        settings=("SFTP_STORAGE_KEEPALIVE",),
        default=30,
        type=int,
        convert=_identifier,
        help="Seconds between signs of life on an idle connection, for the routers; 0: none.",
    )
    max_idle: float = option(
        settings=("SFTP_STORAGE_MAX_IDLE",),
        default=300.0,
        type=float,
        convert=positive,
        help="Seconds after which an unused connection is closed.",
    )

    def check_params(self) -> None:
        """Raise OptionError for options that do not go together; no I/O."""
        if self.private_key and self.params.get("pkey"):
            raise OptionError("private_key and params' pkey are one thing; give one of them.")
