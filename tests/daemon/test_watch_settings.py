"""[watch]: only this very machine listens, and mails need a mail server; each mistake is a sentence with its line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from daemon.config import Config, ConfigError, load
from daemon.hooks import discover
from daemon.watch.settings import WatchSettings, place
from orderferry import Duration

PLATFORMS = discover().platforms
MAIL = "[mail]\nhost = 'smtp.example'\nsender = 'S <s@example.pl>'\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.touch(mode=0o600)
    return path


def loaded(file: Path, text: str) -> Config:
    file.write_text(text)
    return load(file, PLATFORMS, os.environ)


def mistakes(file: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(file, text)
    return [str(problem).removeprefix(f"{file}:") for problem in raised.value.problems]


def test_without_it_nothing_listens_and_alarms_go_to_the_log(file: Path) -> None:
    assert loaded(file, "").watch == WatchSettings(listen=None, alarm_after=Duration(minutes=15), mail_to=None)


def test_it_is_taken_as_it_is_written(file: Path) -> None:
    text = f'{MAIL}[watch]\nlisten = "[::1]:9464"\nalarm_after = "5m"\nmail_to = "me@example.pl"\n'
    config = loaded(file, text)
    assert config.watch == WatchSettings(listen="[::1]:9464", alarm_after=Duration(minutes=5), mail_to="me@example.pl")
    assert not any("no mail is sent" in warning for warning in config.warnings)


@pytest.mark.parametrize(
    ("listen", "at"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("127.8.9.1:1", ("127.8.9.1", 1)),
        ("[::1]:65535", ("::1", 65535)),
        ("::1:9464", ("::1", 9464)),
    ],
)
def test_addresses_of_this_machine_are_taken(listen: str, at: tuple[str, int]) -> None:
    assert place(listen) == at


@pytest.mark.parametrize(
    ("listen", "sentence"),
    [
        ("0.0.0.0:9464", "may only be an address of this very machine"),
        ("[::]:9464", "may only be an address of this very machine"),
        ("192.168.1.5:9464", "may only be an address of this very machine"),
        ("[::ffff:192.168.1.5]:9464", "may only be an address of this very machine"),
        ("localhost:9464", "must begin with an address in figures"),
        (":9464", "must begin with an address in figures"),
        ("9464", "must be an address and a port"),
        ("127.0.0.1", "must be an address and a port"),
        ("127.0.0.1:0", "must be an address and a port"),
        ("127.0.0.1:65536", "must be an address and a port"),
        ("127.0.0.1:http", "must be an address and a port"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(file: Path, listen: str, sentence: str) -> None:
    (said,) = mistakes(file, f'[watch]\nlisten = "{listen}"\n')
    assert said.startswith(f"2: watch.listen: {sentence}")
    assert said.endswith('write "127.0.0.1:9464", or "[::1]:9464"')


@pytest.mark.parametrize("address", ["me", "@example.pl", "me@", "Me <me@example.pl>", "a b@example.pl", ""])
def test_mails_go_to_an_address_alone(file: Path, address: str) -> None:
    (said,) = mistakes(file, f'{MAIL}[watch]\nmail_to = "{address}"\n')
    assert said.startswith("5: watch.mail_to: must be")


def test_mails_need_a_mail_server(file: Path) -> None:
    said = mistakes(file, '[watch]\nmail_to = "me@example.pl"\nalarm_after = "0s"\nlisen = "x"\n')
    assert said == [
        "2: watch.mail_to: needs a mail server; write [mail] and its keys",
        "3: watch.alarm_after: must be longer than nothing",
        "4: watch.lisen: is not a key here (did you mean listen?)",
    ]
