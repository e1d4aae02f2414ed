"""Orders from files: handed in by command, by the control API, or left in a watched folder."""

from __future__ import annotations

import json
from pathlib import Path

from tests.journeys.world import MARKET, SHOP, World, eventually, first

HEAD = (
    "Numer zamówienia;Data;SKU;Produkt;Ilość;Cena;Waluta;Ulica;Miasto;Kod pocztowy;Kraj;Odbiorca;E-mail;"
    "Koszt dostawy;Opłacone"
)
CANARY = "Kanaria-Żółtobrzuch"


def row(number: str, *, price: str = "10,00", sku: str = "SKU-001", paid: str = "tak") -> str:
    return (
        f"{number};2026-11-01 10:00;{sku};Kubek;1;{price};PLN;Solna 1;Poznań;60-166;PL;"
        f"Jan {CANARY};canary@allegromail.pl;9,99;{paid}"
    )


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((HEAD, *rows)) + "\n", encoding="utf-8")
    return path


async def test_a_file_that_is_imported_twice_is_once_in_the_shop(world: World) -> None:
    file = write(world.folder / "orders.csv", row("A-1"), row("A-2", sku="SKU-002", paid="nie"))
    await world.start()
    said = await world.cli("import", str(file))
    assert (said.code, said.out) == (0, "import: 2 new, 0 changed, 0 known already\n"), said
    for number in ("A-1", "A-2"):
        link = await world.forwarded(number)
        assert link["total"] == "19.99 PLN"
    again = await world.cli("import", str(file))
    assert again.out == "import: 0 new, 0 changed, 2 known already\n"
    await world.settled()
    assert sorted(world.shop.posts) == ["A-1", "A-2"]
    (order,) = world.shop.of("A-1")
    assert order["status"] == "processing"
    assert order["billing"]["last_name"] == CANARY
    assert {
        one["external_id"] for one in (await world.cli("orders", "--account", "import", "--json")).json["orders"]
    } == {
        "A-1",
        "A-2",
    }
    shown = (await world.cli("accounts", "--json")).json
    assert [(one["name"], one["role"], one["health"], one["orders"]) for one in shown][-1] == (
        "import",
        "import",
        "ok",
        2,
    )
    rows = await world.entries("imported", account="import")
    assert [(one["data"]["new"], one["data"]["same"]) for one in rows] == [(2, 0), (0, 2)]
    assert CANARY not in world.log.read_text() + json.dumps(await world.entries())


async def test_the_account_that_no_section_names_is_there_again_after_a_restart(world: World) -> None:
    file = write(world.folder / "orders.csv", row("A-1"))
    await world.start()
    assert "import" not in {one["name"] for one in await world.api("accounts")}
    await world.cli("import", str(file))
    await world.forwarded("A-1")
    await world.stop()
    await world.start()
    assert (await world.account("import", health="ok"))["orders"] == 1
    assert (await world.cli("import", str(file))).out == "import: 0 new, 0 changed, 1 known already\n"
    status, problem = await world.post("fetch", {"accounts": ["import"]})
    assert (status, "orderferry import FILE" in problem["message"]) == (409, True)
    await world.post("accounts/import/pause")
    status, problem = await world.post("imports/import/orders")
    assert (status, "orderferry resume import" in problem["message"]) == (409, True)
    await world.post("accounts/import/resume")
    assert (await world.post("imports/import/orders"))[0] == 200
    assert (await world.account("import"))["health"] == "ok"


async def test_a_bad_row_is_told_with_its_line_and_can_be_mended(world: World) -> None:
    file = write(world.folder / "orders.csv", row("B-1"), row("B-2", price="ten"), row("B-3"))
    await world.start()
    said = await world.cli("import", str(file))
    assert said.code == 1
    assert "orders.csv, line 3, order B-2: Cena: is not a number such as 12,50" in said.out
    assert "import: 2 new, 0 changed, 0 known already, 1 could not be taken" in said.out
    (parked,) = (await world.cli("jobs", "--state", "parked", "--json")).json["malformed"]
    assert (parked["external_id"], parked["reason"]) == ("B-2", "line 3: Cena: is not a number such as 12,50")
    assert "orderferry import FILE --account import" in parked["remedy"]

    write(file, row("B-1"), row("B-2", price="10,00"), row("B-3"))
    assert (await world.cli("import", str(file))).out == "import: 1 new, 0 changed, 2 known already\n"
    for number in ("B-1", "B-2", "B-3"):
        await world.forwarded(number)
    assert sorted(world.shop.posts) == ["B-1", "B-2", "B-3"]
    assert (await world.api("status"))["malformed"] == 0


