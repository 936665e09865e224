"""Real keys: RSA for the App and the OIDC issuer, a small CA and a server certificate for localhost."""

import hashlib
import ipaddress
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

LIFE = timedelta(days=825)  # what clients accept of a server certificate at most


def new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def write_private(path: Path, key: PrivateKey) -> None:
    """PEM, readable by the owner only from the first byte on."""
    path.touch(mode=0o600)
    pkcs8 = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption()))


def read_rsa_key(path: Path) -> rsa.RSAPrivateKey:
    """A key that this module wrote; therefore its primes are not tested again, which would take longer than all else."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError(f"{path} is not an RSA key")
    return key


def key_id(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:40].upper()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: str, key: PrivateKey, issuer: str, now: datetime, extensions: list[tuple[x509.ExtensionType, bool]]
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def make_pki(folder: Path, now: datetime) -> None:
    """ca.pem, bundle.pem (ours and the system's), server.pem and server.key, unless the folder has them.

    The CA's own key is thrown away: nothing else can ever be signed by what jobs and server are told to trust.
    """
    if (folder / "bundle.pem").exists():
        return
    ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = "Sonde sandbox CA"
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca_parts: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(ca=True), True),
        (ca_id, False),
    ]
    ca = _certificate(authority, ca_key, authority, now, ca_parts).sign(ca_key, hashes.SHA256())
    names = [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(ip)) for ip in ("127.0.0.1", "::1"))]
    server_parts: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(ca=False), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectAlternativeName(names), False),
        (x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), False),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), False),
    ]
    server = _certificate("localhost", server_key, authority, now, server_parts).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    write_private(folder / "server.key", server_key)
    (folder / "server.pem").write_bytes(server.public_bytes(pem))
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    system = ssl.get_default_verify_paths().cafile
    rest = Path(system).read_bytes() if system and Path(system).exists() else b""
    (folder / "bundle.pem").write_bytes(ca.public_bytes(pem) + rest)
