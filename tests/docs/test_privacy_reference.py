"""The pages say of `orderferry privacy` and of [privacy] what the code says, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from daemon.commands.privacy import SCHEMA, privacy
from daemon.config import load
from daemon.privacy.eraser import COPIES_AFTER
from daemon.privacy.settings import LONGEST, PrivacySettings
from tests.docs.test_settings_reference import PLATFORMS, SWITCHED_ON, documented, fields

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/commands.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^#### orderferry privacy ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
BY_VERB = {line.split()[0]: (line, text) for line, text in SECTIONS.items()}
CONTEXT = click.Context(privacy)


def test_the_section_has_every_key_of_the_settings() -> None:
    assert documented("`[privacy]`") == fields(PrivacySettings)


def test_the_example_shows_the_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch(mode=0o600)
    path.write_text(SWITCHED_ON)
    assert load(path, PLATFORMS, {}).privacy == PrivacySettings()


def test_every_verb_of_the_group_has_its_section_and_no_other() -> None:
    assert set(BY_VERB) == set(privacy.commands)


@pytest.mark.parametrize("verb", privacy.commands)
def test_arguments_and_options_are_those_of_the_verb(verb: str) -> None:
    params = privacy.commands[verb].params
    line, text = BY_VERB[verb]
    assert line == " ".join([verb, *(one.make_metavar(CONTEXT) for one in params if isinstance(one, click.Argument))])
    options = [one for one in params if isinstance(one, click.Option)]
    rows = re.findall(r"^\| `(--[a-z-]+)([^`]*)` \| .+ \|$", text, re.MULTILINE)
    assert rows == [(one.opts[0], "" if one.is_flag else f" {one.metavar}") for one in options]


def test_the_pages_name_the_form_and_the_limits() -> None:
    assert f"`{SCHEMA}`" in PAGE
    about = (ROOT / "docs/explanation/privacy.md").read_text("utf-8")
    assert f"at most {LONGEST.days} days" in about
    assert f"in the data folder {COPIES_AFTER.days} days" in about
    assert f"{PrivacySettings().keep_buyer_data.days} days unless you set less or more" in about
    amazon = PLATFORMS["amazon"].longest_keep
    assert amazon is not None
    assert f"Amazon allows {amazon.days} days at most" in about
