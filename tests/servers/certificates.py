"""Certificates for servers: good ones, one that has expired, one for another name."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.process import HOST

DAY = timedelta(days=1)
_USES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


class Authority:
    """A certificate authority in ``directory``; ``file`` is what clients are to trust."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Tests")
        self.file = directory / "authority.pem"
        uses = dict.fromkeys(_USES, False) | {"key_cert_sign": True}
        made = (
            self._sign(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**uses), critical=True)
        )
        self._write(self.file, made)

    def issue(self, kind: str) -> Path:
        """Return a file with a key and its certificate.

        ``good`` is for this host, ``expired`` was until yesterday, ``other`` is for another host.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        end = -DAY if kind == "expired" else DAY
        names: list[x509.GeneralName] = [x509.DNSName("other.example")]
        if kind != "other":
            names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(HOST))]
        made = self._sign(_named(kind), key.public_key(), end=end).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        path = self._directory / f"{kind}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.touch(mode=0o600)
        self._write(path, made, private)
        return path

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, end: timedelta = DAY
    ) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        # The identifiers are what Python 3.13 asks for by default (VERIFY_X509_STRICT), as it does
        # for an authority's key usage.
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )

    def _write(self, path: Path, made: x509.CertificateBuilder, private: bytes = b"") -> None:
        certificate = made.sign(self._key, hashes.SHA256())
        path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
