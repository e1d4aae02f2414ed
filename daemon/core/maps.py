"""The seller's maps from our words to a shop's: statuses, payment methods, delivery methods; and what is wrong in them.

A name is looked up without regard to case and blanks: marketplaces change both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from msgspec import Struct

from orderferry import Choice, ChoiceKind, Delivery, Payment

DEFAULT = "default"


class Methods(Struct, frozen=True, kw_only=True):
    """A map of methods: for all accounts, for single ones, and for whatever has no entry."""

    general: Mapping[str, str] = MappingProxyType({})
    by_account: Mapping[str, Mapping[str, str]] = MappingProxyType({})

    def find(self, names: Iterable[str | None], account: str) -> str | None:
        """The entry for the first of these names that has one: the account's own before the general one."""
        own = self.by_account.get(account, {})
        wanted = [name for name in names if name]
        for entries in (own, self.general):
            plain = {_plain(key): value for key, value in entries.items() if key != DEFAULT}
            for name in wanted:
                if found := plain.get(_plain(name)):
                    return found
        return None

    def otherwise(self, account: str) -> str | None:
        """What a method without an entry becomes."""
        return self.by_account.get(account, {}).get(DEFAULT) or self.general.get(DEFAULT)

    def without(self, refused: Iterable[str]) -> Methods:
        """The same map but for the entries that lead to these methods of the shop."""
        gone = set(refused)
        return Methods(
            general={key: value for key, value in self.general.items() if value not in gone},
            by_account={
                name: {key: value for key, value in entries.items() if value not in gone}
                for name, entries in self.by_account.items()
            },
        )

    def entries(self) -> Iterable[tuple[str, str]]:
        """Every entry, with its key as one writes it."""
        yield from self.general.items()
        for name, entries in self.by_account.items():
            yield from ((f"{name}.{key}", value) for key, value in entries.items())


class Maps(Struct, frozen=True, kw_only=True):
    """All maps of one account."""

    statuses: Mapping[str, str] = MappingProxyType({})
    payments: Methods = Methods()
    deliveries: Methods = Methods()

    def methods(self, kind: ChoiceKind) -> Methods:
        """The map of payment or of delivery methods."""
        return self.payments if kind is ChoiceKind.PAYMENTS else self.deliveries


class Unmapped(Struct, frozen=True, kw_only=True):
    """A method of a marketplace that had no entry when an order with it was forwarded; `became` is what it became."""

    kind: ChoiceKind
    account: str
    method: str
    became: str | None = None


def payment_names(payment: Payment) -> tuple[str | None, ...]:
    """By what a payment's method is looked up: its provider first, then its kind."""
    return (payment.provider, payment.kind.value)


def delivery_names(delivery: Delivery) -> tuple[str | None, ...]:
    """By what a delivery method is looked up: its id at the marketplace first, then its name."""
    return (delivery.method_id, delivery.method)


class Fault(Struct, frozen=True, kw_only=True):
    """An entry that must not be used: its key in config.toml, what it leads to, and why not."""

    kind: ChoiceKind
    key: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{self.kind.value}.{self.key} = {self.value!r} {self.why}"


def faults(maps: Maps, kind: ChoiceKind, choices: Sequence[Choice], *, new: Iterable[str] = ()) -> tuple[Fault, ...]:
    """What is wrong with one of the maps by the platform's own list; `new` are the hub's statuses of a new order."""
    known = {choice.id: choice for choice in choices}
    beginnings = set(new)
    found = []
    for key, value in _entries(maps, kind):
        choice = known.get(value)
        if choice is None:
            near = difflib.get_close_matches(value, known, n=3, cutoff=0.4) or list(known)[:8]
            why = f"is not known there; there are {', '.join(near) or 'none'}"
        elif choice.never is not None:
            why = f"is refused: {choice.never}"
        elif choice.not_new is not None and key in beginnings:
            why = f"is refused: {choice.not_new}"
        else:
            continue
        found.append(Fault(kind=kind, key=key, value=value, why=why))
    return tuple(found)


def usable(maps: Maps, wrong: Iterable[Fault]) -> Maps:
    """The maps without their faulty entries, which count as not written."""
    bad: dict[ChoiceKind, list[Fault]] = {}
    for fault in wrong:
        bad.setdefault(fault.kind, []).append(fault)
    if not bad:
        return maps
    statuses = {fault.key for fault in bad.get(ChoiceKind.STATUSES, ())}
    return Maps(
        statuses={key: value for key, value in maps.statuses.items() if key not in statuses},
        payments=maps.payments.without(fault.value for fault in bad.get(ChoiceKind.PAYMENTS, ())),
        deliveries=maps.deliveries.without(fault.value for fault in bad.get(ChoiceKind.DELIVERIES, ())),
    )


def _entries(maps: Maps, kind: ChoiceKind) -> Iterable[tuple[str, str]]:
    match kind:
        case ChoiceKind.STATUSES:
            return maps.statuses.items()
        case ChoiceKind.PAYMENTS:
            return maps.payments.entries()
        case ChoiceKind.DELIVERIES:
            return maps.deliveries.entries()
        case _:
            return ()


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())
