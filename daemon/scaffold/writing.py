"""Writes a new plugin's distribution from the templates: all of it, or nothing."""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from string import Template

import orderferry
from daemon.plugin_list import OWN, installed

SUFFIX = ".tmpl"
_NAME = re.compile(r"[a-z](?:-?[a-z0-9]){1,39}")
_OURS = frozenset({"Bearer", "Client", "Market", "Template"})  # classes of the templates themselves


class ScaffoldError(Exception):
    """Nothing was written; the message says why, and what would be right."""


def write(name: str, role: str, folder: Path) -> tuple[str, ...]:
    """Writes the distribution of the platform `name` into a folder that it makes; answers what to tell its author.

    `role` is "marketplace" or "shop". Raises `ScaffoldError`.
    """
    _check(name)
    if folder.exists() or folder.is_symlink():
        raise ScaffoldError(f"{folder} is there already; name another folder: --to FOLDER")
    package = f"orderferry_{name.replace('-', '_')}"
    values = {
        "name": name,
        "Name": _class_of(name),
        "title": name.replace("-", " ").capitalize(),
        "role": role,
        "package": package,
        "distribution": f"orderferry-{name}",
        "version": version(OWN),
    }
    templates = resources.files("daemon.scaffold") / "templates"
    try:
        _place(folder, {**_filled(templates / "both", values), **_filled(templates / role, values)})
    except OSError as error:
        raise ScaffoldError(f"{folder} can't be written: {error.strerror or error}") from error
    return (
        f"{folder} is written: the platform {name}, a simulator of it, and tests that pass. Next:",
        f"    cd {folder}",
        "    python -m pip install --editable .",
        "    python -m pytest",
        "README.md there says what each file is for.",
    )


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        meant = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")[:40]
        hint = f"; did you mean {meant}?" if _NAME.fullmatch(meant) else ""
        raise ScaffoldError(
            f"{name!r} can't be a platform's name: it has 2 to 40 of the letters a-z, digits and -, "
            f"and begins with a letter{hint}"
        )
    taken = next((offer for offer in installed() if offer.name == name), None)
    if taken is not None:
        raise ScaffoldError(f"the name {name} is taken: {taken.origin} offers a platform of this name")
    plain, cls = name.replace("-", "_"), _class_of(name)
    if keyword.iskeyword(plain) or keyword.iskeyword(cls) or plain in sys.stdlib_module_names:
        raise ScaffoldError(f"the name {name} is a word of Python's own; choose another")
    if cls in {*orderferry.__all__, *_OURS} or plain in {"orderferry", "daemon", "plugins", "shops"}:
        raise ScaffoldError(f"the name {name} is one of orderferry's own; choose another")


def _class_of(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))


def _filled(folder: Traversable, values: dict[str, str]) -> dict[PurePosixPath, str]:
    found = {}
    for path, template in _templates(folder, PurePosixPath()):
        parts = [values["package"] if part == "package" else part for part in path.parts]
        place = PurePosixPath(*parts).with_name(path.name.removesuffix(SUFFIX))
        place = place.with_name(".gitignore") if place.name == "gitignore" else place
        found[place] = Template(template.read_text(encoding="utf-8")).substitute(values)
    return found


def _templates(folder: Traversable, at: PurePosixPath) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _templates(entry, at / entry.name)
        elif entry.name.endswith(SUFFIX):
            yield at / entry.name, entry


def _place(folder: Path, files: dict[PurePosixPath, str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        made.chmod(0o755)
        for path, text in files.items():
            place = made / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        made.rename(folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
