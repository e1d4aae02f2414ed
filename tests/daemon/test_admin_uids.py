"""`[daemon] admin_uids`: numbers and names, looked up once, and what a name that nobody has is told."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from daemon.config import Config, ConfigError, load

HERE = pwd.getpwuid(os.getuid())


def read(folder: Path, value: str) -> Config:
    path = folder / "config.toml"
    path.write_text(f"[daemon]\nadmin_uids = {value}\n")
    return load(path, {}, {"HOME": "/home/u"})


def test_names_become_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, f'["{HERE.pw_name}", 4711]').daemon.uids == (HERE.pw_uid, 4711)
    assert read(tmp_path, "[]").daemon.uids == ()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ('[1, "nobody-of-that-name"]', "config.toml:2: daemon.admin_uids[1]: this machine has no user of that name"),
        ('["zero\\u0000byte"]', "config.toml:2: daemon.admin_uids[0]: this machine has no user of that name"),
        ("[-1]", "config.toml:2: daemon.admin_uids[0]: a user's number is 0 or more"),
        ("[true]", 'found true or false, write a number, or text in "quotes"'),
        ("1000", "found a number, write a list in [brackets]"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, value: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, value)
    assert sentence in str(caught.value)
