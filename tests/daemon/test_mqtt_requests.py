"""Commands by MQTT: checked as the control API's, carried out once, answered; and what Home Assistant is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.mqtt.requests import LARGEST, MOST_ANSWERED, MOST_AT_ONCE, Requests
from daemon.store.mqtt_reader import ANNOUNCED
from daemon.views import CommandError
from tests.broker import Listener, broker, eventually, listening, needs_broker, wire
from tests.daemon.control_hub import FakeHub
from tests.daemon.control_views import STATUS
from tests.daemon.mqtt_rig import IDENTITY, rig

pytestmark = needs_broker

ANNOUNCEMENT = f"homeassistant/device/orderferry_{IDENTITY.installation}/config"


async def online(heard: Listener) -> None:
    await eventually(lambda: heard.last("orderferry/status") == b"online", "it is online")


async def ask(heard: Listener, verb: str, payload: object, *, retain: bool = False) -> None:
    """Publishes a request."""
    assert heard.client is not None
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    await heard.client.publish(f"orderferry/request/{verb}", raw, qos=1, retain=retain)


async def answer(heard: Listener, verb: str, count: int = 1) -> Any:
    """The answer, as soon as there are so many."""
    topic = f"orderferry/response/{verb}"
    await eventually(lambda: len(heard.on(topic)) >= count, f"{count} answers to {verb}")
    return json.loads(heard.on(topic)[count - 1])


@pytest.mark.parametrize(
    ("verb", "payload", "command"),
    [
        ("set-status", {"order": 11, "status": "sent"}, ("set_status", "11", "sent", -1)),
        ("set-status", {"order": "11", "status": "sent"}, ("set_status", "11", "sent", -1)),
        ("add-parcel", {"order": 11, "carrier": "InPost", "number": "620"}, ("add_parcel", "11", "InPost", "620", -1)),
        ("fetch", {"accounts": ["allegro-main"]}, ("fetch", ("allegro-main",), -1)),
        ("fetch", {}, ("fetch", (), -1)),
    ],
)
async def test_a_command_is_carried_out_and_answered(
    tmp_path: Path, verb: str, payload: dict[str, Any], command: tuple[object, ...]
) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        await ask(heard, verb, {"id": "a-1"} | payload)
        said = await answer(heard, verb)
        assert (said["id"], said["ok"]) == ("a-1", True)
        assert said["result"]
        assert [tuple(part for part in one if part is not None) for one in one.hub.commands] == [command]


async def test_the_status_is_told(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        await ask(heard, "status", {"id": "a-1"})
        assert (await answer(heard, "status"))["result"]["health"] == STATUS.health


@pytest.mark.parametrize(
    ("verb", "payload", "name", "problem"),
    [
        ("set-status", {"id": "a", "order": 99, "status": "sent"}, "a", ("not_found", "there is no order 99")),
        ("set-status", {"id": "a", "order": 11}, "a", ("invalid", "missing required field `status`")),
        ("set-status", {"id": "a", "order": 11, "status": 5}, "a", ("invalid", "$.status")),
        ("set-status", {"id": "a", "order": 11, "status": "sent", "x": 1}, "a", ("invalid", "unknown field `x`")),
        ("set-status", {"order": 11, "status": "sent"}, None, ("invalid", "missing required field `id`")),
        ("set-status", {"id": "ż", "order": 11, "status": "sent"}, None, ("invalid", "$.id")),
        ("set-status", b"not json", None, ("invalid", "not JSON")),
        ("set-status", b"\xff\xfe", None, ("invalid", "not JSON")),
        ("set-status", b'{"id":' + b"[" * 5000, None, ("invalid", "the request is not")),
        ("fetch", {"id": "a", "since": "yesterday"}, "a", ("invalid", "$.since")),
        ("fetch", b" " * (LARGEST + 1), None, ("invalid", f"at most {LARGEST} bytes")),
        ("set-statu", {"id": "a"}, "a", ("not_found", "there is no such request")),
    ],
)
async def test_what_can_t_be_done_is_said(
    tmp_path: Path, verb: str, payload: object, name: str | None, problem: tuple[str, str]
) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        await ask(heard, verb, payload)
        said = await answer(heard, verb)
        assert (said["id"], said["ok"], said["problem"]["code"]) == (name, False, problem[0])
        assert problem[1] in said["problem"]["message"]
        assert one.mqtt.trouble() is None


async def test_a_repeated_request_is_carried_out_once_and_answered_again(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        asked = {"id": "a-1", "order": 11, "status": "sent"}
        await ask(heard, "set-status", asked)
        first = await answer(heard, "set-status")
        await ask(heard, "set-status", asked)
        assert await answer(heard, "set-status", 2) == first
        assert len(one.hub.commands) == 1
        await ask(heard, "set-status", asked | {"status": "paid"})
        assert (
            "this id came before, with another request" in (await answer(heard, "set-status", 3))["problem"]["message"]
        )
        assert len(one.hub.commands) == 1


async def test_kept_and_empty_requests_are_left_alone(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, listening(to) as heard:
        await ask(heard, "set-status", {"id": "a", "order": 11, "status": "sent"}, retain=True)
        async with rig(tmp_path, to, requests=True) as one:
            await one.begin()
            await online(heard)
            await ask(heard, "fetch", b"")
            await ask(heard, "status", {"id": "b"})
            await answer(heard, "status")
            assert one.hub.commands == []
            assert heard.on("orderferry/response/+") == heard.on("orderferry/response/status")


async def test_without_requests_nothing_is_taken(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        await ask(heard, "fetch", {"id": "a"})
        await one.write()
        await heard.event("fetched")
        assert one.hub.commands == []
        assert heard.on("orderferry/response/#") == []


async def test_too_many_at_once_are_told_to_come_again(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        one.hub.gate = asyncio.Event()
        await one.begin()
        await online(heard)
        for number in range(MOST_AT_ONCE + 1):
            await ask(heard, "fetch", {"id": str(number)})
        said = await answer(heard, "fetch")
        assert (said["id"], said["problem"]["code"]) == (str(MOST_AT_ONCE), "unavailable")
        one.hub.gate.set()
        await answer(heard, "fetch", MOST_AT_ONCE + 1)
        await ask(heard, "fetch", {"id": str(MOST_AT_ONCE)})
        assert (await answer(heard, "fetch", MOST_AT_ONCE + 2))["ok"]


async def test_a_command_goes_on_when_the_line_breaks_and_is_answered_when_it_is_sent_again(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "b") as to,
        wire(to) as line,
        rig(tmp_path, to, requests=True, port=line.port) as one,
        listening(to) as heard,
    ):
        gate = one.hub.gate = asyncio.Event()
        await one.begin()
        await online(heard)
        await ask(heard, "fetch", {"id": "a"})
        await eventually(lambda: one.hub.commands, "it is under way")
        line.cut()
        await eventually(lambda: heard.on("orderferry/status")[-2:] == [b"offline", b"online"], "it is back")
        gate.set()
        await ask(heard, "fetch", {"id": "a"})
        assert (await answer(heard, "fetch"))["ok"]
        assert len(one.hub.commands) == 1


@pytest.mark.parametrize(
    ("fault", "code"), [(CommandError("conflict", "no"), "conflict"), (ValueError("inside"), "internal")]
)
async def test_a_fault_inside_is_answered_without_its_insides(tmp_path: Path, fault: Exception, code: str) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        one.hub.fails["status"] = fault
        await one.begin()
        await online(heard)
        await ask(heard, "status", {"id": "a"})
        said = await answer(heard, "status")
        assert said["problem"]["code"] == code
        assert "inside" not in str(said)


async def test_whoever_takes_no_answers_fills_no_memory() -> None:
    never = asyncio.Event()

    async def reply(_verb: str, _answer: bytes) -> None:
        await never.wait()

    requests = Requests(FakeHub(), lambda: 0.0)
    for number in range(10 * MOST_ANSWERED):
        requests.take("status", json.dumps({"id": str(number)}).encode(), reply)
        await asyncio.sleep(0)
    assert len(requests._running) == MOST_ANSWERED
    await requests.stop()
    assert not requests._running


# Home Assistant


async def announced(heard: Listener) -> dict[str, Any]:
    await eventually(lambda: heard.last(ANNOUNCEMENT), "it is announced")
    return dict(json.loads(heard.last(ANNOUNCEMENT) or b"{}"))


async def test_home_assistant_is_told_what_there_is(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to, requests=True) as one, listening(to) as heard:
        await one.begin()
        told = await announced(heard)
        assert told["device"]["identifiers"] == ["orderferry_testtest"]
        assert told["origin"]["name"] == "orderferry"
        assert (told["availability_topic"], told["state_topic"]) == ("orderferry/status", "orderferry/state")
        parts = told["components"]
        assert {name: part["platform"] for name, part in parts.items()} == {
            "waiting": "sensor", "parked": "sensor", "oldest": "sensor", "last_order": "sensor", "fetch": "button",
        }  # fmt: skip
        assert all(part["unique_id"] == f"orderferry_testtest_{name}" for name, part in parts.items())
        asked = parts["fetch"]["command_template"].replace("{{ now().timestamp() }}", "17.5")
        await online(heard)
        await ask(heard, parts["fetch"]["command_topic"].rpartition("/")[2], asked.encode())
        assert (await answer(heard, "fetch"))["ok"]


async def test_without_requests_the_button_is_taken_away(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        assert (await announced(heard))["components"]["fetch"] == {"platform": "button"}


async def test_it_is_announced_again_when_home_assistant_has_started(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        assert heard.client is not None
        await heard.client.publish("homeassistant/status", b"offline", qos=1)
        await heard.client.publish("homeassistant/status", b"online", qos=1)
        await eventually(lambda: len(heard.on(ANNOUNCEMENT)) == 2, "it is announced again")


async def test_it_is_withdrawn_where_it_was_announced(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to) as heard:
        await one.begin()
        await announced(heard)
        await online(heard)
        await one.end()
        await one.begin(replace(one.settings, discovery_topic="ha"))
        moved = ANNOUNCEMENT.replace("homeassistant", "ha")
        await eventually(lambda: heard.last(moved), "it is announced elsewhere")
        assert heard.last(ANNOUNCEMENT) == b""
        await one.end()
        await one.begin(replace(one.settings, discovery=False))
        await eventually(lambda: heard.last(moved) == b"", "it is withdrawn there too")
        await one.end()
        rows = await one.engine.store.fetch("select value from meta where key = ?", (ANNOUNCED,))
        assert rows == [("",)]
    async with broker(tmp_path / "b2") as to, rig(tmp_path / "2", to, discovery=False) as one, listening(to) as heard:
        await one.begin()
        await online(heard)
        assert not [m for m in heard.messages if str(m.topic).startswith("homeassistant")]
