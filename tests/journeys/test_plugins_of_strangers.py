"""Plugins by others: one just written passes its tests and all checks, and the daemon puts orders into the example."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.journeys.strangers import environment, install_editable, run
from tests.journeys.world import PROGRAM, eventually

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "orderferry-order-hook"

ORDERS = """\
number,product,sku,quantity,price,currency,street,city,postcode,country,recipient,paid
1001,Mug,SKU-001,2,12.50,PLN,Solna 1,Poznan,60-166,PL,Jan Kowalski,yes
1002,Pen,SKU-002,1,3.99,PLN,Polna 2,Torun,87-100,PL,Anna Nowak,no
"""


def passed(output: str) -> int:
    found = re.search(r"(\d+) passed", output)
    assert found, output
    assert " failed" not in output
    return int(found[1])


@pytest.fixture(scope="module")
def mypy_cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What mypy knows of the libraries, kept from one plugin to the next."""
    return str(tmp_path_factory.mktemp("mypy"))


@pytest.mark.parametrize("role", ["marketplace", "shop"])
def test_a_new_plugin_passes_its_tests_and_all_checks(tmp_path: Path, mypy_cache: str, role: str) -> None:
    run([sys.executable, "-c", PROGRAM, "plugins", "new", "corner-shop", "--role", role, "--to", "mine"], tmp_path)
    project = tmp_path / "mine"
    assert passed(run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], project)) > 35
    run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], project)
    run([sys.executable, "-m", "ruff", "format", "--check", "--no-cache", "."], project)
    run([sys.executable, "-m", "mypy", "--cache-dir", mypy_cache], project)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The example, installed from a copy, so that nothing is left in the source tree."""
    site, project = tmp_path / "site", tmp_path / "example"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    install_editable(project, site)
    return site


@pytest.fixture
def hook(site: Path) -> Iterator[str]:
    """The example's simulator as a process, as its author would start it; the address."""
    command = [sys.executable, "-m", "orderferry_order_hook.simulator"]
    env = environment(site, site.parent / "example")
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


def test_the_examples_own_tests_pass(site: Path) -> None:
    project = site.parent / "example"
    assert passed(run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], project)) > 40


async def test_the_daemon_puts_orders_into_the_example(tmp_path: Path, site: Path, hook: str) -> None:
    env = environment(site, tmp_path / "example") | {"ORDERFERRY_SOCKET": str(tmp_path / "s")}
    config = tmp_path / "config.toml"
    config.write_text(
        f'[daemon]\ndata_dir = "data"\nsocket = "{tmp_path}/s"\n'
        '[plugins]\nenabled = ["orderferry-order-hook==0.3.0"]\n'
        f'[shops.my-erp]\nplatform = "order-hook"\nurl = "{hook}"\nsecret = "the-simulators-secret"\n'
    )
    (tmp_path / "orders.csv").write_text(ORDERS)
    program = [sys.executable, "-c", PROGRAM]
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen([*program, "run", "--config", str(config)], env=env, stdout=log, stderr=log) as daemon:  # noqa: S603, ASYNC220 - our own, and ended below
        try:
            await eventually((tmp_path / "s").exists, "the daemon's socket is there")
            run([*program, "import", "orders.csv"], tmp_path, env)
            await eventually(lambda: len(held(hook)) == 2, "both orders stand in the example")
            told = run([*program, "plugins", "--json"], tmp_path, env)
        finally:
            daemon.terminate()
    orders = {order["source_order"]: order for order in held(hook)}
    assert [(orders[key]["total"], orders[key]["paid"]) for key in ("1001", "1002")] == [
        ("25.00", True),
        ("3.99", False),
    ]
    (plugin,) = [one for one in json.loads(told) if not one["built_in"]]
    assert (plugin["name"], plugin["version"], plugin["state"]) == ("order-hook", "0.3.0", "runs")
    assert plugin["platforms"][0]["accounts"] == ["my-erp"]


def held(address: str) -> list[dict[str, object]]:
    with urlopen(f"{address}/_sim/orders") as answer:  # noqa: S310 - the simulator of this test
        found: list[dict[str, object]] = json.load(answer)
    return found
