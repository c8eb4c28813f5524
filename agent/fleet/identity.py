"""Who a station is to the broker: a key made on the Pi, a request for a certificate, and the authority that answers it.

Certificates are X.509 v3 (RFC 5280) with EC keys on P-256; the CN is the station's id, which the broker takes as name
and client id. The private key of a station never leaves it, the authority's never comes near one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate, CertificateBuilder, CertificateSigningRequest, KeyUsage, Name
    from cryptography.x509.general_name import GeneralName

YEARS_AUTHORITY = 20
DAYS_STATION = 397
# These names have other rights at the broker (firmware_config/broker/stations.acl).
RESERVED = ("admin", "oms")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


class IdentityError(Exception):
    """A key, request or certificate can't be used: stable code and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({code})")
        self.code, self.detail = code, detail


def request(name: str) -> tuple[bytes, bytes]:
    """Return a new private key and the request (CSR) for a certificate of `name`, both PEM. Raises IdentityError."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    check_name(name)
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return private, request_again(name, private)


def request_again(name: str, private: bytes) -> bytes:
    """Return a request (PEM) for the next certificate of a key (PEM) that is there. Raises IdentityError."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization

    builder = x509.CertificateSigningRequestBuilder().subject_name(_named(name))
    try:
        key = serialization.load_pem_private_key(private, None)
        asked = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]  # of another kind: told below
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise IdentityError("identity.unreadable", f"the key can not sign a request: {error}.") from error
    return asked.public_bytes(serialization.Encoding.PEM)


def authority(now: dt.datetime) -> tuple[bytes, bytes]:
    """Return a new authority's private key and its own certificate, both PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder("packbench fleet authority", now, days=365 * YEARS_AUTHORITY)
    certificate = (
        builder.issuer_name(_named("packbench fleet authority")).public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_others=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return private, certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    asked: bytes, authority_key: bytes, authority_certificate: bytes, now: dt.datetime, *,
    name: str, days: int = DAYS_STATION, addresses: Sequence[str] = (), reserved: bool = False,
) -> bytes:
    """Return the certificate (PEM) for a request. `name` is who the admin expects; the request must say the same.

    `addresses` make it a server's: host names or IP addresses of the broker. Raises IdentityError.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import ExtendedKeyUsageOID

    check_name(name, reserved=reserved)
    try:
        csr = x509.load_pem_x509_csr(asked)
        key = serialization.load_pem_private_key(authority_key, None)
        issuer = x509.load_pem_x509_certificate(authority_certificate)
    except (ValueError, TypeError) as error:
        raise IdentityError("identity.unreadable", f"it is no PEM file of the right kind: {error}.") from error
    if not csr.is_signature_valid or _names(csr) != [name]:
        raise IdentityError("identity.other-name", f"the request is not one of {name} for itself.")
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if addresses else ExtendedKeyUsageOID.CLIENT_AUTH
    builder = (
        _builder(name, now, days=days).issuer_name(issuer.subject).public_key(csr.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_others=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),  # type: ignore[arg-type]  # EC
                       critical=False)
    )
    if addresses:
        builder = builder.add_extension(x509.SubjectAlternativeName([_address(one) for one in addresses]),
                                        critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]  # EC


def revoked(
    certificates: Sequence[bytes], authority_key: bytes, authority_certificate: bytes, now: dt.datetime,
) -> bytes:
    """Return the list of certificates that were taken back (CRL, PEM); the broker reads it when it is reloaded."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    issuer = x509.load_pem_x509_certificate(authority_certificate)
    builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now)
               .next_update(now + dt.timedelta(days=365 * YEARS_AUTHORITY)))
    for pem in certificates:
        serial = x509.load_pem_x509_certificate(pem).serial_number
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build())
    key = serialization.load_pem_private_key(authority_key, None)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)  # type: ignore[arg-type]  # EC


def names_of(asked: bytes) -> str:
    """Return the name that a request (PEM) is for. Raises IdentityError when it is none, or not signed by its key."""
    from cryptography import x509

    try:
        csr = x509.load_pem_x509_csr(asked)
    except ValueError as error:
        raise IdentityError("identity.unreadable", f"it is no request: {error}.") from error
    names = _names(csr)
    if not csr.is_signature_valid or len(names) != 1:
        raise IdentityError("identity.other-name", "the request does not speak for itself under one name.")
    return str(names[0])


def serial(pem: bytes) -> str:
    """Return the serial number of a certificate (PEM) in hexadecimal digits. Raises IdentityError."""
    from cryptography import x509

    try:
        return f"{x509.load_pem_x509_certificate(pem).serial_number:x}"
    except ValueError as error:
        raise IdentityError("identity.unreadable", f"it is no certificate: {error}.") from error


def fingerprint(pem: bytes) -> str:
    """Return the SHA-256 of the public key in a request or certificate (PEM), for two people to compare."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    load = x509.load_pem_x509_csr if b"REQUEST" in pem else x509.load_pem_x509_certificate
    try:
        key = load(pem).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except ValueError as error:
        raise IdentityError("identity.unreadable", f"it is neither request nor certificate: {error}.") from error
    digits = hashlib.sha256(key).hexdigest()
    return ":".join(digits[place:place + 4] for place in range(0, 32, 4))


def fits(certificate: bytes, private: bytes, authority_certificate: bytes) -> str:
    """Return the name in a station's certificate that belongs to its key and its authority, all PEM.

    Raises IdentityError when one of the three does not belong to the others.
    """
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization

    try:
        found = x509.load_pem_x509_certificate(certificate)
        issuer = x509.load_pem_x509_certificate(authority_certificate)
        key = serialization.load_pem_private_key(private, None)
    except (ValueError, TypeError) as error:
        raise IdentityError("identity.unreadable", f"it is no PEM file of the right kind: {error}.") from error
    if found.public_key() != key.public_key():
        raise IdentityError("identity.other-key", "the certificate is of another key than the one that lies here.")
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise IdentityError("identity.other-authority", "the certificate was signed by another authority.") from error
    names = _names(found)
    if len(names) != 1:
        raise IdentityError("identity.other-name", "the certificate is not of one name (CN).")
    return str(names[0])


def days_left(certificate: bytes, now: dt.datetime) -> float:
    """Return for how many days a certificate holds on; it is time for a new one at a third of its life."""
    from cryptography import x509

    found: Certificate = x509.load_pem_x509_certificate(certificate)
    return (found.not_valid_after_utc - now).total_seconds() / 86_400


def check_name(name: str, *, reserved: bool = True) -> None:
    """Raise IdentityError for a name that is no level of a topic, or, unless `reserved`, has rights of its own."""
    if not _NAME.match(name):
        raise IdentityError("identity.name", f"{name[:70]!r} is no name: letters, digits, . _ - (64 at most).")
    if not reserved and name in RESERVED:
        raise IdentityError("identity.reserved", f"{name} has other rights at the broker; no station is called so.")


def _names(found: CertificateSigningRequest | Certificate) -> list[object]:
    from cryptography.x509.oid import NameOID

    return [one.value for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _named(name: str) -> Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: str, now: dt.datetime, *, days: int) -> CertificateBuilder:
    from cryptography import x509

    # An hour back, because clocks of stations without a battery lag.
    return (x509.CertificateBuilder().subject_name(_named(name)).serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(days=days)))


def _usage(*, signs_others: bool) -> KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_others, key_cert_sign=signs_others, crl_sign=signs_others, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False)


def _address(text: str) -> GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
