"""The distribution: what it offers, what it costs to import, what must not be in it."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("orderferry", "daemon", "plugins")
LONGEST_FILE = 400
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def python(code: str) -> str:
    """What a fresh interpreter prints for this code, outside the source tree."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(  # noqa: S603 - our own interpreter with code of this file
        [sys.executable, "-c", code], cwd=ROOT.anchor, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def modules_after(import_line: str) -> set[str]:
    return set(json.loads(python(f"{import_line}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")))


@pytest.mark.parametrize("platform", sorted(PROJECT["project"]["entry-points"]["orderferry"]))
def test_a_platforms_entry_point_leads_to_a_module_that_registers(platform: str) -> None:
    (point,) = entry_points(group="orderferry", name=platform)
    offered: list[type] = []

    point.load().register_platforms(register=offered.append)

    assert [offer.id for offer in offered] == [platform]  # type: ignore[attr-defined]  # what register takes is a Platform


def test_the_command_is_installed_and_tells_the_version_of_the_distribution() -> None:
    command = Path(sys.executable).with_name("orderferry")

    result = subprocess.run(  # noqa: S603 - the command of this very environment
        [str(command), "--version"], capture_output=True, text=True, check=True, cwd=ROOT.anchor
    )

    assert version("orderferry") in result.stdout


def test_the_version_is_written_in_one_place() -> None:
    written = PROJECT["project"]["version"]

    assert version("orderferry") == written
    for file in python_files():
        assert f'"{written}"' not in file.read_text(encoding="utf-8"), f"{file} repeats the version"


def test_the_changelog_speaks_of_this_version() -> None:
    assert f"## [{PROJECT['project']['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_contract_is_light_to_import() -> None:
    modules = modules_after("import orderferry")

    assert modules.isdisjoint({"aiohttp", "asyncio", "aiosqlite", "structlog", "cryptography", "sqlite3"})


def test_the_pytest_plugin_imports_nothing_heavy_before_it_is_used() -> None:
    assert "aiohttp" not in modules_after("import orderferry.testing.pytest_plugin")


def python_files() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("file", [pytest.param(file, id=str(file.relative_to(ROOT))) for file in python_files()])
def test_no_file_is_longer_than_a_reader_holds_in_his_head(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())

    assert lines <= LONGEST_FILE


def test_the_wheel_holds_all_that_it_must_and_nothing_else(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    checker = ROOT / "scripts" / "wheel_content.py"
    subprocess.run(build, check=True, capture_output=True)  # noqa: S603 - our own interpreter and project
    (wheel,) = tmp_path.glob("*.whl")

    result = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, str(checker), str(wheel)], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout


def test_what_is_missing_from_a_wheel_is_named() -> None:
    problems = runpy.run_path(str(ROOT / "scripts" / "wheel_content.py"))["problems"](["tests/test_one.py"])

    assert "orderferry/py.typed is missing" in problems
    assert "LICENSE is missing" in problems
    assert "tests does not belong in a wheel" in problems


def tracked_text_files() -> list[Path]:
    """What the project hands on: all that git would take; in an unpacked archive, all that lies there."""
    git = shutil.which("git")
    if git and (ROOT / ".git").exists():
        command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(  # noqa: S603 - git, as found on the PATH
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        if listed.returncode == 0:  # git refuses a folder that belongs to another user
            return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    top = [ROOT / name for name in (*PACKAGES, "tests", "docs", "examples", "benchmarks", "requirements", "scripts")]
    return [file for folder in top for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]


# Spelt in pieces, so that this file does not find itself.
LEFT_UNDONE = re.compile("|".join(rf"\b{a}{b}\b" for a, b in (("TO", "DO"), ("FIX", "ME"), ("W", "IP"))))
BEFORE = r"(?<![\w./~$}-])"
SOMEBODYS_FOLDER = re.compile(BEFORE + "/(?:work|Users)/")
ROOTS_FOLDER = re.compile(BEFORE + "/(?:root)/")


@pytest.mark.parametrize(
    ("pattern", "but"),
    [
        pytest.param(LEFT_UNDONE, None, id="work left undone"),
        pytest.param(SOMEBODYS_FOLDER, None, id="the path of a machine"),
        pytest.param(ROOTS_FOLDER, ROOT / "tests", id="the home of root"),  # a test may make up such a path
    ],
)
def test_no_file_carries(pattern: re.Pattern[str], but: Path | None) -> None:
    files = [file for file in tracked_text_files() if but not in file.parents]
    assert len(files) > 20, "the list of files itself is broken"
    found = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a recorded answer or a picture
        found += [
            f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]

    assert not found


def test_the_patterns_find_what_they_are_for() -> None:
    assert LEFT_UNDONE.search("# " + "TO" + "DO: later")
    assert SOMEBODYS_FOLDER.search('open("' + "/wo" + 'rk/here")')
    assert ROOTS_FOLDER.search('open("' + "/ro" + 'ot/secret")')
    assert not SOMEBODYS_FOLDER.search("https://shop.example/home/of/it")


@pytest.mark.parametrize("name", ["run.txt", "build.txt", "dev.txt"])
def test_the_lock_names_packages_and_hashes_and_no_place(name: str) -> None:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[a-z0-9-]+==[\w.]+( ; [\w '.<>=!]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")

    assert [line for line in lines if not pin.fullmatch(line)] == []


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", text, re.MULTILINE))


def normal(requirement: str) -> str:
    return re.split(r"[<>=~! \[;]", requirement, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def test_the_lock_holds_every_declared_dependency_and_one_version_of_each() -> None:
    everything, run, build = pins("dev.txt"), pins("run.txt"), pins("build.txt")

    assert run.items() <= everything.items()
    assert build.items() <= everything.items()
    assert {normal(text) for text in PROJECT["project"]["dependencies"]} <= run.keys()
    assert {normal(text) for text in PROJECT["build-system"]["requires"]} <= build.keys()
    assert {normal(text) for text in PROJECT["dependency-groups"]["dev"]} <= everything.keys()


@pytest.mark.parametrize("name", ["run.txt", "build.txt", "dev.txt"])
def test_every_pin_of_the_lock_has_its_hashes(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8").replace("\\\n", " ")

    unproven = [line.split()[0] for line in text.splitlines() if "--hash=sha256:" not in line]

    assert pins(name)
    assert not unproven


def test_what_builds_the_project_is_asked_for_in_the_same_range_by_the_lock() -> None:
    asked = (ROOT / "requirements" / "build.in").read_text(encoding="utf-8").splitlines()

    assert set(PROJECT["build-system"]["requires"]) <= set(asked)
