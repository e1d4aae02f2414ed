"""From nothing to the first order, as a seller goes: init, check, map and run against the platforms."""

from __future__ import annotations

import shutil
import signal
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from plugins.allegro.simulator import CLIENT_ID, CLIENT_SECRET
from plugins.shops.woocommerce.simulator import KEY, SECRET
from tests.journeys.world import MARKET, SHOP, World, eventually

WRONG = KEY[:-1] + "x"


@pytest.fixture
def bare(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world of one who has written nothing yet."""
    world.config.unlink()
    shutil.rmtree(world.data)
    world.simulator.oauth.interval = 1
    world.socket = world.folder / "run" / "orderferry.sock"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(world.socket.parent))
    return world


def market(world: World) -> tuple[str, ...]:
    """The answers for the marketplace: its own address among the settings that are not required, then its login."""
    addresses = (f"api_url = {world.simulator.url}", f"auth_url = {world.simulator.url}/auth/oauth")
    return ("allegro", MARKET, CLIENT_ID, CLIENT_SECRET, *addresses, "", "y")


async def test_from_nothing_to_the_first_order_with_a_wrong_key_on_the_way(bare: World) -> None:
    shop = ("woocommerce", SHOP, bare.shop.url, WRONG, SECRET, "")
    again = ("y", "", KEY, "", "")
    answers = (str(bare.data), *market(bare), "y", "y", *shop, *again, "y", "n")
    said = await bare.cli("init", "--config", str(bare.config), answers=answers)
    assert (said.code, said.err) == (0, ""), said
    assert "confirm the code" in said.out
    assert f"That does not work: GET /wc/v3/system_status at {bare.shop.url[7:]} answered 401" in said.out
    assert WRONG not in said.out
    assert SECRET not in said.out
    assert bare.config.stat().st_mode & 0o777 == 0o600
    checked = await bare.cli("check", "--config", str(bare.config))
    assert (checked.code, checked.err) == (0, ""), checked

    form = bare.sell()
    await bare.start()
    await bare.forwarded(form)


async def test_a_map_that_is_written_passes_the_check(world: World) -> None:
    world.settings["statuses"] = {"new": "New", "wyslane": "Wysłane", "cancelled": "Cancelled"}
    world.write_config()
    before = world.config.read_text()
    said = await world.cli("map", SHOP, "statuses", "--write", "--yes", "--config", str(world.config))
    assert (said.code, said.err) == (0, ""), said
    added = f'\n[shops.{SHOP}.statuses]\nwyslane = "completed" # Completed\n'
    head, tail = before.split("\n\n[statuses]")
    assert world.config.read_text() == f"{head}\n{added}\n[statuses]{tail}"
    checked = await world.cli("check", "--config", str(world.config))
    assert checked.code == 0, checked

    deliveries = await world.cli("map", SHOP, "deliveries", "--config", str(world.config), "--json")
    rows = {row["key"]: row for row in deliveries.json["rows"]}
    assert rows["Allegro Paczkomaty InPost"]["choice_title"] == "Polska: InPost Paczkomaty 24/7"
    assert rows["Allegro Paczkomaty InPost"]["accounts"] == [MARKET]


async def test_methods_that_are_written_pass_the_check_and_are_not_proposed_again(world: World) -> None:
    for kind in ("payments", "deliveries"):
        said = await world.cli("map", SHOP, kind, "--write", "--yes", "--config", str(world.config))
        assert "Written: " in said.out, said
    checked = await world.cli("check", "--config", str(world.config))
    assert checked.code == 0, checked
    again = await world.cli("map", SHOP, "deliveries", "--config", str(world.config), "--json")
    assert "proposed" not in {row["state"] for row in again.json["rows"]}


async def test_ctrl_c_at_a_question_leaves_no_file(bare: World) -> None:
    process = await bare.begin("init", "--config", str(bare.config), stdin=PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("".join(f"{line}\n" for line in (str(bare.data), *market(bare)[:-1])).encode())
    await process.stdout.readuntil(b"Log in to ")
    state = Path(f"/proc/{process.pid}/stat")
    await eventually(lambda: state.read_text().rpartition(")")[2].split()[0] == "S", "it waits for the answer")
    process.send_signal(signal.SIGINT)
    assert await process.wait() == 130
    assert [one.name for one in bare.folder.iterdir()] == []
