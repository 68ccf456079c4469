"""The sandbox behind TLS, with a certificate of the test's own."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from http.client import HTTPSConnection
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from percipio_sandbox import Sandbox


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*pem))
    return paths


def test_whoever_trusts_the_certificate_is_served(files: tuple[Path, Path]) -> None:
    with Sandbox(tls=files) as sandbox:
        context = ssl.create_default_context(cafile=str(files[0]))
        connection = HTTPSConnection("127.0.0.1", sandbox.port, timeout=10, context=context)
        connection.request("GET", "/_sandbox/state")
        answer = connection.getresponse()
        answer.read()
        connection.close()

    assert (sandbox.url, answer.status) == (f"https://127.0.0.1:{sandbox.port}", 200)


def test_a_client_that_speaks_no_tls_harms_nobody(files: tuple[Path, Path]) -> None:
    with Sandbox(tls=files) as sandbox:
        with socket.create_connection(("127.0.0.1", sandbox.port), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            try:
                answer = connection.recv(1024)
            except ConnectionResetError:
                answer = b""
        context = ssl.create_default_context(cafile=str(files[0]))
        other = HTTPSConnection("127.0.0.1", sandbox.port, timeout=10, context=context)
        other.request("GET", "/")
        status = other.getresponse().status
        other.close()

    assert not answer.startswith(b"HTTP/")
    assert status == 200


def test_a_tls_connection_is_ended_with_the_sandbox(files: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(cafile=str(files[0]))
    with Sandbox(tls=files) as sandbox:
        plain = socket.create_connection(("127.0.0.1", sandbox.port), timeout=10)
        connection = context.wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=True)
    with connection:
        assert connection.recv(1) == b""


def test_a_missing_certificate_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Sandbox(tls=(tmp_path / "none.pem", tmp_path / "none.pem"))
