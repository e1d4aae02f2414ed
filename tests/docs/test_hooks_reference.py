"""The reference pages say what the code says: every hook, argument, flag and error, and nothing that is not there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from orderferry import Capability, Platform, errors, platform
from orderferry.capability import HOOK_FLAGS, OPERATIONS, names
from orderferry.loading import HOOKS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
HOOKS_PAGE = (REFERENCE / "hooks.md").read_text("utf-8")
FLAGS_PAGE = (REFERENCE / "capabilities.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## ([a-z_]+)\n(.*?)(?=^## |\Z)", HOOKS_PAGE, re.MULTILINE | re.DOTALL))
ROWS = dict(re.findall(r"^\| `([A-Z_]+)` \|(.*)\|$", FLAGS_PAGE, re.MULTILINE))
SPECS = {name: getattr(Platform, name) for name in HOOKS} | {"register_platforms": platform.register_platforms}


def test_every_hook_has_its_section_and_no_other() -> None:
    assert set(SECTIONS) == set(SPECS)


@pytest.mark.parametrize("hook", SPECS)
def test_a_hooks_signature_is_the_codes(hook: str) -> None:
    (written,) = re.findall(r"```python\n(.*?)\n```", SECTIONS[hook], re.DOTALL)
    kind = "async def" if inspect.iscoroutinefunction(SPECS[hook]) else "def"
    signature = inspect.signature(SPECS[hook])
    arguments = ", ".join(
        name if name == "self" else f"{name}: {parameter.annotation}"
        for name, parameter in signature.parameters.items()
    )
    assert written == f"{kind} {hook}({arguments}) -> {signature.return_annotation}"


@pytest.mark.parametrize("hook", SPECS)
def test_a_hook_says_for_whom_and_when_and_names_exactly_its_flags(hook: str) -> None:
    section = SECTIONS[hook]
    assert "\n- For: " in section
    assert "\n- Called: " in section
    own = {flag.upper() for flag in names(HOOK_FLAGS.get(hook, Capability.NONE))}
    flags = {name.upper() for name in names(~Capability.NONE)}
    mentioned = set(re.findall(r"`([A-Z_]+)`", section)) & flags
    operations = {name.upper() for name in names(OPERATIONS)}
    assert mentioned & operations == own


@pytest.mark.parametrize("hook", [*HOOK_FLAGS, "check"])
def test_a_hook_says_what_it_raises_and_whether_it_may_be_repeated(hook: str) -> None:
    assert "\n- Raises: " in SECTIONS[hook]
    assert "May be repeated" in SECTIONS[hook] or "Called again" in SECTIONS[hook]


def test_every_error_is_in_the_table_and_no_other() -> None:
    classes = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.PlatformError) and value is not errors.PlatformError
    }
    table = HOOKS_PAGE.partition("## Errors")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == classes
    raised = set(re.findall(r"`([A-Z][a-z]\w+)`", " ".join(re.findall(r"- Raises:.*", HOOKS_PAGE))))
    assert raised - {"None"} <= classes


def test_every_flag_is_documented_once_and_no_other() -> None:
    flags = [flag.name for flag in Capability]
    written = re.findall(r"^\| `([A-Z_]+)` \|", FLAGS_PAGE, re.MULTILINE)
    assert written == flags, "in the order of the code"


@pytest.mark.parametrize("flag", list(Capability), ids=lambda flag: flag.name)
def test_a_flag_says_one_sentence(flag: Capability) -> None:
    *hook, says = (cell.strip() for cell in ROWS[flag.name or ""].split(" | "))
    assert re.fullmatch(r"[A-Z`].*[\w)]\.", says)
    assert says.count(". ") == 0
    named = [f"`{name}`" for name, flags in HOOK_FLAGS.items() if flag in flags]
    assert hook == named, "an operation names its hook, a trait none"


def test_the_pages_links_lead_somewhere() -> None:
    for page in (HOOKS_PAGE, FLAGS_PAGE):
        for target, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page):
            text = (REFERENCE / target).read_text("utf-8") if target else page
            anchors = {
                re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
                for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
            }
            assert not anchor or anchor in anchors
