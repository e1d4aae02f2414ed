"""`orderferry plugins new`: a name that may be one, a folder that isn't there, and all of it or nothing."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from daemon.cli import cli
from daemon.scaffold import writing
from daemon.scaffold.writing import ScaffoldError, write


def new(*args: str) -> Result:
    return CliRunner().invoke(cli, ["plugins", "new", *args], prog_name="orderferry")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Parcel Hub", "can't be a platform's name.*did you mean parcel-hub?"),
        ("7shops", "begins with a letter"),
        ("x", "2 to 40"),
        ("a" * 41, "2 to 40"),
        ("a--b", "did you mean a-b?"),
        ("../up", "did you mean up?"),
        ("allegro", "taken: orderferry .* offers"),
        ("integration-file", "taken: orderferry .* offers"),
        ("class", "a word of Python's own"),
        ("none", "a word of Python's own"),
        ("json", "a word of Python's own"),
        ("daemon", "one of orderferry's own"),
        ("order", "one of orderferry's own"),
        ("forward-order", "one of orderferry's own"),
        ("client", "one of orderferry's own"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused_with_a_better_one(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(ScaffoldError, match=why):
        write(name, "shop", tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("role", ["marketplace", "shop"])
def test_a_distribution_of_the_houses_shape_is_written(tmp_path: Path, role: str) -> None:
    folder = tmp_path / "below" / "mine"
    result = new("parcel-hub", "--role", role, "--to", str(folder))
    assert result.exit_code == 0
    assert f"    cd {folder}\n" in result.stdout
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    modules = {"__init__", "auth", "client", "mapping", "platform", "settings", "simulator", "wire"}
    assert files == {
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "tests/test_contract.py",
        "tests/test_mapping.py",
        "orderferry_parcel_hub/py.typed",
        *(f"orderferry_parcel_hub/{module}.py" for module in modules),
    }
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == "orderferry-parcel-hub"
    assert project["entry-points"] == {"orderferry": {"parcel-hub": "orderferry_parcel_hub"}}
    left = [path for path in folder.rglob("*") if path.is_file() and re.search(r"\$\{?\w", path.read_text())]
    assert not left, "a place that was not filled in"
    assert folder.stat().st_mode & 0o777 == 0o755


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("mine", "dangling"):
        result = new("parcelhub", "--role", "shop", "--to", str(tmp_path / name))
        assert result.exit_code == 1
        assert "is there already; name another folder" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "mine"]


def test_a_failure_in_the_middle_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    before = Path.write_text

    def failing(self: Path, text: str, encoding: str | None = None) -> int:
        written.append(self)
        if len(written) == 5:
            raise OSError(28, "No space left on device")
        return before(self, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", failing)
    with pytest.raises(ScaffoldError, match="can't be written: No space left on device"):
        write("parcelhub", "shop", tmp_path / "mine")
    assert len(written) == 5
    assert not list(tmp_path.iterdir())


def test_every_template_is_of_a_role_or_of_both() -> None:
    templates = Path(writing.__file__).with_name("templates")
    assert {path.name for path in templates.iterdir()} == {"both", "marketplace", "shop"}
    assert all(path.name.endswith(writing.SUFFIX) for path in templates.rglob("*") if path.is_file())
