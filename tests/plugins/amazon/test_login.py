"""Logging in with the refresh token of the self-authorisation, and access tokens that end or are called expired."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from orderferry import NeedsLogin, OrderRef, Parcel, Unavailable
from orderferry.testing.account import OpenAccount
from orderferry.testing.clock import VirtualClock
from orderferry.testing.memory import MemoryTokens
from orderferry.testing.simulator import Fate
from plugins.amazon.auth import HEADER
from plugins.amazon.checking import ROLE
from plugins.amazon.platform import Amazon
from plugins.amazon.settings import AmazonSettings
from plugins.amazon.simulator import AmazonSimulator


@pytest.fixture
async def stranger(settings: AmazonSettings, open_account: OpenAccount) -> Amazon:
    """An account that has never logged in."""
    return Amazon(open_account(Amazon, settings))


async def nobody(text: str) -> str:
    raise AssertionError(f"this login asks for nothing, but it did: {text}")


def unseen(text: str) -> None:
    pytest.fail(f"nobody is asked, but was shown: {text}")


async def test_without_a_login_the_account_says_which_command_it_needs(stranger: Amazon) -> None:
    with pytest.raises(NeedsLogin, match="orderferry login tested --refresh-token-file FILE"):
        await stranger.check()


async def test_without_a_refresh_token_the_login_says_where_there_is_one(stranger: Amazon) -> None:
    with pytest.raises(NeedsLogin, match=r"Authorize.*orderferry login tested --refresh-token-file FILE"):
        await stranger.login(unseen, nobody, None)


async def test_a_refresh_token_logs_in_and_stays(
    simulator: AmazonSimulator, stranger: Amazon, open_account: OpenAccount
) -> None:
    given = simulator.lwa.authorise()
    open_account.canaries.add(given)
    assert "accepted" in await stranger.login(unseen, nobody, given)
    kept = await stranger.account.tokens.load()
    assert kept is not None
    assert kept.refresh == given
    await stranger.check()


async def test_the_credentials_go_in_the_form(simulator: AmazonSimulator, stranger: Amazon) -> None:
    await stranger.login(unseen, nobody, simulator.lwa.authorise())
    (asked,) = (one for one in simulator.served if one.path == "/auth/o2/token")
    assert set(parse_qs(asked.body.decode())) == {"grant_type", "refresh_token", "client_id", "client_secret"}
    assert "Authorization" not in asked.headers
    assert all("Authorization" not in one.headers for one in simulator.served)
    assert all(one.headers[HEADER].startswith("Atza|") for one in simulator.served if one is not asked)


async def test_a_wrong_refresh_token_leaves_the_old_tokens(platform: Amazon, store: MemoryTokens) -> None:
    with pytest.raises(NeedsLogin, match="invalid_grant"):
        await platform.login(unseen, nobody, "Atzr|mistyped")
    assert store.saved == []
    await platform.check()


async def test_a_wrong_client_secret_needs_attention(simulator: AmazonSimulator, stranger: Amazon) -> None:
    simulator.lwa.client_secret = "another"
    with pytest.raises(NeedsLogin, match="invalid_client"):
        await stranger.login(unseen, nobody, simulator.lwa.authorise())


async def test_a_login_stands_though_orders_cannot_be_asked_just_now(
    simulator: AmazonSimulator, stranger: Amazon
) -> None:
    simulator.script("GET", "/orders", Fate.DOWN)
    assert "can't be asked" in await stranger.login(unseen, nobody, simulator.lwa.authorise())


@pytest.mark.parametrize("fate", [Fate.LOST, Fate.CUT, Fate.FAILED_AFTER, Fate.GARBAGE, Fate.DOWN])
async def test_a_lost_answer_of_the_login_can_be_asked_again(
    simulator: AmazonSimulator, stranger: Amazon, fate: Fate
) -> None:
    given = simulator.lwa.authorise()
    simulator.script("POST", "/auth/o2/token", fate)
    with pytest.raises(Unavailable):
        await stranger.login(unseen, nobody, given)
    assert await stranger.account.tokens.load() is None
    await stranger.login(unseen, nobody, given)


async def test_a_token_about_to_end_is_renewed_first(
    simulator: AmazonSimulator, platform: Amazon, store: MemoryTokens, clock: VirtualClock
) -> None:
    await platform.check()
    await clock.advance(3600 - 60)
    await platform.check()
    assert simulator.lwa.refreshes == 1
    assert len(store.saved) == 1
    assert {one.status for one in simulator.served} == {200}


async def test_a_token_that_amazon_calls_expired_is_renewed_though_it_says_403(
    simulator: AmazonSimulator, platform: Amazon, clock: VirtualClock
) -> None:
    order_id = simulator.market.purchase()
    await clock.advance(600)
    simulator.lwa.end_access()
    await platform.fetch_orders(None, None)
    simulator.lwa.end_access()
    await platform.set_tracking(OrderRef(id=order_id), [Parcel(carrier="DPD", number="1")])
    assert simulator.market.numbers(order_id) == ["1"]
    assert simulator.lwa.refreshes == 2
    assert [one.status for one in simulator.served].count(403) == 2


async def test_many_requests_with_an_ended_token_make_one_refresh(
    simulator: AmazonSimulator, platform: Amazon, store: MemoryTokens
) -> None:
    simulator.lwa.end_access()
    orders = [simulator.market.purchase() for _ in range(8)]
    parcels = [Parcel(carrier="DPD", number="1")]
    await asyncio.gather(*(platform.set_tracking(OrderRef(id=one), parcels) for one in orders))
    assert simulator.lwa.refreshes == 1
    assert len(store.saved) == 1


async def test_a_token_that_is_refused_for_good_is_not_asked_about_for_ever(
    simulator: AmazonSimulator, platform: Amazon
) -> None:
    simulator.lwa.access_life = 0
    simulator.lwa.end_access()
    with pytest.raises(NeedsLogin, match="expired"):
        await platform.fetch_orders(None, None)
    assert sum(one.path.endswith("/orders") for one in simulator.served) == 2


async def test_withdrawn_rights_pause_the_account(simulator: AmazonSimulator, platform: Amazon) -> None:
    simulator.lwa.revoke()
    with pytest.raises(NeedsLogin, match="revoked"):
        await platform.fetch_orders(None, None)


async def test_a_second_process_takes_the_tokens_that_the_first_has_renewed(
    simulator: AmazonSimulator, restart: Callable[[], Amazon], clock: VirtualClock
) -> None:
    first, second = restart(), restart()
    await first.check()
    await second.check()
    await clock.advance(3500)
    await first.check()
    await second.check()
    assert simulator.lwa.refreshes == 1


# --- what `check` finds


async def test_check_says_what_can_be_read(simulator: AmazonSimulator, platform: Amazon, clock: VirtualClock) -> None:
    simulator.market.purchase()
    await clock.advance(300)
    report = await platform.check()
    assert report.summary == "Orders can be read from BE, DE, ES, FR, IE, IT, NL, PL, SE."
    assert report.notes == ()


async def test_check_tells_of_a_missing_role_for_addresses(
    simulator: AmazonSimulator, platform: Amazon, clock: VirtualClock
) -> None:
    assert (await platform.check()).notes[0].startswith("No order is open")
    simulator.market.withhold = True
    simulator.market.purchase()
    await clock.advance(300)
    (note,) = (await platform.check()).notes
    assert "hands out no addresses" in note
    assert ROLE in note


async def test_check_tells_of_marketplaces_that_are_not_asked(simulator: AmazonSimulator, platform: Amazon) -> None:
    simulator.sold_in = ("PL", "GB")
    assert "You also sell on Amazon.co.uk, which is not in `marketplaces`." in (await platform.check()).notes


async def test_a_missing_role_for_marketplaces_is_only_a_note(simulator: AmazonSimulator, platform: Amazon) -> None:
    simulator.forbidden = {"participations"}
    assert "Amazon did not tell on which of its marketplaces you sell." in (await platform.check()).notes


async def test_a_missing_role_for_orders_is_not(simulator: AmazonSimulator, platform: Amazon) -> None:
    simulator.forbidden = {"search"}
    with pytest.raises(NeedsLogin, match=r"no role.*lacks a role that the plugin's README names"):
        await platform.check()
