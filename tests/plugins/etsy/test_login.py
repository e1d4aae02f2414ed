"""Logging in with PKCE and a pasted address; refresh tokens that change with each use."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from orderferry import NeedsLogin, Secret, Unavailable
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from orderferry.testing.simulator import Fate
from plugins.etsy.platform import Etsy
from plugins.etsy.settings import EtsySettings
from plugins.etsy.simulator import NINETY_DAYS, EtsySimulator

TOKEN = "/v3/public/oauth/token"


@pytest.fixture
async def stranger(settings: EtsySettings, open_account: OpenAccount) -> Etsy:
    """An account that has never logged in."""
    return Etsy(open_account(Etsy, settings))


class Owner:
    """Sees what is shown, and pastes what his browser tells him."""

    def __init__(self, browse: Callable[[str], str]) -> None:
        self.shown: list[str] = []
        self._browse = browse

    def show(self, text: str) -> None:
        self.shown.append(text)

    @property
    def address(self) -> str:
        return next(text for text in self.shown if text.startswith("https://"))

    async def ask(self, text: str) -> str:
        self.shown.append(text)
        return self._browse(self.address)


async def nobody(text: str) -> str:
    raise AssertionError(f"nobody should be asked: {text}")


async def test_without_a_login_the_account_says_which_command_it_needs(stranger: Etsy) -> None:
    with pytest.raises(NeedsLogin, match="orderferry login tested"):
        await stranger.check()


async def test_the_owner_opens_the_address_and_pastes_the_one_he_is_sent_on_to(
    simulator: EtsySimulator, stranger: Etsy, clock: VirtualClock
) -> None:
    owner = Owner(simulator.oauth.agree)
    assert "accepted" in await clock.run(stranger.login(owner.show, owner.ask, None))
    assert owner.address.startswith("https://www.etsy.com/oauth/connect?")
    assert "code_challenge_method=S256" in owner.address
    kept = await stranger.account.tokens.load()
    assert kept is not None
    assert kept.access.startswith("7654321.")
    assert "12345678" in (await stranger.check()).summary


@pytest.mark.parametrize(
    ("browse", "words"),
    [
        (lambda agree, address: agree(address, deny=True), "access_denied"),
        (lambda agree, address: agree(address.replace("state=", "state=x")), "another login"),
        (lambda _agree, _address: "", "nothing"),
        (lambda _agree, _address: "a-code-of-nobody", "invalid_grant"),
    ],
)
async def test_logins_that_fail_say_why(
    simulator: EtsySimulator,
    stranger: Etsy,
    clock: VirtualClock,
    browse: Callable[[Callable[..., str], str], str],
    words: str,
) -> None:
    owner = Owner(lambda address: browse(simulator.oauth.agree, address))
    with pytest.raises(NeedsLogin, match=words):
        await clock.run(stranger.login(owner.show, owner.ask, None))
    assert await stranger.account.tokens.load() is None


async def test_a_code_that_was_pasted_too_late_is_not_taken(
    simulator: EtsySimulator, stranger: Etsy, clock: VirtualClock
) -> None:
    owner = Owner(simulator.oauth.agree)

    async def slowly(text: str) -> str:
        answer = await owner.ask(text)
        await clock.sleep(301)
        return answer

    with pytest.raises(NeedsLogin, match="be quick"):
        await clock.run(stranger.login(owner.show, slowly, None))


async def test_a_wrong_shared_secret_needs_attention(platform: Etsy) -> None:
    wrong = msgspec.structs.replace(platform.account.settings, shared_secret=Secret("another"))
    platform.account.settings = wrong
    with pytest.raises(NeedsLogin, match="Shared secret"):
        await Etsy(platform.account).check()


async def test_a_refresh_token_from_elsewhere_is_enough(
    simulator: EtsySimulator, stranger: Etsy, open_account: OpenAccount
) -> None:
    given = simulator.oauth.issue()["refresh_token"]
    open_account.canaries.add(given)
    await stranger.login(lambda _: pytest.fail("nothing is shown"), nobody, given)
    await stranger.check()


@pytest.mark.parametrize("fate", [Fate.DROPPED, Fate.DOWN, Fate.BUSY])
async def test_a_login_that_is_not_answered_is_asked_again_at_once(
    simulator: EtsySimulator, stranger: Etsy, clock: VirtualClock, fate: Fate
) -> None:
    owner = Owner(simulator.oauth.agree)
    simulator.script("POST", TOKEN, fate)
    simulator.script("GET", "/users/me", Fate.DOWN)
    assert "can't be asked" in await clock.run(stranger.login(owner.show, owner.ask, None))
    await stranger.check()


async def test_an_access_token_about_to_end_is_renewed_and_so_is_the_refresh_token(
    simulator: EtsySimulator, platform: Etsy, store: MemoryTokens, clock: VirtualClock
) -> None:
    before = store.tokens
    await platform.check()
    await clock.advance(3600 - 60)
    await platform.check()
    assert simulator.oauth.refreshes == 1
    assert before is not None
    assert store.tokens is not None
    assert store.tokens.refresh not in {None, before.refresh}
    assert 401 not in {one.status for one in simulator.served}


async def test_an_account_that_is_asked_every_hour_stays_logged_in(
    simulator: EtsySimulator, platform: Etsy, clock: VirtualClock
) -> None:
    for _ in range(4):
        await clock.advance(60 * 86_400)
        await platform.check()
    assert simulator.oauth.refreshes == 4


async def test_many_requests_that_are_refused_make_one_refresh(
    simulator: EtsySimulator, platform: Etsy, store: MemoryTokens, clock: VirtualClock
) -> None:
    await platform.check()
    simulator.oauth.end_access()

    async def many() -> None:
        await asyncio.gather(*(platform.check() for _ in range(12)))

    await clock.run(many())
    assert simulator.oauth.refreshes == 1
    assert len(store.saved) == 1


@pytest.mark.parametrize("fate", [Fate.DOWN, Fate.DROPPED])
async def test_a_refresh_that_was_not_taken_is_made_again(
    simulator: EtsySimulator, platform: Etsy, clock: VirtualClock, fate: Fate
) -> None:
    await clock.advance(3600)
    simulator.script("POST", TOKEN, fate)
    with pytest.raises(Unavailable):
        await platform.check()
    await clock.advance(10)
    await platform.check()


async def test_a_login_that_has_ended_pauses_the_account(platform: Etsy, clock: VirtualClock) -> None:
    await clock.advance(NINETY_DAYS + 1)
    with pytest.raises(NeedsLogin, match="invalid_grant"):
        await platform.fetch_orders(None, None)


async def test_access_that_was_taken_back_pauses_the_account(simulator: EtsySimulator, platform: Etsy) -> None:
    simulator.oauth.revoke()
    with pytest.raises(NeedsLogin):
        await platform.fetch_orders(None, None)
