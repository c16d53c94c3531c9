"""FTP servers: Debian's vsftpd, pure-ftpd and proftpd, and pyftpdlib; plain and over TLS.

Each serves one user, who sees the directory ``home`` as the root. The ports of passive mode are
chosen by the system: a range could be taken by a server of another run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import ClassVar

from tests.servers.ftp_base import FTPServer
from tests.servers.namespace import hashed, user_id
from tests.servers.process import HOST, find

UNPACKED = Path(__file__).resolve().parents[2] / ".cache" / "debian"


def program(name: str, package: str) -> str:
    """The path of a program that tools/debian.py unpacks."""
    directories = [str(UNPACKED / "usr" / part) for part in ("sbin", "bin")]
    hint = f"{package} (or: python3 tools/debian.py)"
    return find(name, package=hint, directories=directories)


class Vsftpd(FTPServer):
    """vsftpd: no MLSD; hides names that begin with a dot; local users, by PAM."""

    packages: ClassVar[tuple[str, ...]] = ("vsftpd",)

    def prepare(self) -> None:
        """Make the user, who needs PAM, and the configuration."""
        super().prepare()
        pam = self.directory / "pam.d"
        pam.mkdir()
        (pam / "vsftpd").write_text(
            "auth required pam_unix.so nodelay\n"
            "account required pam_unix.so\n"
            "session required pam_permit.so\n"
        )
        self.namespace.bind(pam, "/etc/pam.d")
        self.namespace.add_user(self.username, self.password, self.home, self.directory)
        (self.directory / "empty").mkdir()
        settings = f"""
            listen=YES
            listen_ipv6=NO
            listen_address={HOST}
            listen_port={self.port}
            background=NO
            anonymous_enable=NO
            local_enable=YES
            write_enable=YES
            local_umask=022
            chroot_local_user=YES
            allow_writeable_chroot=YES
            secure_chroot_dir={self.directory}/empty
            pam_service_name=vsftpd
            utf8_filesystem=YES
            isolate=NO
            isolate_network=NO
            seccomp_sandbox=NO
            delay_failed_login=0
            xferlog_enable=YES
            log_ftp_protocol=YES
            vsftpd_log_file={self.directory}/vsftpd.log
            {self.settings_more}
        """
        if self.tls:
            settings += f"""
            ssl_enable=YES
            force_local_data_ssl=YES
            force_local_logins_ssl=YES
            ssl_ciphers=HIGH
            rsa_cert_file={self.pem}
            rsa_private_key_file={self.pem}
            implicit_ssl={"YES" if self.tls == "implicit" else "NO"}
            """
        self._configure("vsftpd.conf", settings)

    def program(self) -> list[str]:
        """``vsftpd`` in the foreground."""
        return [program("vsftpd", "vsftpd"), str(self.directory / "vsftpd.conf")]


class VsftpdTLS(Vsftpd):
    """Over TLS; data connections must resume the session, as is its default."""

    tls = "explicit"


class VsftpdImplicit(Vsftpd):
    """TLS from the first byte."""

    tls = "implicit"


class PureFtpd(FTPServer):
    """pure-ftpd: MLSD; refuses backslashes, and spaces at the ends of a name."""

    packages: ClassVar[tuple[str, ...]] = ("pure-ftpd", "pure-ftpd-common")

    def prepare(self) -> None:
        """Make the database of users. pure-pw itself would hash for four seconds a login."""
        super().prepare()
        number = user_id()
        secret = hashed(self.password)
        users = self.directory / "users"
        users.touch(mode=0o600)
        users.write_text(
            f"{self.username}:{secret}:{number}:{number}::{self.home}/./::::::::::::\n"
        )
        self.run(program("pure-pw", "pure-ftpd-common"), "mkdb",
                 str(self.directory / "users.pdb"), "-f", str(users))  # fmt: skip

    def program(self) -> list[str]:
        """``pure-ftpd`` in the foreground."""
        return [
            program("pure-ftpd", "pure-ftpd"),
            *("-S", f"{HOST},{self.port}", "-4", "-H", "-E", "-A", "-c", "100", "-C", "100"),
            *("-l", f"puredb:{self.directory}/users.pdb", "-u", "1000"),
            *("-g", f"{self.directory}/pid", "-f", "none"),
            *(("-Y", "3", "-2", str(self.pem)) if self.tls else ()),
            *self.settings_more.split(),
        ]


class PureFtpdTLS(PureFtpd):
    """Over TLS, both connections. Debian's knows no implicit TLS."""

    tls = "explicit"


