"""How long buyers' data is kept, as config.toml says it: in general, by account, and never longer than allowed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from daemon.config import ConfigError, load
from daemon.privacy.deadlines import keeps
from tests.daemon.test_config import PLATFORMS, Bazaar, M, S

DAY = timedelta(days=1)


class Strict(Bazaar):
    id = "strict"
    title = "Strict"
    longest_keep = timedelta(days=30)


ALL = {**PLATFORMS, "strict": Strict}
STRICT = M.replace("[marketplaces.m]", "[marketplaces.strict]").replace('"bazaar"', '"strict"')


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_the_account_s_own_time_holds_before_the_general_one(tmp_path: Path) -> None:
    text = '[privacy]\nkeep_buyer_data = "60d"\n' + M + 'keep_buyer_data = "5d"\n' + S + STRICT
    found = keeps(load(config(tmp_path, text), ALL, {}), ALL)
    assert found.of("m", "bazaar") == 5 * DAY
    assert found.of("s", "corner") == 60 * DAY
    assert found.of("strict", "strict") == 30 * DAY, "the platform's limit"


def test_without_a_word_it_is_30_days(tmp_path: Path) -> None:
    found = keeps(load(config(tmp_path, S), ALL, {}), ALL)
    assert found.of("s", "corner") == 30 * DAY


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (STRICT + 'keep_buyer_data = "31d"\n', "marketplaces.strict.keep_buyer_data: Strict allows 30d at most; write"),
        ('[privacy]\nkeep_buyer_data = "366d"\n', "privacy.keep_buyer_data: is longer than 365d, the most that can"),
        ('[privacy]\nkeep_buyer_data = "0s"\n', "privacy.keep_buyer_data: must be longer than nothing"),
        ('[privacy]\nkeep_buyer_data = "off"\n', "privacy.keep_buyer_data: "),
        ('[imports.files]\nkeep_buyer_data = "2000d"\n', "imports.files.keep_buyer_data: is longer than 365d"),
        (S + 'keep_buyer_data = "0s"\n', "shops.s.keep_buyer_data: must be longer than nothing"),
        ('[privacy]\nkeep = "1d"\n', "privacy.keep: is not a key here"),
    ],
)
def test_what_is_not_allowed_is_refused_with_the_reason(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(config(tmp_path, text), ALL, {})
    assert told in str(refused.value)
