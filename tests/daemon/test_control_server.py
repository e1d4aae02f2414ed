"""The server as its clients meet it: every route, its streams, and what it does with mistakes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.daemon.control_fakes import ALLEGRO_ID, FakeHub, FakeLog, serving


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
async def http(hub: FakeHub, tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    path = tmp_path / "run" / "orderferry.sock"
    async with serving(hub, path), aiohttp.ClientSession(
        "http://localhost", connector=aiohttp.UnixConnector(str(path))
    ) as session:
        yield session


async def test_reads(http: aiohttp.ClientSession) -> None:
    async with http.get("/v1/status") as answer:
        assert answer.status == 200
        assert (await answer.json())["health"] == "degraded"


async def test_events(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    async with http.get("/v1/events?after=0") as answer:
        print(await answer.content.readuntil(b"\n\n"))
        print(await answer.content.readuntil(b"\n\n"))


async def test_fetch(http: aiohttp.ClientSession, hub: FakeHub) -> None:
    async with http.post("/v1/fetch", json={}) as answer:
        print(await answer.text())