async def test_a_dry_run_says_what_would_happen_and_changes_nothing(world: World) -> None:
    known = write(world.folder / "known.csv", row("C-1"))
    file = write(world.folder / "orders.csv", row("C-1", price="11,00"), row("C-2"), row("C-3", price="x"))
    await world.start()
    dry = await world.cli("import", str(known), "--dry-run")
    assert dry.out == "import: 1 new, 0 changed, 0 known already, if it were no dry run\n"
    assert "import" not in {one["name"] for one in await world.api("accounts")}
    await world.cli("import", str(known))
    await world.forwarded("C-1")
    before = await world.entries()
    dry = await world.cli("import", str(file), "--dry-run")
    assert dry.code == 1
    assert "1 new, 1 changed, 0 known already, 1 could not be taken, if it were no dry run" in dry.out
    assert await world.entries() == before
    assert await world.order("C-2") is None
    assert (await world.api("status"))["malformed"] == 0
    assert world.shop.posts == ["C-1"]


async def test_columns_that_say_nothing_end_in_a_mapping_to_begin_with(world: World) -> None:
    file = world.folder / "theirs.csv"
    file.write_text("Nr;Artikel;SKU;Menge;Preis;Strasse;Ort\nD-1;Tasse;SKU-003;2;4,50;Weg 1;Wien\n", encoding="utf-8")
    await world.start()
    said = await world.cli("import", str(file))
    assert said.code == 1
    assert "no column for number" in said.err
    assert 'sku = "SKU"' in said.out
    mapping = world.folder / "mapping.toml"
    mapping.write_text(
        '[columns]\nnumber = "Nr"\nproduct = "Artikel"\nquantity = "Menge"\nprice = "Preis"\nstreet = "Strasse"\n'
        'city = "Ort"\n[defaults]\ncurrency = "PLN"\ncountry = "AT"\npayment = "COD"\n',
        encoding="utf-8",
    )
    assert (await world.cli("import", str(file), "--mapping", str(mapping))).code == 0
    assert (await world.forwarded("D-1"))["total"] == "9.00 PLN"


async def test_orders_are_taken_by_the_control_api(world: World) -> None:
    money = {"amount": "10.00", "currency": "PLN"}
    order = {
        "external_id": "E-1",
        "stage": "ready",
        "ordered_at": "2026-11-01T10:00:00Z",
        "updated_at": "2026-11-01T10:00:00Z",
        "buyer": {"login": "anna"},
        "lines": [{"id": "1", "name": "Mug", "quantity": 1, "unit_price": money, "total": money, "sku": "SKU-004"}],
        "delivery": {"cost": {"amount": "0", "currency": "PLN"}, "pickup_point": {"id": "POZ08A"}},
        "payment": {"kind": "online", "paid": money},
        "total": money,
    }
    await world.start()
    status, view = await world.post("imports/import/orders", {"orders": [order]})
    assert (status, view["new"], view["orders"][0]["verdict"]) == (200, 1, "new")
    await world.forwarded("E-1")
    older = order | {"updated_at": "2026-10-01T10:00:00Z", "comment": "from before"}
    _, view = await world.post("imports/import/orders", {"orders": [older, order | {"external_id": "E-2"}]})
    assert [(one["verdict"], bool(one["reason"])) for one in view["orders"]] == [("refused", True), ("new", False)]
    status, problem = await world.post("imports/import/orders", {"orders": [order | {"lines": []}]})
    assert (status, "$.orders[0]" in problem["message"]) == (400, True)
    status, problem = await world.post(f"imports/{MARKET}/orders", {"orders": [order]})
    assert (status, "is a marketplace" in problem["message"]) == (400, True)
    status, problem = await world.post("imports/improt/orders", {"orders": [order]})
    assert (status, problem["suggestions"]) == (404, ["import"])
    _, gone = await world.post(
        "imports/import/orders", {"orders": [order | {"stage": "cancelled", "updated_at": "2026-11-02T10:00:00Z"}]}
    )
    assert gone["changed"] == 1
    (there,) = world.shop.of("E-1")
    await eventually(lambda: there["status"] == "cancelled", "the shop is told that it is called off")


