"""Distributions of strangers for tests: metadata and a module in a folder, as an installer leaves them."""

from __future__ import annotations

from pathlib import Path

MODULE = """
from pathlib import Path

from orderferry import Capability, CheckReport, Platform, Role, Settings, hookimpl

Path(__file__).with_name("imported").touch()


class {id}(Platform[Settings]):
    id, title, role = "{id}", "{title}", Role.SHOP
    Settings = Settings
    capabilities = Capability.NONE

    @hookimpl
    async def check(self):
        return CheckReport(summary="fine")


@hookimpl
def register_platforms(register):
    register({id})
"""


def install(
    site: Path, name: str, *, distribution: str, version: str = "1.0", module: str | None = None, platform: str = ""
) -> Path:
    """Puts a distribution with the entry point `name` there; answers the file that its import would leave."""
    package = distribution.replace("-", "_").lower()
    folder = site / package
    folder.mkdir(parents=True, exist_ok=True)
    source = MODULE.format(id=platform or name, title=name.title()) if module is None else module
    (folder / "__init__.py").write_text(source, encoding="utf-8")
    info = site / f"{package}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[orderferry]\n{name} = {package}\n")
    return folder / "imported"
