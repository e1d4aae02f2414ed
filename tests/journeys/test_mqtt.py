"""MQTT beside the real program: a sale is told, commands come back, and a broker that is away holds nothing up."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker import Broker, broker, eventually, listening, needs_broker
from tests.journeys.world import SHOP, World

pytestmark = needs_broker


@pytest.fixture
async def told(world: World, tmp_path: Path) -> AsyncIterator[Broker]:
    """A broker that the world's settings name."""
    async with broker(tmp_path / "broker") as one:
        world.settings["mqtt"] = {"host": "127.0.0.1", "port": one.port, "requests": True}
        world.write_config()
        yield one


async def test_a_sale_is_told_and_answered_by_mqtt(world: World, told: Broker) -> None:
    async with listening(told) as heard:
        await world.start()
        await eventually(lambda: heard.last("orderferry/status") == b"online", "it is online")
        form = world.sell()
        new = await heard.event("order_new", external_id=form)
        done = await heard.event("job_done", what="add_order")
        assert done["order"] == new["order"]
        assert done["text"].startswith(f"It is in {SHOP} as order ")
        assert new["id"].startswith((await world.api("status"))["installation"])

        async def ask(verb: str, **fields: object) -> Any:
            assert heard.client is not None
            asked = {"id": f"{verb}-1", **fields}
            await heard.client.publish(f"orderferry/request/{verb}", json.dumps(asked).encode(), qos=1)
            topic = f"orderferry/response/{verb}"
            await eventually(lambda: heard.last(topic), f"an answer to {verb}")
            return json.loads(heard.last(topic) or b"")

        assert (await ask("set-status", order=form, status="sent"))["ok"]
        assert (await ask("add-parcel", order=form, carrier="InPost", number="620999"))["ok"]
        fetched = (await ask("fetch", accounts=["allegro-main"]))["result"]
        assert [(line["account"], line["done"]) for line in fetched] == [("allegro-main", True)]
        assert (await ask("status"))["result"]["health"] == "ok"
        assert (await heard.event("status_set", status="sent"))["data"]["uid"] == -1
        story = await world.cli("explain", form)
        assert "Somebody, by MQTT, set its status to sent" in story.out
        assert "Somebody, by MQTT, added the parcel InPost 620999" in story.out

        await eventually(lambda: form.encode() in (heard.last("orderferry/state") or b""), "the state names it")
        assert json.loads(heard.last("orderferry/state") or b"")["last_order"]["external_id"] == form
        assert "allegromail.pl" not in str([one.payload for one in heard.messages])
        assert await world.stop() == 0
        await eventually(lambda: heard.last("orderferry/status") == b"offline", "it says goodbye")


async def test_orders_do_not_wait_for_a_broker_that_is_away(world: World, told: Broker) -> None:
    await told.stop()
    await world.start()
    began = time.monotonic()
    forms = [world.sell() for _ in range(5)]
    for form in forms:
        await world.forwarded(form)
    away = time.monotonic() - began
    status = await world.cli("status")
    assert f"the MQTT broker 127.0.0.1:{told.port} can't be reached (Connection refused)" in " ".join(
        status.out.split()
    )
    await told.start()
    async with listening(told, "orderferry/events/order_new") as heard:
        began = time.monotonic()
        for form in forms:
            await heard.event("order_new", external_id=form)
        more = [world.sell() for _ in range(5)]
        began = time.monotonic()
        for form in more:
            await world.forwarded(form)
        assert away < 2 * (time.monotonic() - began) + 2
    assert world.log.read_text().count("mqtt_away") == 1


async def test_a_reload_begins_and_ends_it(world: World, told: Broker) -> None:
    mqtt = world.settings.pop("mqtt")
    world.write_config()
    async with listening(told) as heard:
        await world.start()
        world.settings["mqtt"] = mqtt
        world.write_config()
        assert (await world.cli("reload")).code == 0
        await eventually(lambda: heard.last("orderferry/status") == b"online", "it is online")
        del world.settings["mqtt"]
        world.write_config()
        assert (await world.cli("reload")).code == 0
        await eventually(lambda: heard.last("orderferry/status") == b"offline", "it is offline")
