"""The canaries sing: whatever stands in the open is found, in every form and place, and sealed data is not."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from daemon.core.journal import Kind
from tests.canaries import leaks
from tests.daemon.engine import BUYER, VAULT, Engine, order, page
from tests.daemon.engine_platforms import MarketWorld

KEY = b"k" * 32


@pytest.fixture
async def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test's folder with a store that holds one order; not `tmp_path`, in which nothing may be planted."""
    found = tmp_path_factory.mktemp("planted")
    async with await Engine.open(found / "data") as engine:
        await engine.market(MarketWorld())
        await engine.receive(page(order(1)))
    return found


async def test_a_store_as_it_should_be_has_none(folder: Path) -> None:
    assert not leaks(folder, KEY)


@pytest.mark.parametrize(
    "form",
    [
        BUYER,
        quote(BUYER, safe=""),
        base64.b64encode(BUYER.encode()).decode(),
        base64.b64encode(b"x" + BUYER.encode()).decode(),
        json.dumps(BUYER),
    ],
)
@pytest.mark.parametrize(
    "place", ["data/backups/orders-1.db", "data/orders.db-wal.old", "daemon.log", "data/tokens/market.new"]
)
async def test_each_form_in_each_file_is_found(folder: Path, place: str, form: str) -> None:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"error": "no such person {form}"}}', encoding="utf-8")
    assert leaks(folder, KEY) == [f"{place} has a buyer's data"]


async def test_what_is_in_the_journal_is_found(folder: Path) -> None:
    async with await Engine.open(folder / "data") as engine:
        await engine.rounds.note(Kind.ACCOUNT_DOWN, "market", {"error": f"unknown person {BUYER}", "until": None})
    assert "data/orders.db has a buyer's data" in leaks(folder, KEY)


async def test_what_was_logged_is_found(folder: Path) -> None:
    assert leaks(folder, KEY, f"refused {BUYER}".encode()) == ["the log has a buyer's data"]


async def test_secrets_of_the_settings_are_found(folder: Path) -> None:
    (folder / "config.toml").write_text('[shops.my-shop]\nconsumer_secret = "cs_canary_canary"\n', encoding="utf-8")
    (folder / "daemon.log").write_text("GET /?consumer_secret=cs_canary_canary", encoding="utf-8")
    assert leaks(folder, KEY) == ["daemon.log has a secret of the settings"]


async def test_another_key_opens_nothing_and_so_finds_nothing(folder: Path) -> None:
    (folder / "daemon.log").write_text(BUYER, encoding="utf-8")
    assert not leaks(folder, b"x" * 32)
    assert VAULT.key_id not in (folder / "daemon.log").read_text(encoding="utf-8")
