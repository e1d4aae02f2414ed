"""`orderferry doctor` as a process, in worlds that are well and in broken ones. It changes nothing in any."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from tests.certificates import TODAY, certify, trusted, write
from tests.journeys.scripted_shop import Json
from tests.journeys.world import MARKET, SHOP, World


async def doctor(world: World, *words: str) -> tuple[int, list[Json]]:
    """The exit code and the findings; the data is the same afterwards."""
    before = _files(world.data)
    said = await world.cli("doctor", "--config", str(world.config), "--json", *words, seconds=60)
    if world.process is None:  # a daemon at work may change them
        assert _files(world.data) == before
    assert said.json["ok"] == (said.code == 0)
    return said.code, said.json["findings"]


def _files(folder: Path) -> dict[str, tuple[bytes, int]]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path): (path.read_bytes(), path.stat().st_mode) for path in paths}


def of(findings: list[Json], check: str, weight: str | None = None) -> list[str]:
    """What was found of this, and in this weight alone."""
    return [f["found"] for f in findings if f["check"] == check and weight in {None, f["weight"]}]


@asynccontextmanager
async def served(context: ssl.SSLContext | None = None, date: str | None = None) -> AsyncIterator[str]:
    """The address of a shop that answers every request with nothing, at this hour of its own."""

    async def prepared(_request: web.Request, response: web.StreamResponse) -> None:
        if date is not None:
            response.headers["Date"] = date

    async def answer(_request: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.on_response_prepare.append(prepared)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"{'https' if context else 'http'}://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_running_daemon_is_found_well(world: World) -> None:
    await world.start()
    code, findings = await doctor(world)
    wrong = [f for f in findings if f["weight"] == "failed"]
    assert (code, wrong) == (0, [])
    [runs] = of(findings, "daemon", "ok")
    assert f"process {world.process.pid}" in runs if world.process else False
    assert of(findings, "key") == ["there, and fits the tokens of 1 accounts"]
    assert of(findings, "data folder", "ok") == [f"{world.data} can be opened by {_me()} alone"]
    for name in (MARKET, SHOP):
        assert of(findings, f"way:{name}", "ok")
        assert of(findings, f"account:{name}", "ok")


def _me() -> str:
    import pwd  # noqa: PLC0415 - for the owner's name alone

    return pwd.getpwuid(os.geteuid()).pw_name


async def test_without_a_daemon_and_a_network_it_says_so(world: World) -> None:
    code, findings = await doctor(world, "--offline")
    assert code == 0
    assert of(findings, "daemon") == ["does not run"]
    assert not any(f["check"].startswith(("way:", "account:")) for f in findings)
    assert not world.simulator.served


async def test_people_read_it_with_what_helps(world: World) -> None:
    (world.data / "key").chmod(0o644)
    said = await world.cli("doctor", "--config", str(world.config), "--offline", seconds=60)
    assert said.code == 1
    words = " ".join(said.out.split())
    assert f"FAILED data folder {world.data}/key can be opened by everybody (mode 644)" in words
    assert f"-> chmod 600 {world.data}/key" in words
    assert said.out.splitlines()[-1].startswith("2 failed, "), "the key is also refused"


async def test_every_mistake_of_the_settings_is_told_and_the_rest_looked_at(world: World) -> None:
    world.settings[f"shops.{SHOP}"]["pol_every"] = "1h"
    world.settings[f"shops.{SHOP}"]["url"] = "shop"
    world.write_config()
    code, findings = await doctor(world)
    assert code == 1
    assert len(of(findings, "settings", "failed")) == 2
    assert of(findings, "data folder", "ok") == [f"{world.data} can be opened by {_me()} alone"], "[daemon] is read"


async def test_another_plugins_package_on_the_path_is_named(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "foreign"
    for name in ("plugins", "daemon"):
        (foreign / name).mkdir(parents=True)
        (foreign / name / "__init__.py").touch()
    # behind ours, as a distribution's own packages are seen by an environment that lets them in
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}{os.pathsep}{foreign}")
    code, findings = await doctor(world, "--offline")
    assert code == 0
    for name in ("plugins", "daemon"):
        [found] = of(findings, f"module {name}", "warning")
        assert str(foreign / name) in found


async def test_a_clock_that_every_platform_finds_wrong_fails(world: World) -> None:
    async with served(date="Mon, 23 Nov 2020 09:00:00 GMT") as one, served(date="Mon, 23 Nov 2020 09:00:00 GMT") as two:
        world.settings[f"marketplaces.{MARKET}"] |= {"api_url": one, "auth_url": one}
        world.settings[f"shops.{SHOP}"]["url"] = two
        world.write_config()
        code, findings = await doctor(world)
    assert code == 1
    [found] = of(findings, "clock", "failed")
    assert "ahead of 2 platforms" in found


async def test_an_expired_certificate_is_told_as_such(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = certify("Test authority", signer=None)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted(tmp_path / "ca.pem", authority)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old = certify("localhost", signer=authority, begin=TODAY - timedelta(days=800))
    context.load_cert_chain(write(tmp_path / "server.pem", old))
    async with served(context) as url:
        world.settings[f"shops.{SHOP}"]["url"] = url
        world.write_config()
        code, findings = await doctor(world)
    assert code == 1
    assert of(findings, f"way:{SHOP}") == ["the certificate of localhost is refused: certificate has expired"]
    assert of(findings, f"account:{MARKET}", "ok"), "the others are asked all the same"


async def test_a_certificate_that_ends_soon_is_told_in_time(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = certify("Test authority", signer=None)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted(tmp_path / "ca.pem", authority)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    soon = certify("localhost", signer=authority, begin=TODAY - timedelta(days=395))
    context.load_cert_chain(write(tmp_path / "server.pem", soon))
    async with served(context) as url:
        world.settings[f"shops.{SHOP}"]["url"] = url
        world.write_config()
        _, findings = await doctor(world)
    assert of(findings, f"way:{SHOP}", "warning") == ["the certificate of localhost ends in 4 days"]


async def test_a_server_that_is_down_is_told_apart_from_a_name_that_is_not_known(world: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # it is ours, and nobody listens
        world.settings[f"shops.{SHOP}"]["url"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
        world.settings[f"marketplaces.{MARKET}"]["api_url"] = "https://no-such-host.invalid"
        world.write_config()
        code, findings = await doctor(world)
    assert code == 1
    [shop] = of(findings, f"way:{SHOP}")
    assert "can't be reached at port" in shop
    assert any("no-such-host.invalid is not found" in found for found in of(findings, f"way:{MARKET}", "failed"))


async def test_a_daemon_that_has_the_store_and_does_not_answer_is_named(world: World) -> None:
    await world.start()
    world.socket.unlink()
    code, findings = await doctor(world, "--offline")
    assert code == 1
    [found] = of(findings, "daemon", "failed")
    assert found.startswith(f"process {world.process.pid if world.process else 0} works with {world.data}")


async def test_what_the_daemon_itself_knows_to_be_wrong_is_told(world: World) -> None:
    world.settings[f"shops.{SHOP}"]["consumer_secret"] = "cs_wrong"
    world.write_config()
    await world.start()
    await world.account(SHOP, health="needs_login")
    code, findings = await doctor(world)
    assert code == 1
    assert any(found.startswith(f"{SHOP}: ") for found in of(findings, "daemon says", "warning"))
    assert any("401" in found for found in of(findings, f"account:{SHOP}", "failed"))


async def test_another_key_is_noticed_before_the_daemon_trips_over_it(world: World) -> None:
    (world.data / "key").write_bytes(os.urandom(32))
    code, findings = await doctor(world, "--offline")
    assert code == 1
    assert of(findings, "key", "failed") == [f"the tokens of {MARKET} can't be opened with this key"]
