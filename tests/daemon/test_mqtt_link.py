"""The broker refuses, vanishes or comes back: it is said once, with what helps, and what can go on goes on."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from daemon.core.journal import Kind
from daemon.mqtt.faults import LinkError
from daemon.mqtt.link import Link
from daemon.mqtt_settings import MqttSettings
from orderferry import Secret
from tests.broker import Wire, broker, eventually, listening, needs_broker, wire, with_tls
from tests.certificates import certify
from tests.daemon.engine import Engine
from tests.daemon.mqtt_rig import Rig, rig

pytestmark = needs_broker

OWNER = "user owner\ntopic read #\n"
NOTHING: dict[str, Any] = {
    "waiting": 0,
    "parked": 0,
    "oldest_seconds": 0,
    "oldest_order": None,
    "last_order": None,
    "accounts": {},
}


async def trouble(one: Rig) -> str:
    """What is wrong, as soon as something is."""
    await eventually(one.mqtt.trouble, "something is wrong")
    return str(one.mqtt.trouble())


@pytest.mark.parametrize("login", [{"user": "shop", "password": Secret("wrong")}, {}])
async def test_a_refused_login_names_the_settings(tmp_path: Path, login: dict[str, Any]) -> None:
    async with broker(tmp_path / "b", passwords={"shop": "right"}) as to, rig(tmp_path, to, **login) as one:
        await one.begin()
        said = await trouble(one)
        assert said.startswith(f"the MQTT broker 127.0.0.1:{to.port} refuses our login (Not authorized); look at user ")
        assert "wrong" not in said


async def test_a_login_that_is_right(tmp_path: Path) -> None:
    passwords = {"shop": "right", "owner": "his"}
    async with (
        broker(tmp_path / "b", passwords=passwords) as to,
        rig(tmp_path, to, user="shop", password=Secret("right")) as one,
        listening(to, user="owner", password="his") as heard,
    ):
        await one.begin()
        await one.write()
        await heard.event("fetched")
        assert one.mqtt.trouble() is None


async def test_what_the_access_list_forbids_is_named_and_told_once_it_is_allowed(tmp_path: Path) -> None:
    access = tmp_path / "access"
    access.write_text(f"user shop\ntopic write orderferry/+\n{OWNER}")
    async with (
        broker(tmp_path / "b", passwords={"owner": "his", "shop": "right"}, lines=[f"acl_file {access}"]) as to,
        rig(tmp_path, to, user="shop", password=Secret("right"), discovery=False) as one,
        listening(to) as heard,
    ):
        await one.begin()
        (row,) = await one.write()
        said = await trouble(one)
        # the event, or the state that was under way with it: the broker's answer does not say which
        assert re.search(
            r"does not let the user shop write to orderferry/(events/fetched|state); mend its access", said
        )
        access.write_text(f"user shop\ntopic readwrite orderferry/#\n{OWNER}")
        to.reload()
        assert (await heard.event("fetched"))["sequence"] == row
        await eventually(lambda: one.mqtt.trouble() is None, "all is well")


async def test_a_forbidden_announcement_or_request_holds_nothing_else_up(tmp_path: Path) -> None:
    access = tmp_path / "access"
    access.write_text(f"user shop\ntopic write orderferry/#\n{OWNER}")
    async with (
        broker(tmp_path / "b", passwords={"owner": "his", "shop": "right"}, lines=[f"acl_file {access}"]) as to,
        rig(tmp_path, to, user="shop", password=Secret("right")) as one,
        listening(to) as heard,
    ):
        await one.begin()
        await one.write()
        await heard.event("fetched")
        said = "homeassistant/device/orderferry_testtest/config; mend its access list, or set discovery = false"
        await eventually(lambda: said in str(one.mqtt.trouble()), "it says what is missing")


async def test_tls_with_an_authority_of_ones_own(tmp_path: Path) -> None:
    certified, authority = with_tls(tmp_path / "b", certify("authority", signer=None))
    async with (
        broker(tmp_path / "b", tls=certified) as to,
        rig(tmp_path, to, host="localhost", tls=True, ca_file=authority) as one,
    ):
        await one.begin()
        await one.write()
        await eventually(lambda: one.mqtt._told is None and one.mqtt.trouble() is None, "all is well")
        await one.saved_is(await one.newest())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves its socket to be collected
async def test_an_unknown_authority_is_named(tmp_path: Path) -> None:
    certified, _ = with_tls(tmp_path / "b", certify("authority", signer=None))
    async with broker(tmp_path / "b", tls=certified) as to, rig(tmp_path, to, host="localhost", tls=True) as one:
        await one.begin()
        said = await trouble(one)
        assert said.startswith(f"the certificate of the MQTT broker localhost:{to.port} is not good (")
        assert "look at host and ca_file" in said
        await one.end()
        gc.collect()


async def test_a_client_certificate(tmp_path: Path) -> None:
    authority = certify("authority", signer=None)
    certified, trusted = with_tls(tmp_path / "b", authority)
    ours, _ = with_tls(tmp_path / "ours", authority)
    lines = [f"cafile {trusted}", "require_certificate true"]
    given: dict[str, Any] = {"host": "localhost", "tls": True, "ca_file": trusted}
    async with broker(tmp_path / "b", tls=certified, lines=lines) as to:
        async with rig(tmp_path, to, **given, certificate=ours) as one:
            await one.begin()
            await one.write()
            await one.saved_is(await one.newest())
            assert one.mqtt.trouble() is None
        async with rig(tmp_path / "without", to, **given) as one:
            await one.begin()
            assert "localhost" in await trouble(one)


async def test_certificates_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    async with broker(tmp_path / "b") as to:
        async with rig(tmp_path / "1", to, host="localhost", tls=True, ca_file=tmp_path / "ca.pem") as one:
            await one.begin()
            assert (await trouble(one)).startswith("ca_file in [mqtt] can't be read as certificates")
        async with rig(tmp_path / "2", to, host="localhost", tls=True, certificate=tmp_path / "none.pem") as one:
            await one.begin()
            assert (await trouble(one)).startswith("certificate and key in [mqtt] can't be read (No such file")


async def test_a_broker_that_is_away_is_said_once_and_once_when_it_is_back(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one:
        with logs() as log:
            await one.begin()
            await eventually(lambda: log() == ["mqtt_connected"], "it is there")
            for _ in range(2):
                await to.stop()
                assert "hung up" in await trouble(one)
                await eventually(
                    lambda: "can't be reached (Connection refused)" in str(one.mqtt.trouble()), "it is away"
                )
                await to.start()
                await eventually(lambda: one.mqtt.trouble() is None, "it is back")
        assert log() == ["mqtt_connected", "mqtt_away", "mqtt_connected", "mqtt_away", "mqtt_connected"]


async def test_a_line_that_flaps_fills_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.mqtt.telling.STEADY_AFTER", 3600.0)
    async with broker(tmp_path / "b") as to, wire(to) as line, rig(tmp_path, to, port=line.port) as one:
        with logs() as log:
            await one.begin()
            for times in range(1, 8):
                await tried(line, times)
                line.cut()
            await tried(line, 8)
        assert log() == ["mqtt_away"]


async def tried(line: Wire, times: int) -> None:
    """Returns when it has tried so often."""
    await eventually(lambda: line.taken >= times, "it tries again")


async def test_a_process_that_vanishes_is_offline_and_one_that_ends_says_so(tmp_path: Path) -> None:
    async with (
        broker(tmp_path / "b") as to,
        wire(to) as line,
        rig(tmp_path, to, port=line.port) as one,
        listening(to, "orderferry/status") as heard,
    ):
        await one.begin()
        await eventually(lambda: heard.on("#") == [b"online"], "it is online")
        line.open.clear()
        line.cut()
        await eventually(lambda: heard.on("#") == [b"online", b"offline"], "the broker tells our will")
        line.open.set()
        await eventually(lambda: heard.on("#")[2:] == [b"online"], "it is back")
        await one.end()
        await eventually(lambda: heard.on("#")[3:] == [b"offline"], "it says goodbye")


async def test_an_end_while_the_broker_does_not_answer_is_quick(tmp_path: Path) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        async with broker(tmp_path / "b") as to, rig(tmp_path, to, port=mute.getsockname()[1]) as one:
            await one.begin()
            await one.write(50)
            began = asyncio.get_running_loop().time()
            await one.end()
            assert asyncio.get_running_loop().time() - began < 2


async def test_the_state_follows_and_is_kept_for_whoever_comes_later(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one:
        async with listening(to, "orderferry/state") as heard:
            await one.begin()
            await eventually(lambda: heard.messages, "there is a state")
            assert json.loads(heard.on("#")[0]) == NOTHING
            await one.order_that_waits()
            await eventually(lambda: json.loads(heard.on("#")[-1])["waiting"] == 1, "an order waits")
        async with listening(to, "orderferry/state") as later:
            await eventually(lambda: later.messages, "it is kept")
            state = json.loads(later.on("#")[0])
            assert later.messages[0].retain
        assert state["oldest_order"] == state["last_order"]["order"] == 1
        assert state["oldest_seconds"] >= 0
        assert state["last_order"] | {"at": ""} == {"order": 1, "account": "market", "external_id": "o-1", "at": ""}
        assert state["accounts"] == {"market": "starting", "shop": "paused"}


async def test_the_state_is_not_told_more_often_than_once_a_second(tmp_path: Path) -> None:
    async with broker(tmp_path / "b") as to, rig(tmp_path, to) as one, listening(to, "orderferry/#") as heard:
        await one.begin()
        began = one.clock.monotonic()
        for number in range(2, 30):
            await one.write(kind=Kind.FETCHED, new=number)
        await one.saved_is(await one.newest())
        assert len(heard.on("orderferry/state")) <= one.clock.monotonic() - began + 2


@contextmanager
def logs() -> Iterator[Callable[[], list[str]]]:
    """What MQTT logs meanwhile, by name."""
    with capture_logs() as entries:
        yield lambda: [one["event"] for one in entries if one["event"].startswith("mqtt_")]


async def test_an_end_that_meets_an_answer_is_an_end_all_the_same() -> None:
    class Deaf:
        """As the library's client on Python 3.11: an answer that comes at the same moment hides the cancellation."""

        refusal = None

        async def publish(self, *_: object, **__: object) -> None:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    link = Link(cast("Any", Deaf()), MqttSettings(host="localhost"))
    publishing = asyncio.create_task(link.publish("orderferry/state", b"{}"))
    await asyncio.sleep(0)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing


async def test_an_end_that_meets_a_loss_is_an_end_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    working = asyncio.Event()

    async def work(*_: object) -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise LinkError("it hung up at this very moment") from None

    async with await Engine.open(tmp_path) as engine:
        one = Rig(engine, MqttSettings(host="localhost"))
        monkeypatch.setattr(one.mqtt, "_connect_and_work", work)
        running = asyncio.create_task(one.mqtt.run(one.settings))
        await working.wait()
        running.cancel()
        async with asyncio.timeout(5):
            await asyncio.wait({running})
        assert running.cancelled()
