"""The FTP launchers: each serves a plain client, as it should, and leaves nothing behind."""

from __future__ import annotations

import ftplib
import io
import os
import ssl
import subprocess
from pathlib import Path
from typing import ClassVar

import pytest

from tests.servers import ftp, shared
from tests.servers.ftp_base import FTPServer, family
from tests.servers.process import HOST, _runs, find

KINDS: list[type[FTPServer]] = [
    ftp.Vsftpd,
    ftp.VsftpdTLS,
    ftp.VsftpdImplicit,
    ftp.PureFtpd,
    ftp.PureFtpdTLS,
    ftp.Proftpd,
    ftp.ProftpdTLS,
    ftp.ProftpdImplicit,
    ftp.Pyftpdlib,
    ftp.PyftpdlibTLS,
    ftp.PyftpdlibImplicit,
]
DATA = os.urandom(100_000)
UNPACKED = Path(__file__).with_name("packages-unpacked.txt")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_goes_there_and_back(kind: type[FTPServer]) -> None:
    """A client logs in and transfers, passive and active; then no process and no file is left."""
    with kind() as server:
        assert server.process is not None
        place = server.new_place()
        client = server.client()
        assert isinstance(client.sock, ssl.SSLSocket) is bool(server.tls)
        assert server.connections() == 1
        for passive in (True, False):
            client.set_pasv(passive)
            client.storbinary(f"STOR {place}/ä b.bin", io.BytesIO(DATA))
            assert server.file(f"{place}/ä b.bin").read_bytes() == DATA
            got = io.BytesIO()
            client.retrbinary(f"RETR {place}/ä b.bin", got.write)
            assert got.getvalue() == DATA
        client.quit()
        client.close()
        assert server.left() == 0
        another = server.client()
        serving = family(server.process.pid)
    another.close()
    assert serving
    assert not any(map(_runs, serving))
    assert not server.directory.exists()


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.ProftpdTLS, ftp.Pyftpdlib])
def test_a_wrong_password_is_refused(kind: type[FTPServer]) -> None:
    """It is answered with 530 (by pure-ftpd too, but five seconds later)."""
    with pytest.raises(ftplib.error_perm, match="530"):
        shared(kind).client(password="wrong")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.tls])
def test_curl_goes_there_over_tls(kind: type[FTPServer]) -> None:
    """Another client verifies the certificate, and resumes the session."""
    server = shared(kind)
    place = server.new_place()
    source = server.directory / "source"
    source.write_bytes(DATA)
    scheme = "ftps" if server.tls == "implicit" else "ftp"
    account = f"{server.username}:{server.password}"
    curl = [find("curl", package="curl"), "--silent", "--show-error", "--ssl-reqd",
            "--cacert", server.authority, "--user", account]  # fmt: skip
    url = f"{scheme}://{HOST}:{server.port}{place}/c.bin"
    subprocess.run([*curl, "--upload-file", str(source), url], check=True)
    assert server.file(f"{place}/c.bin").read_bytes() == DATA
    assert subprocess.run([*curl, url], check=True, capture_output=True).stdout == DATA


class Expired(ftp.PyftpdlibTLS):
    """A certificate that was good until yesterday."""

    certificate = "expired"


class Elsewhere(ftp.PyftpdlibTLS):
    """A certificate for another host."""

    certificate = "other"


@pytest.mark.parametrize(("kind", "why"), [(Expired, "expired"), (Elsewhere, "mismatch")])
def test_bad_certificates_are_bad(kind: type[FTPServer], why: str) -> None:
    """For the one reason that they are made for."""
    with kind() as server, pytest.raises(ssl.SSLCertVerificationError, match=why):
        server.client()


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.PureFtpd, ftp.Proftpd, ftp.Pyftpdlib])
def test_a_disk_can_be_small(kind: type[FTPServer]) -> None:
    """A server with ``room`` refuses what does not fit, and its files can be looked at."""

    class Small(kind):  # type: ignore[misc, valid-type]
        """Half of what is sent."""

        room: ClassVar[int] = 64 * 1024
        needs_root = True

    with Small() as server:
        place = server.new_place()
        client = server.client()
        with pytest.raises((ftplib.Error, OSError)):
            client.storbinary(f"STOR {place}/large", io.BytesIO(DATA))
        client.close()
        assert 0 < server.file(f"{place}/large").stat().st_size <= 64 * 1024


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.PureFtpd, ftp.Proftpd, ftp.Pyftpdlib])
def test_a_killed_server_takes_its_sessions_along(kind: type[FTPServer]) -> None:
    """kill(), as when the machine fails, ends every connection; start() brings the files back."""
    with kind() as server:
        place = server.new_place()
        client = server.client()
        client.storbinary(f"STOR {place}/kept", io.BytesIO(DATA))
        server.kill()
        with pytest.raises((EOFError, OSError)):
            client.voidcmd("NOOP")
        client.close()
        server.start()
        again = server.client()
        again.voidcmd("TYPE I")
        assert again.size(f"{place}/kept") == len(DATA)
        again.quit()
        again.close()


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.PureFtpd, ftp.Proftpd])
def test_sessions_can_be_ended(kind: type[FTPServer]) -> None:
    """end_sessions() breaks the connections, and the server takes others."""
    with kind() as server:
        client = server.client()
        server.end_sessions()
        with pytest.raises((EOFError, OSError)):
            client.voidcmd("NOOP")
        client.close()
        again = server.client()
        again.voidcmd("NOOP")
        again.close()


@pytest.mark.parametrize("kind", [ftp.Vsftpd, ftp.PureFtpd, ftp.Proftpd, ftp.Pyftpdlib])
def test_a_paused_server_is_silent(kind: type[FTPServer]) -> None:
    """pause() freezes the sessions too; after resume() they answer."""
    with kind() as server:
        client = server.client(timeout=0.3)
        server.pause()
        with pytest.raises(TimeoutError):
            client.voidcmd("NOOP")
        client.close()
        server.resume()
        again = server.client()
        again.voidcmd("NOOP")
        again.close()


def test_the_packages_are_in_the_list() -> None:
    """``make test`` unpacks what packages-unpacked.txt names."""
    listed = UNPACKED.read_text(encoding="utf-8").split()
    for kind in KINDS:
        assert set(kind.packages) <= set(listed)
