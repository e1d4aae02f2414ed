"""Comparing an account's maps with what its platform really offers."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.core.maps import Fault, Maps, faults
from daemon.hooks import Hooks
from orderferry import Capability, Choice, ChoiceKind

LISTS = {
    ChoiceKind.STATUSES: Capability.LIST_STATUSES,
    ChoiceKind.PAYMENTS: Capability.LIST_PAYMENTS,
    ChoiceKind.DELIVERIES: Capability.LIST_DELIVERIES,
}


async def check_maps(
    hooks: Hooks, name: str, capabilities: Capability, maps: Maps, *, new: Iterable[str]
) -> tuple[Fault, ...]:
    """The entries that the platform does not know or take; raises what its lists raise.

    `new` are the hub's statuses with which an order may be added. Where the platform gives no list nothing is checked.
    """
    found: list[Fault] = []
    written = {
        ChoiceKind.STATUSES: bool(maps.statuses),
        ChoiceKind.PAYMENTS: any(maps.payments.entries()),
        ChoiceKind.DELIVERIES: any(maps.deliveries.entries()),
    }
    for kind, flag in LISTS.items():
        if written[kind] and flag in capabilities:
            choices: tuple[Choice, ...] = await hooks.ask(name, "list_choices", kind=kind)
            found += faults(maps, kind, choices, new=new)
    return tuple(found)
