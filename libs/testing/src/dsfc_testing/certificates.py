"""An authority of our own and certificates under it: for tests and tries, refused in production.

What it signs says so itself (`common.tls.development`).
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from common import files
from common.tls.development import ORGANISATION

DAYS = 825
"""What common clients accept at most of a server's certificate."""
RENEWED_DAYS = 30
"""A certificate that ends within so many days is made anew."""


class Authority:
    """Signs certificates; its own is what clients trust."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    @classmethod
    def new(cls, name: str = "dsfc development") -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([*_name(name), *_organisation()])
        certificate = (
            _builder(subject, subject, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True,
                    content_commitment=False,
                    key_encipherment=False,
                    data_encipherment=False,
                    key_agreement=False,
                    key_cert_sign=True,
                    crl_sign=True,
                    encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    @classmethod
    def load_or_new(cls, certificate: Path, key: Path) -> Self:
        """Return the authority of these files; a new one, kept there, where there is none."""
        if certificate.exists() and key.exists() and is_lasting(certificate):
            secret = serialization.load_pem_private_key(key.read_bytes(), password=None)
            assert isinstance(secret, ec.EllipticCurvePrivateKey)
            return cls(secret, x509.load_pem_x509_certificate(certificate.read_bytes()))
        made = cls.new()
        made.keep(certificate, key)
        return made

    def keep(self, certificate: Path, key: Path) -> None:
        """Write both halves, so that it can sign again."""
        files.write_private(key, _pem(self._key).decode("ascii"))
        files.write_private(certificate, self.pem.decode("ascii"))

    def has_issued(self, certificate: Path) -> bool:
        """Whether a certificate is there, is this authority's, and does not end soon."""
        if not certificate.exists() or not is_lasting(certificate):
            return False
        try:
            found = x509.load_pem_x509_certificate(certificate.read_bytes())
            found.verify_directly_issued_by(self._certificate)
        except (ValueError, InvalidSignature):
            return False
        return True

    @property
    def pem(self) -> bytes:
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self, names: Sequence[str], certificate: Path, key: Path, *, days: int = DAYS
    ) -> None:
        """Write a key, and its certificate under these names or addresses.

        By the first name it is known where it is shown by a client, as to a broker.
        """
        own = ec.generate_private_key(ec.SECP256R1())
        issued = (
            _builder(_name(names[0]), self._certificate.subject, own, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(list(map(_general, names))), critical=False)
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        files.write_private(key, _pem(own).decode("ascii"))
        public = issued.public_bytes(serialization.Encoding.PEM)
        files.write_private(certificate, public.decode("ascii"))


def is_lasting(certificate: Path) -> bool:
    """Whether a certificate goes on for longer than it takes to see to it."""
    found = x509.load_pem_x509_certificate(certificate.read_bytes())
    left = found.not_valid_after_utc - datetime.now(UTC)
    return left > timedelta(days=RENEWED_DAYS)


def _organisation() -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANISATION)])


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int = DAYS
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
