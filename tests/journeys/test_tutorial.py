"""docs/tutorial/write-a-plugin.md, followed word for word.

Every block of the page is carried out, in its order, in one shell. What is replaced, since a test has no network and
must not touch its own environment, wait for a person, or take a port that is in use:

- the first block (`pip install pytest pytest-asyncio`) is left out: they are here already
- `pip install --editable .` is done by the project's build backend, into a folder that is on the path
- port 8765 is any free one
- a program that was sent to the background is waited for until it answers, and an order until it stands in the shop;
  a person needs longer than that to read on
"""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.journeys.strangers import environment

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "write-a-plugin.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

INSTALL = "python -m pip install --editable .\n"
INSTALLED = """\
python -c 'import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])
from tests.journeys.strangers import install_editable
install_editable(Path("."), Path("../site"))' "$ROOT"
"""
WAITS = {
    "simulator --port": "until curl_ http://127.0.0.1:PORT/_sim/orders; do sleep 0.1; done\n",
    "orderferry run": "until orderferry status --socket s >status.txt 2>&1; do sleep 0.1; done\n",
    "orderferry import": "until orderferry explain 1 --socket s | grep -q 'stands in my-corner'; do sleep 0.1; done\n",
}
PRELUDE = """\
set -eum
curl_() { python -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1])' "$1" 2>/dev/null; }
"""


def wait_for(line: str) -> str:
    """What waits until a line of the page has had its effect."""
    return "".join(wait for begun, wait in WAITS.items() if begun in line)


def script(port: int) -> str:
    """The page as one program for the shell."""
    parts = [PRELUDE]
    for kind, text in BLOCKS[1:]:
        named = re.match(r"# ([\w./-]+)\n", text)
        if kind == "sh":
            parts += [line + wait_for(line) for line in text.replace(INSTALL, INSTALLED).splitlines(keepends=True)]
        elif kind == "diff":
            parts.append(f"git apply - <<'END'\n{text}END\n")
        else:
            assert named, f"a block of {kind} does not say which file it is"
            parts.append(f"cat > {named[1]} <<'END'\n{text.removeprefix(named[0]) if kind == 'text' else text}END\n")
    return "".join(parts).replace("8765", str(port)).replace("PORT", str(port))


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.timeout(300)
def test_the_tutorial_works_as_it_is_written(tmp_path: Path, port: int) -> None:
    env = environment(tmp_path / "site", tmp_path / "orderferry-corner")
    env |= {"ROOT": str(ROOT), "GIT_CEILING_DIRECTORIES": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    (tmp_path / "script").write_text(script(port))
    result = subprocess.run(
        ["/bin/bash", "script"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=280, check=False
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    for expected in (
        "FAILED tests/test_source.py::test_the_marketplaces_number_is_in_a_field_of_its_own",
        "not yet\n",
        "implements `set_payment`, but declares none of set_payment",
        "the kit has noticed",
        'it is not enabled; if you trust it, write enabled = ["orderferry-corner"] in [plugins]',
        "Everything is in order.",
        "corner 0.1.0, from orderferry-corner: runs\n  corner: Corner, shop; used by my-corner\n",
        "import: 1 new",
        "It stands in my-corner as order 1.",
        '"source": "import 1001"',
    ):
        assert expected in said, said
    assert len(re.findall(r"\d+ passed", said)) == 3


def test_every_block_is_carried_out() -> None:
    assert {kind for kind, _ in BLOCKS} == {"sh", "python", "diff", "toml", "text"}
    assert BLOCKS[0] == ("sh", "python -m pip install pytest pytest-asyncio\n")
    assert sum(INSTALL in text for _, text in BLOCKS) == 1
    commands = "".join(text for kind, text in BLOCKS if kind == "sh")
    assert all(commands.count(begun) == 1 for begun in WAITS)