def watched(world: World) -> Path:
    folder = world.folder / "in"
    folder.mkdir()
    world.settings["imports.files"] = {"folder": str(folder), "watch_every": "0.1s"}
    world.write_config()
    return folder


async def test_a_watched_folder_is_emptied_and_what_was_bad_lies_beside_what_was_done(world: World) -> None:
    folder = watched(world)
    await world.start()
    write(folder / "unfinished.csv.part", row("F-0"))
    write(folder / "orders.csv", row("F-1"), row("F-2", price="x"))
    (folder / "bomb.xml").write_text('<!DOCTYPE a [<!ENTITY b "c">]><a><order>&b;</order></a>')
    await world.forwarded("F-1")
    await eventually((folder / "failed" / "bomb.xml").exists, "the bomb is put aside")
    await eventually((folder / "done" / "orders.csv").exists, "the file is moved away")
    bad = (folder / "done" / "orders.csv.errors.csv").read_text(encoding="utf-8").splitlines()
    assert bad == ["line;order;reason", "3;F-2;Cena: is not a number such as 12,50"]
    assert "DTD" in (folder / "failed" / "bomb.xml.errors.csv").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["done", "failed", "unfinished.csv.part"]
    assert await world.order("F-0") is None

    write(folder / "orders.csv", row("F-2"))
    await world.forwarded("F-2")
    await eventually((folder / "done" / "orders-2.csv").exists, "a file of the same name is kept as well")
    assert (await world.api("status"))["malformed"] == 0
    assert sorted(world.shop.posts) == ["F-1", "F-2"]
    account = await world.account("files", health="ok")
    assert account["folder"] == str(folder)


async def test_a_folder_that_is_gone_is_told_and_goes_on_when_it_is_back(world: World) -> None:
    folder = watched(world)
    away = folder.rename(world.folder / "away")
    await world.start()
    down = await world.account("files", health="down")
    assert str(folder) in down["problem"]
    assert any("files" in problem for problem in (await world.api("status"))["problems"])
    away.rename(folder)
    await world.account("files", health="ok", problem=None)
    write(folder / "orders.csv", row("G-1"))
    await world.forwarded("G-1")


async def test_a_daemon_that_is_killed_within_a_file_imports_it_again_and_doubles_nothing(world: World) -> None:
    numbers = [f"H-{number:04}" for number in range(2_000)]
    world.settings[f"shops.{SHOP}.forward"] = {"enabled": False}
    folder = watched(world)
    await world.start()
    write(world.folder / "orders.csv", *map(row, numbers)).rename(folder / "orders.csv")
    await world.entry("imported")
    await world.kill()
    assert (folder / "orders.csv").exists()
    await world.start()

    async def all_there() -> bool:
        return bool((await world.account("files"))["orders"] == len(numbers))

    await first(all_there, "all orders of the file are in the hub", seconds=30)
    await eventually((folder / "done" / "orders.csv").exists, "the file is moved away")
    told = await world.entries("order_new")
    assert len(told) == len({entry["data"]["external_id"] for entry in told}) == len(numbers)


async def test_a_command_that_loses_its_daemon_is_given_again(world: World) -> None:
    numbers = [f"J-{number:04}" for number in range(450)]
    world.settings[f"shops.{SHOP}.forward"] = {"enabled": False}
    world.write_config()
    file = write(world.folder / "orders.csv", *map(row, numbers))
    await world.start()
    process = await world.begin("import", str(file))
    await world.entry("imported")
    await world.kill()
    _, err = await process.communicate()
    if process.returncode:
        assert process.returncode == 3, err
    await world.start()
    again = await world.cli("import", str(file), "--json")
    done = json.loads(again.out.splitlines()[-1])
    assert (done["new"] + done["same"], done["bad"]) == (450, 0)
    assert done["same"] >= 200
    assert (await world.account("import"))["orders"] == 450
