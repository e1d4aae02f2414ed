"""A server whose certificate is not good for it is refused before anything is sent, with a sentence that says why."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orderferry import Unavailable
from orderferry.http import Http, open_session
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryLog

Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]
TODAY = datetime.now(UTC)
LONG_AGO = TODAY - timedelta(days=800)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    """What strict verification, the usual one from Python 3.13 on, wants to see."""
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def certify(subject: str, *, signer: Signer | None, begin: datetime = TODAY - timedelta(days=1)) -> Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer, signing_key = (signer[0].subject, signer[1]) if signer else (_name(subject), key)
    authority = signer is None
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=400))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    return certificate, key


def write(path: Path, certified: Signer) -> Path:
    certificate, key = certified
    pem = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


@pytest.fixture(scope="module")
def authority() -> Signer:
    return certify("Test authority", signer=None)


@pytest.fixture
def ca_file(authority: Signer, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    return str(path)


@asynccontextmanager
async def served(
    tmp_path: Path, certified: Signer, newest: ssl.TLSVersion | None = None
) -> AsyncIterator[tuple[str, list[str]]]:
    """The address of an https server with this certificate, and the methods that it was asked with."""
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.method)
        return web.Response(body=b"{}")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(write(tmp_path / "server.pem", certified))
    if newest is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            context.minimum_version = context.maximum_version = newest
    app = web.Application()
    app.router.add_route("*", "/", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def post(url: str, ca_file: str | None) -> bytes:
    async with open_session(ca_file=ca_file) as session:
        return await Http(session, url, clock=VirtualClock(), log=MemoryLog()).send("POST", "/", bytes)


async def test_a_certificate_of_the_named_authority_is_taken(tmp_path: Path, authority: Signer, ca_file: str) -> None:
    async with served(tmp_path, certify("localhost", signer=authority)) as (url, asked):
        assert await post(url, ca_file) == b"{}"
        assert asked == ["POST"]


@pytest.mark.parametrize(
    ("subject", "begin", "why"),
    [
        ("localhost", LONG_AGO, "certificate has expired"),
        ("localhost", TODAY + timedelta(days=2), "certificate is not yet valid"),
        ("another.example", TODAY - timedelta(days=1), "Hostname mismatch, certificate is not valid for 'localhost'"),
    ],
)
async def test_a_certificate_that_is_not_good_is_refused(  # noqa: PLR0917 - fixtures and parameters
    tmp_path: Path, authority: Signer, ca_file: str, subject: str, begin: datetime, why: str
) -> None:
    async with served(tmp_path, certify(subject, signer=authority, begin=begin)) as (url, asked):
        with pytest.raises(Unavailable, match=f"certificate is refused: {why}"):
            await post(url, ca_file)
        assert asked == []


@pytest.mark.parametrize("trusted", [True, False], ids=["another authority is named", "the system's authorities"])
async def test_an_unknown_authority_is_refused(tmp_path: Path, ca_file: str, trusted: bool) -> None:
    stranger = certify("Somebody", signer=None)
    async with served(tmp_path, certify("localhost", signer=stranger)) as (url, asked):
        with pytest.raises(Unavailable, match="certificate is refused: unable to get local issuer certificate"):
            await post(url, ca_file if trusted else None)
        assert asked == []


async def test_a_self_signed_certificate_is_refused(tmp_path: Path, ca_file: str) -> None:
    async with served(tmp_path, certify("localhost", signer=None)) as (url, asked):
        with pytest.raises(Unavailable, match="certificate is refused: self-signed certificate"):
            await post(url, ca_file)
        assert asked == []


async def test_an_old_tls_version_is_refused(tmp_path: Path, authority: Signer, ca_file: str) -> None:
    certified = certify("localhost", signer=authority)
    async with served(tmp_path, certified, newest=ssl.TLSVersion.TLSv1_1) as (url, asked):
        with pytest.raises(Unavailable, match="can't be reached"):
            await post(url, ca_file)
        assert asked == []
