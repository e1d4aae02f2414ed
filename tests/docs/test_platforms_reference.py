"""platforms.md says what the platforms' classes say, and each "no" of an operation has its reason."""

from __future__ import annotations

import re

import pytest

from orderferry import Capability
from orderferry.capability import names
from orderferry.platform import AnyPlatform
from tests.docs.platforms_page import FILE, FUNCTIONS, built_in, lacking, page

PLATFORMS = built_in()
EVERY = pytest.mark.parametrize("platform", PLATFORMS, ids=[platform.id for platform in PLATFORMS])


def place(platform: type[AnyPlatform]) -> str:
    return f"{platform.__module__.replace('.', '/')}.py, class {platform.__name__}"


def test_the_page_is_what_the_platforms_say() -> None:
    wanted = page(PLATFORMS)
    assert FILE.read_text(encoding="utf-8") == wanted, (
        "docs/reference/platforms.md is not what the platforms' classes say now; "
        "write it anew with `.venv/bin/python -m tests.docs.platforms_page`, and commit it"
    )


@EVERY
def test_every_operation_that_is_missing_has_its_reason(platform: type[AnyPlatform]) -> None:
    missing = [name for name in names(lacking(platform)) if name not in platform.why_not]
    entries = "".join(
        f'\n            "{name}": "One sentence for sellers: why {platform.title} can\'t.",' for name in missing
    )
    assert not missing, (
        f"{place(platform)}: add to its `why_not` (beside `capabilities`; make one if there is none):\n"
        f"    why_not = MappingProxyType(\n        {{{entries}\n        }}\n    )\n"
        "and write the page anew with `.venv/bin/python -m tests.docs.platforms_page`"
    )


@EVERY
def test_a_reason_is_of_a_flag_that_is_missing_and_one_plain_sentence(platform: type[AnyPlatform]) -> None:
    flags = {name: Capability[name.upper()] for name in names(~Capability.NONE)}
    shown = {name for flag in FUNCTIONS[platform.role] for name in names(flag)}
    for name, why in platform.why_not.items():
        assert name in flags, f"{place(platform)}: `why_not` has {name!r}, which is no flag's name in lower case"
        assert flags[name] not in platform.capabilities, (
            f"{place(platform)}: it declares {name.upper()}; take {name!r} out of its `why_not`"
        )
        assert name in shown, f"{place(platform)}: {name!r} is nothing that a {platform.role} may have"
        assert re.fullmatch(r"[A-Z][^|\n]*\.", why), f"{place(platform)}: {name!r} must be one plain sentence"


def test_every_flag_is_a_function_of_some_role_or_a_detail_of_one() -> None:
    shown = Capability.NONE
    for functions in FUNCTIONS.values():
        for flag in functions:
            shown |= flag
    details = {"add_is_multi_step", "status_actions", "status_moves_on_payment", "status_moves_on_tracking"}
    assert set(names(~Capability.NONE & ~shown)) == details, "a new flag needs a row in tests/docs/platforms_page.py"
