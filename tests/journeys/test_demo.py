"""The demo as it is started: every process of its own, faults and the kill included."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.journeys.world import PROGRAM


async def test_the_whole_demo_once(tmp_path: Path) -> None:
    options = ("--orders", "24", "--seconds", "4", "--keep", str(tmp_path / "kept"))
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "demo", *options), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await demo.communicate()
    told = out.decode()
    assert demo.returncode == 0, told
    assert "24 (8 at Allegro, 8 at eBay, 8 at Amazon)" in told
    rows = {line[2:20].strip(): line[20:].split() for line in told.splitlines()}
    assert rows["doubled"] == rows["lost"] == rows["unwanted"] == ["0", "0"]
    assert rows["sold"][0] == rows["sold"][1] != "0"
    assert "kill -9" in told
    assert "reached WooCommerce, PrestaShop and Amazon" in told
