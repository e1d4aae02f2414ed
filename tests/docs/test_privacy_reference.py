"""The pages say of `orderferry privacy` and of [privacy] what the code says, and nothing that is not there."""

from __future__ import annotations

from pathlib import Path

from daemon.commands.privacy import SCHEMA
from daemon.config import load
from daemon.core import backups
from daemon.privacy.settings import LONGEST, PrivacySettings
from tests.docs.test_settings_reference import PLATFORMS, SWITCHED_ON, documented, fields

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/commands.md").read_text("utf-8")


def test_the_section_has_every_key_of_the_settings() -> None:
    assert documented("`[privacy]`") == fields(PrivacySettings)


def test_the_example_shows_the_default(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.touch(mode=0o600)
    path.write_text(SWITCHED_ON)
    assert load(path, PLATFORMS, {}).privacy == PrivacySettings()


def test_the_pages_name_the_form_and_the_limits() -> None:
    assert f"`{SCHEMA}`" in PAGE
    about = (ROOT / "docs/explanation/privacy.md").read_text("utf-8")
    assert f"at most {LONGEST.days} days" in about
    assert f"in the data folder {backups.LONGEST.days} days" in about
    assert f"{PrivacySettings().keep_buyer_data.days} days unless you set less or more" in about
    amazon = PLATFORMS["amazon"].longest_keep
    assert amazon is not None
    assert f"Amazon allows {amazon.days} days at most" in about
