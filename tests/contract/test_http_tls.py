"""A server whose certificate is not good for it is refused before anything is sent, with a sentence that says why."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from orderferry import Unavailable
from orderferry.http import Http
from orderferry.session import open_session
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryLog
from tests.certificates import TODAY, Signer, certify, trusted, write

LONG_AGO = TODAY - timedelta(days=800)


@pytest.fixture(scope="module")
def authority() -> Signer:
    return certify("Test authority", signer=None)


@pytest.fixture
def ca_file(authority: Signer, tmp_path: Path) -> str:
    return str(trusted(tmp_path / "ca.pem", authority))


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
