"""Certificates of a CA made for the test."""

from __future__ import annotations

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

SERVICE = "midrank-injector.midrank-system.svc"


class Authority:
    """A CA. `pem` is its certificate, the `caBundle` of a webhook's configuration."""

    def __init__(self):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("test-ca")
        self._certificate = _signed(
            self._name,
            self._key.public_key(),
            self._name,
            self._key,
            x509.BasicConstraints(ca=True, path_length=None),
        )
        self.pem = self._certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name=SERVICE):
        """Return a certificate for a DNS name and 127.0.0.1, and its key, as PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        certificate = _signed(
            _name(name), key.public_key(), self._name, self._key, x509.SubjectAlternativeName(names)
        )
        return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def mount(folder, pair):
    """Write a pair as the kubelet does: files behind a symlink that is swapped at once."""
    generation = folder / f"..{len(list(folder.iterdir()))}"
    generation.mkdir()
    for name, content in zip(("tls.crt", "tls.key"), pair, strict=True):
        (generation / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(generation.name)
    (folder / "..data_tmp").rename(folder / "..data")
    return folder / "tls.crt", folder / "tls.key"


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _signed(subject, public_key, issuer, key, extension):
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(extension, critical=False)
        .sign(key, hashes.SHA256())
    )
