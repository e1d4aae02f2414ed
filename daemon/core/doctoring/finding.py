"""A finding of the doctor's, and how many there are of each weight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

Weight: TypeAlias = Literal["ok", "warning", "failed"]


class Finding(Struct, frozen=True, kw_only=True):
    """What one check found, in a sentence; `remedy` is a command or a sentence, None where there is nothing to do.

    `check` names what was looked at, and with a colon the account or the file: "clock", "account:my-shop".
    """

    check: str
    weight: Weight
    found: str
    remedy: str | None = None


def ok(check: str, found: str) -> Finding:
    """All is well."""
    return Finding(check=check, weight="ok", found=found)


def warning(check: str, found: str, remedy: str) -> Finding:
    """It works, but may not always."""
    return Finding(check=check, weight="warning", found=found, remedy=remedy)


def failed(check: str, found: str, remedy: str) -> Finding:
    """It does not work."""
    return Finding(check=check, weight="failed", found=found, remedy=remedy)


def summary(findings: Iterable[Finding]) -> str:
    """How many findings there are of each weight, the heaviest first."""
    weights = [finding.weight for finding in findings]
    parts = [
        (weights.count("failed"), "failed"),
        (weights.count("warning"), "to look at"),
        (weights.count("ok"), "in order"),
    ]
    return ", ".join(f"{count} {words}" for count, words in parts if count)


def amount(size: float) -> str:
    """A number of bytes for people: "512 B", "14 MiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} {unit}" if unit in {"B", "KiB"} or size >= 10 else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")
