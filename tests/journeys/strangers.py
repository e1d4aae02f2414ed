"""Projects of other authors, put beside the program without a package index and without touching its environment."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

BUILD = "import sys; from hatchling.build import build_editable; print(build_editable(sys.argv[1]))"


def environment(*folders: Path) -> dict[str, str]:
    """The environment of a program that finds what lies in these folders, and this environment's own commands."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORDERFERRY", "PYTEST"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**kept, "PATH": path, "PYTHONPATH": os.pathsep.join(map(str, folders))}


def install_editable(project: Path, site: Path) -> None:
    """What `pip install --editable` does, by the project's own build backend, into a folder of its own.

    The `.pth` file in it has no effect there: the project's folder has to be on the path as well.
    """
    made = site.parent / "wheels"
    made.mkdir(exist_ok=True)
    run([sys.executable, "-c", BUILD, str(made)], project)
    for wheel in made.glob("*.whl"):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(site)


def run(command: list[str], folder: Path, env: dict[str, str] | None = None) -> str:
    """What a command prints; fails with all of it where the command fails."""
    result = subprocess.run(  # noqa: S603 - commands of this environment
        command, cwd=folder, env=env or environment(folder), capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr
