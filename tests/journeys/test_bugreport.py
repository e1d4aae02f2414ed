"""`orderferry bugreport` as a process, of a daemon with orders: nothing of a buyer or a key is in the archive."""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from daemon.vault import TokenFiles, Vault
from plugins.allegro.simulator import CLIENT_ID, CLIENT_SECRET
from plugins.shops.woocommerce.simulator import KEY, SECRET
from tests.journeys.world import MARKET, SHOP, World

PERSONAL = frozenset(
    {
        "email",
        "login",
        "firstName",
        "lastName",
        "street",
        "phoneNumber",
        "zipCode",
        "post_code",
        "companyName",
        "text",
        "messageToSeller",
        "taxId",
    }
)


def forms(canary: str) -> Iterator[bytes]:
    """A text as it may hide: as it is, in an address, in JSON, and in base64 at each of its three beginnings."""
    yield canary.encode()
    yield quote(canary).encode()
    yield json.dumps(canary)[1:-1].encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + canary.encode())
        yield whole[(0, 2, 3)[shift] : len(whole) // 4 * 4 - 4]


def personal(value: Any, key: str = "") -> Iterator[str]:
    """What in a marketplace's order is about its buyer."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from personal(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from personal(inner, key)
    elif isinstance(value, str) and key in PERSONAL and len(value) > 5:
        yield value


def opened(path: Path) -> dict[str, bytes]:
    """The archive's files by name."""
    with tarfile.open(path) as archive:
        found = {}
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            found[member.name.removeprefix("orderferry-bugreport/")] = file.read()
        return found


async def test_nothing_of_a_buyer_or_a_key_is_in_it(world: World, tmp_path: Path) -> None:
    await world.start()
    orders = [
        world.sell(login=f"canary_login_{number}", invoice="company", comment=f"canary {number} rings")
        for number in range(3)
    ]
    links = [await world.forwarded(order) for order in orders]
    tokens = await TokenFiles(Vault.open(world.data, {}, create=False), world.data).for_account(MARKET).load()
    assert tokens is not None
    told = [text for order in orders for text in personal(json.loads(world.market.shown(order)))]
    assert len(set(told)) > 15
    to = tmp_path / "report.tar.gz"
    said = await world.cli(
        "bugreport", "--config", str(world.config), "--to", str(to), "--log", str(world.log), seconds=60
    )
    assert said.code == 0, said.err
    files = opened(to)
    assert set(files) >= {"versions.json", "doctor.json", "config.toml", "status.json", "accounts.json", "store.json"}
    whole = b"\n".join(files.values()) + said.out.encode()

    secrets = [CLIENT_ID, CLIENT_SECRET, KEY, SECRET, tokens.access, tokens.refresh or tokens.access]
    buyers = [f"canary_login_{number}" for number in range(3)]
    known = [*secrets, *buyers, *told, *orders, *(link["reference"] for link in links)]
    for canary in known:
        assert not [form for form in forms(canary) if form in whole], canary
    assert "allegromail" not in whole.decode()

    journal = [json.loads(line) for line in files["journal.jsonl"].splitlines()]
    new = [row["data"]["external_id"] for row in journal if row["kind"] == "order_new"]
    assert len(set(new)) == 3, "the orders are told apart all the same"
    assert json.loads(files["store.json"])["jobs"]["add_order done"] == 3
    assert json.loads(files["status.json"])["orders"]["ready"] == 3
    assert {one["name"] for one in json.loads(files["accounts.json"])} >= {MARKET, SHOP}
    assert b'consumer_secret = "***"' in files["config.toml"]
    assert json.loads(files["log.txt"].splitlines()[0])["event"]
    assert json.loads(files["doctor.json"])["findings"]


async def test_it_is_written_beside_nothing_that_is_there(world: World, tmp_path: Path) -> None:
    to = tmp_path / "report.tar.gz"
    to.write_text("mine")
    said = await world.cli("bugreport", "--config", str(world.config), "--to", str(to), "--offline", seconds=60)
    assert said.code == 1
    assert "is there already" in said.err
    assert to.read_text() == "mine"


async def test_a_log_that_can_not_be_read_is_named(world: World, tmp_path: Path) -> None:
    to, log = tmp_path / "report.tar.gz", tmp_path / "none.log"
    said = await world.cli("bugreport", "--config", str(world.config), "--to", str(to), "--log", str(log), seconds=60)
    assert said.code == 1
    assert f"{log} can't be read: No such file" in said.err
    assert not to.exists()


async def test_without_a_daemon_a_store_and_good_settings_it_says_what_is_missing(world: World, tmp_path: Path) -> None:
    world.config.write_text('[daemon\ndata_dir = "x"\n# the password is canarypassword\n')
    to = tmp_path / "report.tar.gz"
    said = await world.cli("bugreport", "--config", str(world.config), "--to", str(to), "--offline", seconds=60)
    assert said.code == 0, said.err
    assert "not in it: config.toml can't be read" in said.out
    assert "not in it: status: no daemon answers" in said.out
    files = opened(to)
    assert "config.toml" not in files
    assert b"canarypassword" not in b"".join(files.values())