class Proftpd(FTPServer):
    """proftpd: MLSD; checks that names are UTF-8.

    Run as by inetd: whenever a client has gone, its daemon takes no other for 0.2 s or more
    (PR_TUNABLE_EINTR_RETRY_INTERVAL), and the tests come and go.
    """

    packages: ClassVar[tuple[str, ...]] = ("proftpd-core", "proftpd-mod-crypto")

    def prepare(self) -> None:
        """Make the user and the configuration."""
        super().prepare()
        number = user_id()
        lines = {
            "passwd": f"{self.username}:{hashed(self.password)}:{number}:{number}::{self.home}:/\n",
            "group": f"{self.username}:x:{number}:\n",
        }
        for file, line in lines.items():
            (self.directory / file).touch(mode=0o600)
            (self.directory / file).write_text(line)
        modules = Path(program("proftpd", "proftpd-core")).parent.parent / "lib" / "proftpd"
        settings = f"""
            ServerType inetd
            DefaultServer on
            UseIPv6 off
            DefaultAddress {HOST}
            SocketBindTight on
            Port {self.port}
            User nobody
            Group nogroup
            DefaultRoot ~
            PidFile {self.directory}/pid
            ScoreboardFile none
            SystemLog {self.log}
            TransferLog none
            WtmpLog off
            DelayEngine off
            ControlsEngine off
            UseReverseDNS off
            AuthOrder mod_auth_file.c
            AuthUserFile {self.directory}/passwd
            AuthGroupFile {self.directory}/group
            RequireValidShell off
            MaxInstances 100
            Umask 022
            AllowOverwrite on
            AllowStoreRestart on
            AllowRetrieveRestart on
            UseEncoding UTF-8 UTF-8
            {self.settings_more}
        """
        if self.tls:
            settings += f"""
            ModulePath {modules}
            LoadModule mod_tls.c
            TLSEngine on
            TLSRequired on
            TLSECCertificateFile {self.pem}
            TLSECCertificateKeyFile {self.pem}
            TLSLog {self.directory}/tls.log
            {"TLSOptions UseImplicitSSL" if self.tls == "implicit" else ""}
            """
        self._configure("proftpd.conf", settings)

    def program(self) -> list[str]:
        """``proftpd`` for each client."""
        script = str(Path(__file__).with_name("inetd.py"))
        proftpd = program("proftpd", "proftpd-core")
        configuration = str(self.directory / "proftpd.conf")
        return [sys.executable, "-IS", script, str(self.port), proftpd, "-q", "-c", configuration]


class ProftpdTLS(Proftpd):
    """Over TLS; data connections must resume the session, as is its default."""

    tls = "explicit"


class ProftpdImplicit(Proftpd):
    """TLS from the first byte."""

    tls = "implicit"


class Pyftpdlib(FTPServer):
    """pyftpdlib: MLSD, in Python, one process for all clients. From PyPI."""

    packages: ClassVar[tuple[str, ...]] = ()
    needs_root = False

    def program(self) -> list[str]:
        """A program of our own, with this Python."""
        arguments = {
            "host": HOST,
            "port": self.port,
            "home": str(self.home),
            "user": self.username,
            "password": self.password,
            "tls": self.tls,
            "certificate": str(self.pem),
        }
        script = str(Path(__file__).with_name("pyftpd.py"))
        return [sys.executable, script, json.dumps(arguments)]


class PyftpdlibTLS(Pyftpdlib):
    """Over TLS, both connections."""

    tls = "explicit"


class PyftpdlibImplicit(Pyftpdlib):
    """TLS from the first byte."""

    tls = "implicit"
