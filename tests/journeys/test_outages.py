"""A platform that is away, or refuses us, holds its own work back and nobody else's; afterwards all of it is done."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from aiohttp import web

from orderferry.testing.simulator import Fate, Handle
from plugins.shops.woocommerce.simulator import KEY, SECRET
from tests.journeys.scripted_shop import Shop
from tests.journeys.world import MARKET, SHOP, World, eventually


async def test_while_a_shop_is_down_its_orders_wait_and_the_other_accounts_go_on(world: World) -> None:
    async with Shop() as second:
        second.fill_with(world.simulator)
        world.settings["shops.other-shop"] = {
            **world.settings[f"shops.{SHOP}"],
            "url": second.url,
        }
        world.write_config()
        await world.start()
        first = world.sell()
        await world.forwarded(first)
        await world.settled()

        port = urlsplit(world.shop.url).port or 0
        await world.shop.stop()
        forms = [world.sell() for _ in range(3)]
        for form in forms:
            await world.forwarded(form, shop="other-shop")
        down = await world.account(SHOP, health="down")
        assert "can't be reached" in down["problem"] or "did not answer" in down["problem"]
        status = await world.api("status")
        assert any(problem.startswith(f"{SHOP}: ") for problem in status["problems"])
        assert (status["accounts"]["other-shop"], status["accounts"][MARKET]) == ("ok", "ok")
        assert "parked" not in status["jobs"]
        waiting = await world.job(forms[0], state="waiting")
        assert waiting["attempt"] == 0, "the account's trouble was counted against the order"
        story = await world.api(f"orders/{forms[0]}/explain")
        assert any(f"{SHOP} can't be reached just now" in text for text in story["next"])

        probe = Probe(world.shop)
        await world.shop.start(port)
        await eventually(lambda: probe.open, "the shop is asked again")
        await world.polls(4)
        assert probe.seen == 1, "more than the probe was sent before it was answered"
        probe.let_go()
        for form in forms:
            await world.forwarded(form)
        await world.account(SHOP, health="ok", problem=None)
        await world.settled()
        assert await world.entries("account_down", account=SHOP)
        assert await world.entries("account_up", account=SHOP)
        assert all(len(shop.of(form)) == 1 for form in (first, *forms) for shop in (world.shop, second))


class Probe:
    """Keeps the first answer of a shop back, and counts what comes in meanwhile."""

    def __init__(self, shop: Shop) -> None:
        self.seen = 0
        self.open = False
        self._held = True
        end = shop._end

        async def watched(request: web.Request, handle: Handle, fate: Fate) -> web.StreamResponse:
            self.seen += 1
            if not self.open:
                self.open = True
                await eventually(lambda: not self._held, "the test lets the probe go")
            return await end(request, handle, fate)

        shop._end = watched  # type: ignore[method-assign] # the test stands in between

    def let_go(self) -> None:
        self._held = False


async def test_a_refused_key_holds_the_shop_until_somebody_has_mended_it(world: World) -> None:
    await world.start()
    await world.account(SHOP, health="ok")
    world.shop.refuses_keys = True
    form = world.sell()
    refused = await world.account(SHOP, health="needs_login")
    assert "Consumer secret is invalid" in refused["problem"]
    assert refused["remedy"].startswith(f"orderferry resume {SHOP}")
    assert "orderferry login" not in refused["remedy"], "a shop with keys has no login"
    await world.job(form, state="waiting")
    assert any("Consumer secret is invalid" in problem for problem in (await world.api("status"))["problems"])
    await world.entry("account_needs_login", account=SHOP)
    assert KEY not in world.log.read_text()
    assert SECRET not in world.log.read_text()

    world.shop.refuses_keys = False
    await world.polls()
    assert not world.shop.of(form), "it was sent though nobody had said that the key is good again"
    said = await world.cli("resume", SHOP)
    assert said.code == 0
    assert "goes on" in said.out
    await world.forwarded(form)
    await world.account(SHOP, health="ok")


async def test_an_expired_token_is_renewed_once_and_orders_go_on(world: World) -> None:
    await world.start()
    await world.forwarded(world.sell())
    forms = [world.sell() for _ in range(5)]
    world.simulator.oauth.end_access()
    for form in forms:
        await world.forwarded(form)
    assert world.simulator.oauth.refreshes == 1
    assert not await world.entries("account_needs_login")
    await world.kill()
    await world.start()  # the renewed tokens are on disk
    await world.forwarded(world.sell())
    assert world.simulator.oauth.refreshes == 1


async def test_a_revoked_login_is_shown_with_its_command_and_a_new_one_goes_on(world: World) -> None:
    await world.start()
    before = world.sell()
    await world.forwarded(before)
    world.simulator.oauth.revoke()
    refused = await world.account(MARKET, health="needs_login")
    assert refused["remedy"] == f"orderferry login {MARKET}"
    form = world.sell()
    told = await world.cli("status")
    assert f"orderferry login {MARKET}" in told.out

    token = world.folder / "token"
    token.write_text("refresh-none-that-is-known", encoding="ascii")
    words = ("login", MARKET, "--config", str(world.config), "--refresh-token-file", str(token))
    failed = await world.cli(*words)
    assert failed.code == 1
    assert "refresh-none" not in failed.out + failed.err
    assert (await world.account(MARKET))["health"] == "needs_login"

    token.write_text(world.simulator.oauth.issue()["refresh_token"], encoding="ascii")
    said = await world.cli(*words)
    assert said.code == 0, said
    await world.forwarded(form)
    await world.account(MARKET, health="ok")


async def test_a_marketplace_that_limits_us_is_left_alone_for_so_long(world: World) -> None:
    await world.start()
    await world.forwarded(world.sell())
    world.simulator.faults.retry_after = 1
    world.simulator.script("GET", "/order/events", Fate.BUSY)
    held = await world.account(MARKET, health="down")
    assert held["held_until"] is not None
    form = world.sell()
    await world.forwarded(form)
    await world.account(MARKET, health="ok")


async def test_a_person_logs_in_by_the_code_that_is_shown(world: World) -> None:
    world.simulator.oauth.revoke()
    world.simulator.oauth.auto_approve = False
    world.simulator.oauth.interval = 1
    await world.start()
    await world.account(MARKET, health="needs_login")
    login = asyncio.create_task(world.cli("login", MARKET, "--config", str(world.config)))
    devices = world.simulator.oauth._devices
    await eventually(lambda: devices, "the code is made")
    (device,) = devices.values()
    assert world.simulator.oauth.approve(device.user_code)
    said = await login
    assert said.code == 0, said
    assert device.user_code in said.out
    assert f"{world.simulator.url}/skojarz-aplikacje" in said.out
    await world.forwarded(world.sell())
