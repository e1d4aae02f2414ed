"""Logging in with a pasted address, and a login that ends after eighteen months."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from orderferry import NeedsLogin, Unavailable
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import START, VirtualClock
from orderferry.testing.memory import MemoryTokens
from orderferry.testing.simulator import Fate
from plugins.ebay.deletion import challenge_response
from plugins.ebay.platform import Ebay
from plugins.ebay.settings import EbaySettings
from plugins.ebay.simulator import EIGHTEEN_MONTHS, EbaySimulator

TOKEN = "/identity/v1/oauth2/token"


@pytest.fixture
async def stranger(settings: EbaySettings, open_account: OpenAccount) -> Ebay:
    """An account that has never logged in."""
    return Ebay(open_account(Ebay, settings))


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


async def test_without_a_login_the_account_says_which_command_it_needs(stranger: Ebay) -> None:
    with pytest.raises(NeedsLogin, match="orderferry login tested"):
        await stranger.check()


async def test_the_owner_opens_the_address_and_pastes_the_one_he_is_sent_on_to(
    simulator: EbaySimulator, stranger: Ebay, clock: VirtualClock
) -> None:
    owner = Owner(simulator.oauth.agree)
    assert "accepted" in await clock.run(stranger.login(owner.show, owner.ask, None))
    assert owner.address.startswith("https://auth.ebay.com/oauth2/authorize?")
    assert (await stranger.check()).notes == ()
    kept = await stranger.account.tokens.load()
    assert kept is not None
    assert kept.refresh_expires_at == START + timedelta(seconds=EIGHTEEN_MONTHS)


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
    simulator: EbaySimulator,
    stranger: Ebay,
    clock: VirtualClock,
    browse: Callable[[Callable[..., str], str], str],
    words: str,
) -> None:
    owner = Owner(lambda address: browse(simulator.oauth.agree, address))
    with pytest.raises(NeedsLogin, match=words):
        await clock.run(stranger.login(owner.show, owner.ask, None))
    assert await stranger.account.tokens.load() is None


async def test_a_code_that_was_pasted_too_late_is_not_taken(
    simulator: EbaySimulator, stranger: Ebay, clock: VirtualClock
) -> None:
    owner = Owner(simulator.oauth.agree)

    async def slowly(text: str) -> str:
        answer = await owner.ask(text)
        await clock.sleep(301)
        return answer

    with pytest.raises(NeedsLogin, match="be quick"):
        await clock.run(stranger.login(owner.show, slowly, None))


async def test_a_wrong_client_secret_needs_attention(
    simulator: EbaySimulator, stranger: Ebay, clock: VirtualClock
) -> None:
    simulator.oauth.client_secret = "another"
    owner = Owner(simulator.oauth.agree)
    with pytest.raises(NeedsLogin, match="invalid_client"):
        await clock.run(stranger.login(owner.show, owner.ask, None))


async def test_a_refresh_token_from_elsewhere_is_enough(
    simulator: EbaySimulator, stranger: Ebay, open_account: OpenAccount
) -> None:
    given = simulator.oauth.issue()["refresh_token"]
    open_account.canaries.add(given)
    await stranger.login(lambda _: pytest.fail("nothing is shown"), nobody, given)
    await stranger.check()


@pytest.mark.parametrize("fate", [Fate.DROPPED, Fate.DOWN, Fate.BUSY])
async def test_a_login_that_is_not_answered_is_asked_again_at_once(
    simulator: EbaySimulator, stranger: Ebay, clock: VirtualClock, fate: Fate
) -> None:
    owner = Owner(simulator.oauth.agree)
    simulator.script("POST", TOKEN, fate)
    simulator.script("GET", "/order", Fate.DOWN)
    assert "can't be asked" in await clock.run(stranger.login(owner.show, owner.ask, None))
    await stranger.check()


async def test_an_access_token_about_to_end_is_renewed_with_the_same_refresh_token(
    simulator: EbaySimulator, platform: Ebay, store: MemoryTokens, clock: VirtualClock
) -> None:
    before = store.tokens
    await platform.check()
    await clock.advance(7200 - 60)
    await platform.check()
    assert simulator.oauth.refreshes == 1
    assert before is not None
    assert store.tokens is not None
    assert store.tokens.access != before.access
    assert (store.tokens.refresh, store.tokens.refresh_expires_at) == (before.refresh, before.refresh_expires_at)
    assert 401 not in {one.status for one in simulator.served}


async def test_many_requests_that_are_refused_make_one_refresh(
    simulator: EbaySimulator, platform: Ebay, store: MemoryTokens
) -> None:
    await platform.check()
    simulator.oauth.end_access()
    await asyncio.gather(*(platform.check() for _ in range(12)))
    assert simulator.oauth.refreshes == 1
    assert len(store.saved) == 1


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.FAILED_AFTER, Fate.GARBAGE])
async def test_a_refresh_whose_answer_is_lost_is_made_again(
    simulator: EbaySimulator, platform: Ebay, clock: VirtualClock, fate: Fate
) -> None:
    await clock.advance(7200)
    simulator.script("POST", TOKEN, fate)
    with pytest.raises(Unavailable):
        await platform.check()
    await clock.advance(10)
    await platform.check()


@pytest.mark.parametrize(("days", "warned"), [(480, False), (510, True)])
async def test_the_end_of_the_login_is_told_in_time(
    platform: Ebay, clock: VirtualClock, days: int, *, warned: bool
) -> None:
    await clock.advance(days * 86_400)
    notes = (await platform.check()).notes
    assert bool(notes) is warned
    assert not warned or "orderferry login tested" in notes[0]


async def test_a_login_that_has_ended_pauses_the_account(platform: Ebay, clock: VirtualClock) -> None:
    await clock.advance(EIGHTEEN_MONTHS + 1)
    with pytest.raises(NeedsLogin, match="invalid_grant"):
        await platform.fetch_orders(None, None)


async def test_a_changed_password_pauses_the_account(simulator: EbaySimulator, platform: Ebay) -> None:
    simulator.oauth.revoke()
    with pytest.raises(NeedsLogin):
        await platform.fetch_orders(None, None)


def test_the_answer_to_ebays_test_of_an_address() -> None:  # the vector of event-notification-dotnet-sdk, by eBay
    answer = challenge_response(
        "a8628072-3d33-45ee-9004-bee86830a22d",
        "71745723-d031-455c-bfa5-f90d11b4f20a",
        "http://www.testendpoint.com/webhook",
    )
    assert answer == "ca527df75caa230092d7e90484071e8f05d63068f1317973d6a3a42593734bbb"
