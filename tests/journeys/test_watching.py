"""The running daemon as a watcher sees it: its metrics and its health by the socket and by the port, and its alarms."""

from __future__ import annotations

import socket

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.journeys.world import MARKET, SHOP, World, eventually, first

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def free_port(family: socket.AddressFamily, host: str) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as found:
        found.bind((host, 0))
        return int(found.getsockname()[1])


def read(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, frozenset(labels.items())), 0.0)


async def by_socket(world: World, path: str) -> tuple[int, str, str]:
    async with world._http().get(f"http://localhost/{path}") as answer:
        return answer.status, answer.content_type, await answer.text()


async def by_port(url: str, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, f"{url}/{path}", headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.fixture
def port(world: World) -> str:
    """Where the daemon is going to be watched."""
    number = free_port(socket.AF_INET, "127.0.0.1")
    world.settings["watch"] = {"listen": f"127.0.0.1:{number}", "alarm_after": "1s"}
    world.write_config()
    return f"http://127.0.0.1:{number}"


async def test_the_figures_are_those_of_the_platforms(world: World, port: str) -> None:
    await world.start()
    forms = [world.sell() for _ in range(4)]
    placed = world.market.buy({"SKU-001": 1})
    refused = world.sell()
    world.shop.refusals[refused] = "no such product"
    for form in forms:
        await world.forwarded(form)
    await world.known(placed, stage="placed")
    await world.job(refused, state="parked")

    async def there() -> Samples | None:
        found = read((await by_port(port, "metrics"))[1])
        parked = of(found, "orderferry_alarms", topic="parked")
        return found if of(found, "orderferry_form_to_shop_seconds_count", account=SHOP) == 4 and parked else None

    samples = await first(there, "all of it is in the metrics")
    assert of(samples, "orderferry_orders", account=MARKET, stage="ready") == len(world.shop.shop.orders) + 1 == 5
    assert of(samples, "orderferry_orders", account=MARKET, stage="placed") == 1
    assert of(samples, "orderferry_jobs", account=SHOP, kind="add_order", state="parked") == 1
    assert of(samples, "orderferry_jobs_ended_total", account=SHOP, kind="add_order", outcome="done") == 4
    assert of(samples, "orderferry_jobs_ended_total", account=SHOP, kind="add_order", outcome="parked") == 1
    assert of(samples, "orderferry_form_to_shop_seconds_sum", account=SHOP) > 0
    assert of(samples, "orderferry_requests_total", account=SHOP, outcome="rejected") >= 1
    asked = of(samples, "orderferry_requests_total", account=MARKET, outcome="ok")
    assert 0 < asked <= len(world.simulator.served)
    assert of(samples, "orderferry_request_seconds_count", account=MARKET) >= asked
    for name in (MARKET, SHOP):
        assert of(samples, "orderferry_account_up", account=name) == 1
        assert of(samples, "orderferry_account_needs_login", account=name) == 0
        assert of(samples, "orderferry_last_fetch_time_seconds", account=name) > 1_700_000_000
    assert of(samples, "orderferry_store_commit_seconds_count") > 4
    assert of(samples, "orderferry_oldest_unfinished_order_seconds", account=SHOP) > 0
    assert of(samples, "orderferry_store_degraded") == 0
    assert of(samples, "orderferry_process_resident_memory_bytes") > 1_000_000

    status, content_type, text = await by_socket(world, "metrics")
    assert (status, content_type) == (200, "text/plain")
    assert {name for name, _ in read(text)} == {name for name, _ in samples}
    for place in (await by_socket(world, "healthz"), await by_socket(world, "readyz")):
        assert (place[0], place[2]) == (200, '{"health":"ok"}')
    assert await by_port(port, "readyz") == (200, '{"health":"ok"}')
    assert not any(form in text for form in (*forms, placed, refused))


async def test_the_port_shows_three_paths_to_this_machine_and_nothing_else(world: World, port: str) -> None:
    await world.start()
    await eventually(lambda: "metrics_listening" in world.log.read_text(), "the port is open")
    number = port.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{number}", "orderferry", "127.0.0.1.evil.example", "localhost:x", ""):
        assert (await by_port(port, "metrics", Host=host))[0] == 403, host
    for host in ("localhost", f"127.0.0.1:{number}", "LOCALHOST:1", f"[::1]:{number}"):
        assert (await by_port(port, "healthz", Host=host))[0] == 200, host
    assert (await by_port(port, "healthz", Origin="http://localhost"))[0] == 403
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert (await by_port(port, "metrics", method=method))[0] == 405, method
    assert await by_port(port, "metrics", method="HEAD") == (200, "")
    for path in ("", "v1/status", "v1/orders", "v1/openapi.json", "metrics/", "metrics%2f", "v1/../metrics/x"):
        assert (await by_port(port, path))[0] == 404, path
    assert (await by_port(port, "metrics?x=1"))[0] == 400
    assert (await by_port(port, "healthz", X="x" * 9000))[0] in {400, 431}

    del world.settings["watch"]["listen"]
    world.write_config()
    assert (await world.cli("reload")).code == 0
    with pytest.raises(aiohttp.ClientConnectorError):
        await by_port(port, "healthz")


async def test_an_alarm_is_told_once_and_is_over_when_a_person_has_acted(world: World, port: str) -> None:
    assert port
    await world.start()
    form = world.sell()
    world.shop.refusals[form] = "no such product"
    job = await world.job(form, state="parked")
    alarm = await world.entry("alarm", what="parked")
    assert (alarm["order"], alarm["account"], alarm["job"]) == (job["order"], SHOP, job["id"])
    assert alarm["data"]["command"] == f"orderferry retry {job['id']}"
    said = await world.cli("status")
    assert f"! alarm: order {job['order']} is parked: job {job['id']} for {SHOP} waits for a person" in said.out
    assert f"orderferry retry {job['id']}" in said.out
    told = (await world.cli("explain", form)).out
    assert f"Alarm: order {job['order']} is parked" in told

    await world.stop()
    await world.start()
    await world.polls()
    assert len(await world.entries("alarm")) == 1, "a restart told it again"
    del world.shop.refusals[form]
    assert (await world.cli("retry", str(job["id"]))).code == 0
    await world.forwarded(form)
    over = await world.entry("alarm_over", what="parked")
    assert over["job"] == job["id"]
    assert (await world.api("status"))["alarms"] == []
    assert '"event":"alarm"' in world.log.read_text()


async def test_a_shop_that_is_away_is_an_alarm_and_so_are_its_orders(world: World, port: str) -> None:
    await world.start()
    await world.account(SHOP, health="ok")
    await world.shop.stop()
    form = world.sell()
    down = await world.entry("alarm", what="down", seconds=30)
    assert (down["account"], down["order"]) == (SHOP, None)
    late = await world.entry("alarm", what="unfinished", seconds=30)
    assert late["order"] == (await world.known(form))["id"]
    assert (await by_port(port, "readyz"))[0] == 200
    samples = read((await by_port(port, "metrics"))[1])
    assert of(samples, "orderferry_account_up", account=SHOP) == 0
    assert of(samples, "orderferry_alarms", topic="down") == 1
    assert of(samples, "orderferry_requests_total", account=SHOP, outcome="unavailable") > 0
