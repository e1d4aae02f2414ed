"""docs/reference/testing.md has every module, name, method and fate of the kit, and nothing that is not there."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import orderferry.testing
from orderferry.testing.contract import PlatformContract
from orderferry.testing.contract_marketplace import MarketplaceContract
from orderferry.testing.contract_shop import ShopContract
from orderferry.testing.simulator import Fate

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "testing.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### orderferry\.testing\.(\w+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
MODULES = sorted(found.name for found in pkgutil.iter_modules(orderferry.testing.__path__))


def public(module: ModuleType) -> Iterator[tuple[str, str]]:
    """What a module makes itself, with the first paragraph of what it says of it."""
    for name, value in vars(module).items():
        made = inspect.isclass(value) or inspect.isfunction(value) or hasattr(value, "_fixture_function")
        if made and not name.startswith("_") and value.__module__ == module.__name__:
            yield name, " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def supplied(*kits: type) -> Iterator[tuple[str, bool]]:
    """The methods that an author overrides, and whether he must."""
    for kit in kits:
        for name, value in vars(kit).items():
            source = inspect.getsource(value) if callable(value) and not name.startswith(("test_", "_")) else ""
            if "raise NotImplementedError" in source:
                yield name, True
            elif re.search(r'^        pytest\.skip\("no', source, re.MULTILINE):
                yield name, False


def test_every_module_has_its_section_in_order_and_no_other() -> None:
    assert list(SECTIONS) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there_in_the_words_of_the_code(name: str) -> None:
    module = importlib.import_module(f"orderferry.testing.{name}")
    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", SECTIONS[name], re.MULTILINE) == list(public(module))
    assert (module.__doc__ or "").splitlines()[0] in SECTIONS[name]


def test_every_method_that_an_author_supplies_is_there_and_no_other() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", PAGE.partition("## How a request")[0], re.MULTILINE)
    found = dict(supplied(PlatformContract, MarketplaceContract, ShopContract))
    assert {name: "required" in whom for name, whom, _ in rows} == found


def test_every_fate_is_there_and_no_other() -> None:
    table = PAGE.partition("## How a request may end")[2].partition("## The parts")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [fate.value for fate in Fate]
