"""TLS: whom is trusted, through a proxy too, and the client's own certificate."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from storages.errors import StorageError, Unavailable
from tests.http.pages import CONTENT, PageStorage, ranged
from tests.servers.http import ScriptedServer
from tests.servers.process import HOST


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of this machine that nobody but itself vouches for, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_certificates_are_verified(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    """Unless that is switched off; the error says what to do. The body has its time here too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ScriptedServer(handler=ranged, tls=context) as server:
        with PageStorage() as storage, pytest.raises(StorageError, match="certificate") as caught:
            storage._ask("GET", server.url)
        assert "`verify`" in caught.value.hint
        assert not isinstance(caught.value, Unavailable)
        assert not server.requests
        with PageStorage(verify=certificate) as storage:
            assert storage._ask("PUT", server.url, body=iter([CONTENT])).content == CONTENT
            assert server.last.body == CONTENT
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        with PageStorage() as storage, pytest.raises(StorageError, match="certificate"):
            storage._ask("GET", server.url)
        with PageStorage(trust_environment=True) as storage:
            assert storage._ask("GET", server.url).content == CONTENT
        with PageStorage(verify=False) as storage:
            assert storage._ask("GET", server.url).content == CONTENT


class _Tunnel(socketserver.StreamRequestHandler):
    """A proxy's CONNECT: it hands on what comes, either way."""

    def handle(self) -> None:
        method, place, _ = self.rfile.readline().decode().split()
        while self.rfile.readline() != b"\r\n":
            pass
        assert method == "CONNECT"
        host, _, port = place.rpartition(":")
        with socket.create_connection((host, int(port))) as other:
            self.connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            up = threading.Thread(target=self._hand_on, args=(self.connection, other))
            up.start()
            self._hand_on(other, self.connection)
            up.join()

    @staticmethod
    def _hand_on(origin: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := origin.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


def test_reading_through_a_proxy_s_tunnel(certificate: Path) -> None:
    """TLS goes to the server, through a CONNECT that the proxy answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with (
        socketserver.ThreadingTCPServer((HOST, 0), _Tunnel) as proxy,
        ScriptedServer(handler=ranged, tls=context) as server,
    ):
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            place = f"http://{HOST}:{proxy.server_address[1]}"
            with PageStorage(verify=certificate, proxies={"https": place}) as storage:
                storage.base = server.url
                for _ in range(2):
                    with storage.open("a") as file:
                        assert file.read() == CONTENT
            assert server.connections == 1
        finally:
            proxy.shutdown()
            thread.join()


def test_the_client_may_need_a_certificate(certificate: Path) -> None:
    """One file with certificate and key, or two."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificate)
    context.load_cert_chain(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    with ScriptedServer(handler=ranged, tls=context) as server:
        # Since TLS 1.3 the client learns that later, by an alert or by a reset that overtakes it.
        with PageStorage(verify=certificate) as storage, pytest.raises(StorageError):
            storage._ask("GET", server.url)
        assert not server.requests
        for given in (str(certificate), (str(certificate), str(certificate))):
            with PageStorage(verify=certificate, client_certificate=given) as storage:
                assert storage._ask("GET", server.url).content == CONTENT
