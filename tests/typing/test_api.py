"""The public API is typed as an author needs it: a right platform passes mypy --strict, a wrong override does not.

mypy lets an override rename its arguments; that is refused by `orderferry.loading` and by pluggy.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
API = Path(__file__).with_name("api.py")

WRONG = {
    "more": "    async def find_order(self, reference: str, since: datetime, limit: int) -> ShopOrder | None: ...",
    "kind": "    async def set_status(self, ref: OrderRef, status: int) -> None: ...",
    "answer": "    async def find_order(self, reference: str, since: datetime) -> str: ...",
    "sync": "    def check(self) -> CheckReport: ...",
    "missing": "    async def add_order(self, order: ForwardOrder) -> ShopOrder: ...",
    "role": '    role = "shop"',
    "flags": "    capabilities = 7",
}
MISUSES = {
    "settings": "def a(account: Account[CornerSettings]) -> str: return account.settings.secret",
    "money": 'def b() -> Money: return Money(1.5, "PLN")',
    "frozen": "def c(order: Order) -> None: order.comment = None",
    "decode": 'async def d(http: Http) -> str: return await http.get("/x", decode_many)',
    "register": "def e(register: Register) -> None: register(CornerSettings)",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What mypy says, by the mark of the line that it says it of; one run for everything."""
    folder = tmp_path_factory.mktemp("typing")
    text = API.read_text("utf-8")
    for mark, body in WRONG.items():
        text += f"\n\nclass Wrong{mark.title()}(CornerShop):\n{body}  # {mark}\n"
    for mark, line in MISUSES.items():
        text += f"\n\n{line}  # {mark}\n"
    copy = folder / "misused.py"
    copy.write_text(text, "utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--no-error-summary",
        "--config-file",
        str(ROOT / "pyproject.toml"),
    ]
    command += ["--cache-dir", str(folder / "cache"), "--follow-imports", "silent", str(copy)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - mypy itself
    lines = text.splitlines()
    found: dict[str, set[str]] = {}
    for number, code in re.findall(r"misused\.py:(\d+): error: .*\[([\w-]+)\]", run.stdout):
        line = lines[int(number) - 1]
        found.setdefault(line.rpartition("  # ")[2] if "  # " in line else line, set()).add(code)
    assert run.stderr == ""
    assert found, run.stdout
    return found


def test_a_right_platform_passes(said: dict[str, set[str]]) -> None:
    assert set(said) - set(WRONG) - set(MISUSES) == set(), "errors in api.py itself"


@pytest.mark.parametrize("mark", WRONG)
def test_a_wrong_override_is_refused(said: dict[str, set[str]], mark: str) -> None:
    assert said.get(mark, set()) & {"override", "assignment"}


@pytest.mark.parametrize("mark", MISUSES)
def test_a_misuse_is_refused(said: dict[str, set[str]], mark: str) -> None:
    assert said.get(mark, set()) & {"return-value", "arg-type", "misc"}


def test_the_example_is_a_sound_platform() -> None:
    spec = importlib.util.spec_from_file_location("corner_shop", API)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.sound() == ()
