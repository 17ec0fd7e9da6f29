"""Whom the lean read trusts."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.keyturn.wire import ID, ROW, Time, Wire, environment, gives_up, listening, reading

UNTRUSTED = "GetItem: SSLCertVerificationError, attempt 3"


def certificate(path: Path, address: str) -> Path:
    """Make a certificate for an address, signed by itself, and its key; write both."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wire")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                key_cert_sign=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def right(folder: Path) -> Path:
    return certificate(folder / "right.pem", "127.0.0.1")


@pytest.fixture(scope="module")
def elsewhere(folder: Path) -> Path:
    return certificate(folder / "elsewhere.pem", "192.0.2.1")


def serving(pem: Path) -> Iterator[tuple[Wire, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with listening(context) as served:
        yield served


@pytest.fixture
def secure(right: Path) -> Iterator[tuple[Wire, int]]:
    yield from serving(right)


@pytest.fixture
def misplaced(elsewhere: Path) -> Iterator[tuple[Wire, int]]:
    yield from serving(elsewhere)


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_bundle_is_trusted(
    variable: str, secure: tuple[Wire, int], right: Path, time: Time
) -> None:
    wire, port = secure
    with reading(environment(port, "https") | {variable: str(right)}, time) as reader:
        assert [reader.get(ID), reader.get(ID)] == [ROW, ROW]
    assert wire.connections == 1


def test_the_clouds_own_bundle_goes_first(
    secure: tuple[Wire, int], right: Path, elsewhere: Path, time: Time
) -> None:
    bundles = {"AWS_CA_BUNDLE": str(right), "REQUESTS_CA_BUNDLE": str(elsewhere)}
    with reading(environment(secure[1], "https") | bundles, time) as reader:
        assert reader.get(ID) == ROW


def test_stranger_is_never_sent_a_request(secure: tuple[Wire, int], time: Time) -> None:
    wire, port = secure
    with reading(environment(port, "https"), time) as reader:
        assert gives_up(reader) == UNTRUSTED
    assert wire.requests == []


def test_certificate_for_another_host_is_not_enough(
    misplaced: tuple[Wire, int], elsewhere: Path, time: Time
) -> None:
    wire, port = misplaced
    bundle = {"AWS_CA_BUNDLE": str(elsewhere)}
    with reading(environment(port, "https") | bundle, time) as reader:
        assert gives_up(reader) == UNTRUSTED
    assert wire.requests == []


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_empty_bundle_is_refused(variable: str, time: Time) -> None:
    environ = environment(443, "https") | {variable: " "}
    with pytest.raises(ValueError, match=variable), reading(environ, time):
        pass


def test_missing_bundle_is_refused(folder: Path, time: Time) -> None:
    environ = environment(443, "https") | {"AWS_CA_BUNDLE": str(folder / "none.pem")}
    with pytest.raises(OSError, match="No such file"), reading(environ, time):
        pass
