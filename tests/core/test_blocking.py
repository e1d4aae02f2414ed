"""Who is blamed for a loop that does not run, and who is not."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.blocking import HOPELESS_AFTER, NAMED_AFTER, SURE_AFTER, Block, Culprit, fair, plugin_of

ONE, OTHER = Culprit("acme", "acme-one"), Culprit("acme", "acme-two")
PACKAGES = {"plugins.allegro": "allegro", "acme_shop": "acme"}


def after(looks: Sequence[Culprit | None], every: float = 0.1) -> Block:
    block = Block()
    for culprit in looks:
        block = block.after(every, culprit)
    return block


def test_a_plugin_that_is_found_at_each_look_is_named_within_a_second() -> None:
    names = [after([ONE] * looks).named for looks in range(1, 10)]
    assert names.index(ONE) + 1 <= 8  # 0.8 s, a tenth after the loop was last asked
    assert names[:6] == [None] * 6


def test_who_is_found_only_at_the_end_is_not_named() -> None:
    assert after([None] * 20 + [ONE]).named is None
    assert after([OTHER] * 6 + [ONE]).named is None
    assert after([OTHER, ONE] * 10).named is None


@given(st.lists(st.sampled_from([None, ONE, OTHER]), max_size=40))
def test_who_is_named_was_found_at_every_look_for_long_enough(looks: list[Culprit | None]) -> None:
    named = after(looks, 0.125).named
    longest = int(SURE_AFTER / 0.125) + 1
    if named is not None:
        assert len(looks) * 0.125 >= NAMED_AFTER
        assert all(a == b == named for a, b in pairwise(looks[-longest:]))


def test_only_one_and_the_same_plugin_for_a_minute_is_hopeless() -> None:
    looks = int(HOPELESS_AFTER / 0.5)
    assert not after([ONE] * looks, 0.5).hopeless
    assert after([ONE] * (looks + 1), 0.5).hopeless
    assert not after(([ONE] * (looks - 1) + [None]) * 3, 0.5).hopeless
    assert not after([None] * 3 * looks, 0.5).hopeless


def test_time_in_which_nobody_could_run_is_not_counted() -> None:
    assert fair(0.1, 0.1, 0) == 0.1
    assert fair(3600, 0.1, 0) == 0.2  # a machine that slept, a process that was stopped
    assert fair(0.2, 0.1, 0.15) == 0.2 - 0.15  # a loop that had no processor
    assert fair(0.1, 0.1, 5) == 0


@given(st.floats(0, 1e6), st.floats(0.01, 10), st.floats(0, 1e6))
def test_no_look_counts_more_than_it_was_to_last(elapsed: float, asked: float, waited: float) -> None:
    assert 0 <= fair(elapsed, asked, waited) <= 2 * asked


def test_a_plugin_s_own_code_and_the_libraries_that_it_calls_are_its_own() -> None:
    shell = ["daemon.hooks", "asyncio.events", "daemon.app"]
    assert plugin_of(["acme_shop.client", *shell], PACKAGES) == "acme"
    assert plugin_of(["json.decoder", "requests.sessions", "acme_shop", *shell], PACKAGES) == "acme"
    assert plugin_of(["plugins.allegro.mapping", *shell], PACKAGES) == "allegro"


def test_a_plugin_that_waits_for_our_own_code_is_innocent_and_so_is_another_of_a_longer_name() -> None:
    assert plugin_of(["json.decoder", "orderferry.http", "acme_shop.client", "daemon.hooks"], PACKAGES) is None
    assert plugin_of(["selectors", "asyncio.base_events", "daemon.app"], PACKAGES) is None
    assert plugin_of(["acme_shopping.client", "daemon.hooks"], PACKAGES) is None
    assert plugin_of([], PACKAGES) is None
