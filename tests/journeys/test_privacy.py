"""Buyers' data through the real program: told about, handed out, erased by time and by hand, gone from every file."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

from tests.journeys.world import MARKET, World, first


def sealed(world: World) -> list[bytes]:
    """What the store holds sealed."""
    store = sqlite3.connect(f"file:{world.data / 'orders.db'}?mode=ro", uri=True)
    try:
        return [
            bytes(row[0]) for row in store.execute("select body from document union all select body from forwarded")
        ]
    finally:
        store.close()


def hits(folder: Path, wanted: list[bytes]) -> list[tuple[str, bytes]]:
    """Which pieces of these bytes stand in which file below the folder."""
    pieces = [
        one[at : at + 24] for one in wanted for at in range(17 if len(one) > 64 else 0, max(len(one) - 24, 1), 16)
    ]
    return [
        (file.name, piece)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
        for piece in pieces
        if piece in file.read_bytes()
    ]


def plain(order: dict[str, object]) -> list[bytes]:
    """What tells who the buyer is, as it would stand in a file that is not sealed."""
    buyer, delivery = order["buyer"], order["delivery"]
    assert isinstance(buyer, dict)
    assert isinstance(delivery, dict)
    address = delivery["address"]
    texts = [buyer["email"], buyer["login"], buyer["phone"], address["street"], address["phone"]]
    return [text.encode() for text in texts if text]


async def test_a_life_of_buyers_data(world: World) -> None:
    world.settings = {
        "privacy": {"keep_buyer_data": "1s"},
        "rules": {"parcel_sent": "sent"},
        **world.settings,
    }
    world.write_config()
    kept, going_on = world.sell({"SKU-001": 2}), world.sell({"SKU-002": 1}, login="other-buyer")
    await world.start()
    for form in (kept, going_on):
        await world.forwarded(form)
    person = (await world.known(kept))["order"]
    numbers = {form: str((await world.known(form))["id"]) for form in (kept, going_on)}
    canaries = plain(person)
    assert len(canaries) >= 3
    assert (await world.cli("add-parcel", kept, "INPOST", "620999000111222333444555")).code == 0
    await world.settled()
    before = sealed(world)
    assert hits(world.data, before)

    # told about, naming nobody
    report = await world.cli("privacy", "report")
    assert report.code == 0, report
    assert f"order {numbers[going_on]}, bought" in report.out
    assert f"orderferry set-status {numbers[going_on]} sent" in report.out
    assert not any(canary.decode() in report.out for canary in canaries)

    # handed out
    target = world.folder / "buyer.json"
    said = await world.cli("privacy", "export", person["buyer"]["email"].upper(), "--to", str(target))
    assert said.code == 0, said
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    found = json.loads(target.read_text())
    assert found["schema"] == "orderferry-buyer-data/1"
    assert [one["order"]["buyer"]["email"] for one in found["orders"]] == [person["buyer"]["email"]]
    assert [one["number"] for one in found["orders"][0]["parcels"]] == ["620999000111222333444555"]
    again = await world.cli("privacy", "export", kept, "--to", str(target))
    assert (again.code, "not overwritten" in again.err) == (2, True)
    by_order = (await world.cli("privacy", "export", kept)).json
    assert [one["id"] for one in by_order["orders"]] == [int(numbers[kept])]
    assert (await world.cli("privacy", "export", "nobody@example.org")).code == 4
    target.unlink()

    # erased when its time is up: at the next start
    await world.stop()
    await world.start()
    await world.entry("buyer_data_erased", order=int(numbers[kept]), rule="keep_buyer_data")

    # what is left says so
    shown = await world.cli("show", kept)
    assert (shown.code, "Its buyer's data was erased on" in shown.out) == (0, True)
    assert "erased" in (await world.cli("orders")).out
    story = (await world.cli("explain", kept)).out
    assert "Its buyer's data was erased on" in story
    assert "its time was up" in story
    for words in (("plan", kept), ("forward", kept), ("add-parcel", kept, "DPD", "1")):
        refused = await world.cli(*words)
        assert (refused.code, "the buyer's data was erased from order" in refused.err) == (5, True), refused

    # erased by hand: not while it goes on, unless it is meant
    refused = await world.cli("privacy", "erase", "--login", "other-buyer", "--account", MARKET, "--yes")
    assert refused.code == 1
    assert f"orderferry set-status {numbers[going_on]} sent" in refused.out
    asked = await world.cli("privacy", "erase", going_on, "--even-unfinished", answers=("n",))
    assert asked.code == 1
    done = await world.cli("privacy", "erase", going_on, "--even-unfinished", answers=("y",))
    assert (done.code, "erased: 1 orders" in done.out) == (0, True), done

    # gone from every file
    async def gone() -> bool:
        return not hits(world.data, [*before, *canaries, b"620999000111222333444555"])

    await first(gone, "nothing of the buyers is in the data folder", pause=0.2)
    log = world.log.read_bytes()
    assert not [canary for canary in canaries if canary in log]

    # fetched again, nothing comes back and nothing is doubled
    assert (await world.cli("fetch", MARKET, "--since", "1d")).code == 0
    await world.stop()
    await world.start()
    await world.polls()
    await world.settled()
    store = sqlite3.connect(f"file:{world.data / 'orders.db'}?mode=ro", uri=True)
    assert store.execute("select count(*) from document").fetchone() == (0,)
    store.close()
    report = await world.cli("privacy", "report", "--json")
    account = next(one for one in report.json["accounts"] if one["account"] == MARKET)
    assert (account["held"], account["erased"], account["overdue"]) == (0, 2, 0)
