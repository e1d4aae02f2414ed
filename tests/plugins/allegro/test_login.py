"""Logging in, and tokens that end, change with each refresh and may be lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from orderferry import NeedsLogin, Unavailable
from orderferry.oauth import Tokens
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from orderferry.testing.simulator import Fate
from plugins.allegro.platform import Allegro
from plugins.allegro.settings import AllegroSettings
from plugins.allegro.simulator import AllegroSimulator


async def nobody(text: str) -> str:
    raise AssertionError(f"the device flow asks for nothing, but it did: {text}")


@pytest.fixture
async def stranger(settings: AllegroSettings, open_account: OpenAccount) -> Allegro:
    """An account that has never logged in."""
    return Allegro(open_account(Allegro, settings))


async def test_without_a_login_the_account_says_which_command_it_needs(stranger: Allegro) -> None:
    with pytest.raises(NeedsLogin, match="orderferry login tested"):
        await stranger.check()


async def test_the_device_flow_shows_the_page_and_the_code(
    simulator: AllegroSimulator, stranger: Allegro, clock: VirtualClock
) -> None:
    simulator.oauth.auto_approve = False
    shown: list[str] = []

    def confirm(text: str) -> None:
        shown.append(text)
        if len(shown) == 2:
            code = shown[0].partition("code=")[2]
            assert code in shown[1]
            assert simulator.oauth.approve(code)

    assert "accepted" in await clock.run(stranger.login(confirm, nobody, None))
    assert len(shown) == 2
    assert (await stranger.check()).summary.startswith("Logged in as simulated_seller")


async def test_a_denied_login_says_so(simulator: AllegroSimulator, stranger: Allegro, clock: VirtualClock) -> None:
    simulator.oauth.auto_approve = False

    def deny(text: str) -> None:
        code = text.partition("code=")[2]
        if code:
            simulator.oauth.approve(code, deny=True)

    with pytest.raises(NeedsLogin, match="refused"):
        await clock.run(stranger.login(deny, nobody, None))


async def test_nobody_confirms(simulator: AllegroSimulator, stranger: Allegro, clock: VirtualClock) -> None:
    simulator.oauth.auto_approve = False
    simulator.oauth.interval = 600
    with pytest.raises(NeedsLogin, match="run `orderferry login` again"):
        await clock.run(stranger.login(lambda _: None, nobody, None))


async def test_a_wrong_client_secret_needs_attention(
    simulator: AllegroSimulator, stranger: Allegro, clock: VirtualClock
) -> None:
    simulator.oauth.client_secret = "another"
    with pytest.raises(NeedsLogin, match="invalid_client"):
        await clock.run(stranger.login(lambda _: None, nobody, None))


async def test_a_refresh_token_from_elsewhere_is_enough(
    simulator: AllegroSimulator, stranger: Allegro, open_account: OpenAccount
) -> None:
    given = simulator.oauth.issue()["refresh_token"]
    open_account.canaries.add(given)
    await stranger.login(lambda _: pytest.fail("nobody is asked"), nobody, given)
    kept = await stranger.account.tokens.load()
    assert kept is not None
    assert kept.refresh not in {None, given}
    await stranger.check()


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.FAILED_AFTER, Fate.GARBAGE, Fate.DOWN])
async def test_a_login_of_which_the_answer_is_lost_is_asked_again_at_once(
    simulator: AllegroSimulator, stranger: Allegro, clock: VirtualClock, fate: Fate
) -> None:
    given = simulator.oauth.issue()["refresh_token"]
    simulator.script("POST", "/auth/oauth/token", fate, fate)
    simulator.script("GET", "/order/event-stats", Fate.DOWN)
    assert "can't be asked" in await clock.run(stranger.login(lambda _: None, nobody, given))
    assert (await stranger.check()).summary.startswith("Logged in")


async def test_an_access_token_about_to_end_is_renewed_first(
    simulator: AllegroSimulator, platform: Allegro, store: MemoryTokens, clock: VirtualClock
) -> None:
    await platform.check()
    await clock.advance(43_199 - 60)
    await platform.check()
    assert simulator.oauth.refreshes == 1
    assert len(store.saved) == 1
    assert 401 not in {one.status for one in simulator.served}


async def test_many_requests_that_are_refused_make_one_refresh(
    simulator: AllegroSimulator, platform: Allegro, store: MemoryTokens
) -> None:
    await platform.check()
    simulator.oauth.end_access()
    await asyncio.gather(*(platform.check() for _ in range(12)))
    assert simulator.oauth.refreshes == 1
    assert len(store.saved) == 1


async def test_a_second_process_takes_the_tokens_that_the_first_has_renewed(
    simulator: AllegroSimulator, restart: Callable[[], Allegro], clock: VirtualClock
) -> None:
    first, second = restart(), restart()
    await first.check()
    await second.check()
    await clock.advance(43_100)
    await first.check()
    await second.check()
    assert simulator.oauth.refreshes == 1


class CrashError(Exception):
    """The process ends here."""


class CrashingTokens(MemoryTokens):
    """Ends the process when new tokens are to be saved, once."""

    crashed = False

    async def save(self, tokens: Tokens) -> None:
        if not self.crashed:
            self.crashed = True
            raise CrashError
        await super().save(tokens)


@pytest.mark.parametrize(("pause", "works"), [(30, True), (61, False)])
async def test_a_crash_between_refresh_and_save_is_healed_within_a_minute(
    *,
    settings: AllegroSettings,
    store: MemoryTokens,
    open_account: OpenAccount,
    clock: VirtualClock,
    pause: float,
    works: bool,
) -> None:
    crashing = CrashingTokens(store.tokens)
    await clock.advance(43_199)
    with pytest.raises(CrashError):
        await Allegro(open_account(Allegro, settings, tokens=crashing)).check()
    await clock.advance(pause)
    restarted = Allegro(open_account(Allegro, settings, tokens=crashing))
    if works:
        await restarted.check()
        assert len(crashing.saved) == 1
    else:
        with pytest.raises(NeedsLogin, match="invalid_grant"):
            await restarted.check()


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.FAILED_AFTER, Fate.GARBAGE])
async def test_a_refresh_whose_answer_is_lost_is_made_again(
    simulator: AllegroSimulator, platform: Allegro, clock: VirtualClock, fate: Fate
) -> None:
    await clock.advance(43_199)
    simulator.script("POST", "/auth/oauth/token", fate)
    with pytest.raises(Unavailable):
        await platform.check()
    await clock.advance(10)
    await platform.check()


async def test_withdrawn_rights_pause_the_account(simulator: AllegroSimulator, platform: Allegro) -> None:
    simulator.oauth.revoke()
    with pytest.raises(NeedsLogin):
        await platform.fetch_orders(None, None)


async def test_a_missing_right_to_the_profile_is_only_a_note(
    platform: Allegro, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbidden() -> None:
        raise NeedsLogin("403")

    monkeypatch.setattr(platform._client, "me", forbidden)
    report = await platform.check()
    assert report.notes
    assert "Orders can be read" in report.summary
