"""Maps are compared with what a platform has: what it doesn't know or take is named, and counts as not written."""

from __future__ import annotations

from daemon.core.maps import Maps, Methods, faults, usable
from orderferry import Choice, ChoiceKind

STATUSES = (
    Choice(id="pending", title="Pending", never="it would put the goods back into the shop's stock"),
    Choice(id="processing", title="Processing"),
    Choice(id="completed", title="Completed"),
    Choice(id="cancelled", title="Cancelled", not_new="it takes nothing from the stock"),
)
DELIVERIES = (Choice(id="flat:1", title="Courier"), Choice(id="flat:2", title="Locker"))


def wrong(maps: Maps, kind: ChoiceKind, choices: tuple[Choice, ...]) -> list[str]:
    return [str(fault) for fault in faults(maps, kind, choices, new=("new", "paid"))]


def test_an_entry_that_the_shop_does_not_know_is_named_with_the_nearest_real_ones() -> None:
    maps = Maps(statuses={"new": "processing", "sent": "complete"})
    assert wrong(maps, ChoiceKind.STATUSES, STATUSES) == [
        "statuses.sent = 'complete' is not known there; there are completed"
    ]


def test_a_map_that_would_put_stock_back_is_refused() -> None:
    maps = Maps(statuses={"packing": "pending", "cancelled": "cancelled"})
    assert wrong(maps, ChoiceKind.STATUSES, STATUSES) == [
        "statuses.packing = 'pending' is refused: it would put the goods back into the shop's stock"
    ]


def test_a_status_that_takes_nothing_from_the_stock_is_refused_for_new_orders_alone() -> None:
    maps = Maps(statuses={"new": "cancelled", "returned": "cancelled"})
    assert wrong(maps, ChoiceKind.STATUSES, STATUSES) == [
        "statuses.new = 'cancelled' is refused: it takes nothing from the stock"
    ]


def test_entries_for_one_account_and_the_default_are_compared_too() -> None:
    methods = Methods(general={"default": "flat:3"}, by_account={"allegro": {"Courier": "flat:1", "Post": "post:7"}})
    found = wrong(Maps(deliveries=methods), ChoiceKind.DELIVERIES, DELIVERIES)
    assert [text.split(" is ")[0] for text in found] == [
        "deliveries.default = 'flat:3'",
        "deliveries.allegro.Post = 'post:7'",
    ]


def test_what_is_wrong_counts_as_not_written_and_nothing_else_does() -> None:
    maps = Maps(
        statuses={"new": "processing", "packing": "pending"},
        deliveries=Methods(general={"Courier": "flat:1", "Post": "post:7"}, by_account={"allegro": {"Post": "flat:2"}}),
        payments=Methods(general={"online": "payu"}),
    )
    found = (
        *faults(maps, ChoiceKind.STATUSES, STATUSES),
        *faults(maps, ChoiceKind.DELIVERIES, DELIVERIES),
        *faults(maps, ChoiceKind.PAYMENTS, (Choice(id="payu", title="PayU"),)),
    )
    left = usable(maps, found)
    assert left.statuses == {"new": "processing"}
    assert left.deliveries == Methods(general={"Courier": "flat:1"}, by_account={"allegro": {"Post": "flat:2"}})
    assert left.payments == maps.payments
    assert usable(maps, ()) is maps


def test_a_list_without_maps_has_no_faults() -> None:
    assert wrong(Maps(statuses={"new": "x"}), ChoiceKind.CARRIERS, ()) == []
