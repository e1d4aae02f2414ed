"""The simulator keeps Amazon's rules, and runs by itself."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
import msgspec
import pytest

from orderferry.testing.clock import VirtualClock
from plugins.amazon.auth import HEADER
from plugins.amazon.simulator import AmazonSimulator

ORDERS = "/orders/2026-01-01/orders"


async def ask(simulator: AmazonSimulator, path: str, **query: str) -> tuple[int, dict[str, Any], Any]:
    access = simulator.lwa.issue(simulator.lwa.authorise())["access_token"]
    async with (
        aiohttp.ClientSession() as session,
        session.get(simulator.url + path, params=query, headers={HEADER: access}) as answer,
    ):
        return answer.status, await answer.json(), answer.headers


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"createdAfter": "2026-01-01T00:00:00Z", "lastUpdatedAfter": "2026-01-01T00:00:00Z"},
        {"createdAfter": "2026-01-01T00:00:00Z", "lastUpdatedBefore": "2026-01-02T00:00:00Z"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "lastUpdatedBefore": "2026-01-05T08:59:00Z"},
        {"lastUpdatedAfter": "2026-01-05T08:59:00Z"},
        {"lastUpdatedAfter": "TEST_CASE_400"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "maxResultsPerPage": "101"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "includedData": "EVERYTHING"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "fulfillmentStatuses": "Unshipped"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "marketplaceIds": ",".join(f"A{n}" for n in range(51))},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "paginationToken": "made-up"},
        {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "OrderStatuses": "Unshipped"},
    ],
)
async def test_searches_that_break_a_rule_are_refused(simulator: AmazonSimulator, query: dict[str, str]) -> None:
    status, body, _ = await ask(simulator, ORDERS, **query)
    assert status == 400
    assert body["errors"][0]["code"] == "InvalidInput"


async def test_a_token_wants_the_same_question(simulator: AmazonSimulator, clock: VirtualClock) -> None:
    for _ in range(3):
        simulator.market.purchase()
    await clock.advance(600)
    query = {"lastUpdatedAfter": "2026-01-01T00:00:00Z", "maxResultsPerPage": "2"}
    _, first, _ = await ask(simulator, ORDERS, **query)
    token = first["pagination"]["nextToken"]
    status, _, _ = await ask(simulator, ORDERS, **{**query, "maxResultsPerPage": "3"}, paginationToken=token)
    assert status == 400
    status, second, _ = await ask(simulator, ORDERS, **query, paginationToken=token)
    assert status == 200
    assert len(first["orders"]) + len(second["orders"]) == 3
    assert "pagination" not in second


async def test_only_the_blocks_that_were_asked_for_are_shown(simulator: AmazonSimulator) -> None:
    order_id = simulator.market.purchase(wishes={"company": True})
    _, bare, _ = await ask(simulator, f"{ORDERS}/{order_id}")
    assert set(bare["order"]) == {
        *("orderId", "createdTime", "lastUpdatedTime", "programs", "salesChannel", "orderItems"),
    }
    _, more, _ = await ask(simulator, f"{ORDERS}/{order_id}", includedData="TAX,FULFILLMENT")
    assert set(more["order"]) - set(bare["order"]) == {"tax", "fulfillment"}


async def test_too_many_requests_are_throttled_with_the_plan_in_a_header(simulator: AmazonSimulator) -> None:
    query = {"lastUpdatedAfter": "2026-01-01T00:00:00Z"}
    answers = [await ask(simulator, ORDERS, **query) for _ in range(21)]
    assert [status for status, _, _ in answers] == [200] * 20 + [429]
    assert {headers["x-amzn-RateLimit-Limit"] for _, _, headers in answers} == {"0.0056"}
    assert answers[-1][1]["errors"][0]["code"] == "QuotaExceeded"


async def test_it_runs_by_itself_and_is_steered_from_outside() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "plugins.amazon.simulator", "--seed", "3", "--hurry", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        told = msgspec.json.decode(await process.stdout.readline())
        assert set(told) == {"url", "api_url", "auth_url", "client_id", "client_secret", "refresh_token"}
        async with aiohttp.ClientSession() as session:
            form = {name: told[name] for name in ("refresh_token", "client_id", "client_secret")}
            form["grant_type"] = "refresh_token"
            async with session.post(f"{told['auth_url']}/token", data=form) as answer:
                access = (await answer.json())["access_token"]
            async with session.post(f"{told['url']}/_sim/purchase", json={"skus": {"SKU-001": 2}}) as answer:
                order_id = (await answer.json())["result"]
            async with session.post(f"{told['url']}/_sim/run", json={"orders": 5, "seconds": 0}) as answer:
                assert answer.status == 200
            async with session.post(f"{told['url']}/_sim/explode", json={}) as answer:
                assert answer.status == 400
            query = {"lastUpdatedAfter": "2020-01-01T00:00:00Z"}
            async with session.get(told["api_url"] + ORDERS, params=query, headers={HEADER: access}) as answer:
                assert order_id in {one["orderId"] for one in (await answer.json())["orders"]}
            async with session.get(f"{told['url']}/_sim/summary") as answer:
                summary = await answer.json()
        assert order_id in summary["must"]
        assert sum(summary["forms"].values()) >= 1
    finally:
        process.terminate()
        await process.wait()
