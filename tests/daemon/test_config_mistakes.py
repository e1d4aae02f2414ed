"""Each mistake in config.toml is told with its line and key, all of them at once, and without any secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config import ConfigError, load
from orderferry import Capability, Duration, Platform, Role, Secret, Settings, Url


class BazaarSettings(Settings, frozen=True, kw_only=True):
    client_id: str
    client_secret: Secret
    api_url: Url = Url("https://api.bazaar.example")
    sweep_every: Duration = Duration(hours=6)


class Bazaar(Platform[BazaarSettings]):
    id = "bazaar"
    title = "Bazaar"
    role = Role.MARKETPLACE
    Settings = BazaarSettings
    capabilities = Capability.FETCH_ORDERS


class CornerSettings(Settings, frozen=True, kw_only=True):
    url: Url
    consumer_key: Secret
    mode: Literal["live", "trial"] = "live"
    pages: int = 5
    tags: tuple[str, ...] = ()
    days: dict[str, int] = {}  # noqa: RUF012 - msgspec copies an empty one

    def __post_init__(self) -> None:
        if self.pages > 100:
            raise ValueError(f"pages must be at most 100 with {self.consumer_key.reveal()}")


class Corner(Platform[CornerSettings]):
    id = "corner"
    title = "Corner shop"
    role = Role.SHOP
    Settings = CornerSettings
    capabilities = Capability.ADD_ORDER


class ClashSettings(Settings, frozen=True, kw_only=True):
    settle: str = ""


class Clash(Platform[ClashSettings]):
    id = "clash"
    title = "Clash"
    role = Role.SHOP
    Settings = ClashSettings
    capabilities = Capability.NONE


PLATFORMS = {"bazaar": Bazaar, "corner": Corner, "clash": Clash}

M = '[marketplaces.m]\nplatform = "bazaar"\nclient_id = "a"\nclient_secret = "b"\n'
S = '[shops.s]\nplatform = "corner"\nurl = "https://s.example"\nconsumer_key = "k"\n'

Expected = tuple[int | None, str, str]


def told(path: Path, text: str | bytes, environ: dict[str, str] | None = None) -> list[Expected]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(path, PLATFORMS, environ or {})
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    return [(problem.line, problem.key, problem.sentence) for problem in caught.value.problems]


MISTAKES: list[tuple[str, Expected]] = [
    # the whole file
    ("shop = 1\n", (1, "shop", "is not a key here (did you mean shops?)")),
    (
        "\n[zzz]\n",
        (2, "zzz", "is not a key here; the keys here are daemon, privacy, statuses, rules, marketplaces, shops"),
    ),
    # TOML itself
    ('a = "x\n', (1, "", "column 7: a closing quote is missing")),
    ("a = 'x\nb = 1\n", (1, "", "column 5: a closing quote is missing")),
    (
        "\na = \u201cx\u201d\n",
        (2, "", 'column 5: write text in "straight quotes", a number, true or false, a [list] or'),
    ),
    ('a = "x\\shop"\n', (1, "", "column 9: a backslash needs a second one beside it")),
    ("a = 1\na = 2\n", (2, "", "this key is written twice")),
    ("[shops.a]\n[shops.b]\n[shops.a]\n", (3, "", "this table is written twice")),
    ("a b = 1\n", (1, "", "column 3: an equals sign must follow the key")),
    ("a = 1 2\n", (1, "", "column 7: something stands after the value")),
    ("a = [1\nb = 2\n", (2, "", "a closing ] is missing")),
    ("a = {b = 1\nc = 2}\n", (2, "", "a closing } is missing")),
    ("a = \x00\n", (1, "", "column 5:")),
    ("= 1\n", (1, "", "column 1: a line must be key = value")),
    ("a = " + "[" * 5000, (None, "", "is not a settings file")),
    ("a = " + "1" * 5000, (None, "", "is not a settings file")),
    # the daemon's own table
    ('[daemon]\n\nlog_level = "inof"\n', (3, "daemon.log_level", 'found "inof", write one of')),
    ('[daemon]\nlog_level = "inof"\n', (2, "daemon.log_level", '(did you mean "info"?)')),
    ("[daemon]\nlog_level = 3\n", (2, "daemon.log_level", 'found "3", write one of')),
    ("[daemon]\ndata_dir = 3\n", (2, "daemon.data_dir", 'found a number, write a path in "quotes"')),
    ('[daemon]\ndata_dir = ""\n', (2, "daemon.data_dir", "is empty")),
    ('[daemon]\nsocket = "a\\u0000b"\n', (2, "daemon.socket", "has a line break, a tab or another control")),
    ('daemon.sockte = "x"\n', (1, "daemon.sockte", "is not a key here (did you mean socket?)")),
    ('[daemon]\nsocket = "/run/' + "x" * 96 + '"\n', (2, "daemon.socket", "a socket's path of 101 bytes is too long")),
    (
        '[daemon]\nsocket = "/run/' + "\u0142" * 48 + '"\n',
        (2, "daemon.socket", "a socket's path of 101 bytes is too long"),
    ),
    ("daemon = 1\n", (1, "daemon", "found a number, write [daemon] and its keys")),
    # the statuses' table
    ('[statuses]\nnew = "N"\ncancelled = "C"\nSent = "S"\n', (4, "statuses.Sent", "a status is named with 1 to 32")),
    ('[statuses]\nnew = "N"\ncancelled = ""\n', (3, "statuses.cancelled", "is empty")),
    ('[statuses]\nnew = "N"\ncancelled = 2\n', (3, "statuses.cancelled", 'found a number, write text in "quotes"')),
    ('\n[statuses]\nnew = "N"\n', (2, "statuses.cancelled", "is missing, but the program gives it to an order that")),
    ('\n\n[statuses]\ncancelled = "N"\n', (3, "statuses.new", "is missing, but the program gives it to every order")),
    ("statuses = true\n", (1, "statuses", "found true or false, write [statuses] and lines")),
    # accounts
    ("shops = 'x'\n", (1, "shops", "found text, write [shops.NAME] for each shop")),
    ("[[marketplaces]]\n", (1, "marketplaces", "found a list, write [marketplaces.NAME] for each marketplace")),
    ('[shops]\nplatform = "corner"\n', (1, "shops", "a shop needs a name of its own: write [shops.NAME]")),
    ("[shops]\nurl = 1979-05-27\n", (2, "shops.url", "found a date, write [shops.NAME] and its keys")),
    (S.replace("s]", '"My Shop"]'), (1, 'shops."My Shop"', "a name has 1 to 41 of the letters")),
    (S.replace("s]", '"My Shop"]'), (1, 'shops."My Shop"', "(did you mean my-shop?)")),
    (S.replace("s]", "-]"), (1, "shops.-", "begins with no -")),
    (M + S.replace("s]", "m]"), (5, "shops.m", "another account has this name already")),
    ("[shops.s]\n", (1, "shops.s.platform", 'is missing; write platform = one of "clash", "corner"')),
    ("[shops.s]\nplatform = 7\n", (2, "shops.s.platform", 'found a number, write text in "quotes"')),
    ("[shops.s]\nplatform = ''\n", (2, "shops.s.platform", "is empty")),
    ("[shops.s]\nplatform = 'conrer'\n", (2, "shops.s.platform", 'found "conrer", write platform = one of')),
    ("[shops.s]\nplatform = 'conrer'\n", (2, "shops.s.platform", '(did you mean "corner"?)')),
    (M.replace("marketplaces", "shops"), (2, "shops.m.platform", "bazaar is a marketplace; write [marketplaces.m]")),
    (S.replace("shops", "marketplaces"), (2, "marketplaces.s.platform", "corner is a shop; write [shops.s] above it")),
    ("[shops.s]\nplatform = 'clash'\n", (1, "shops.s", "the platform clash has a key settle, which is the program's")),
    (M + 'poll_every = "0s"\n', (5, "marketplaces.m.poll_every", "must be longer than nothing")),
    (M + 'poll_every = "-5m"\n', (5, "marketplaces.m.poll_every", "'-5m' is not a duration")),
    (M + "poll_every = -5\n", (5, "marketplaces.m.poll_every", 'found a number, write a duration such as "5m"')),
    (M + 'poll_every = ""\n', (5, "marketplaces.m.poll_every", "is empty")),
    (M + 'poll_every = "99999d"\n', (5, "marketplaces.m.poll_every", "is longer than ten years")),
    (M + 'settle = "5m"\n', (5, "marketplaces.m.settle", "is not a key here, it belongs to [shops.NAME]")),
    (M + "forward.enabled = true\n", (5, "marketplaces.m.forward", "is not a key here, it belongs to [shops.NAME]")),
    (M + "forward_since = '2026'\n", (5, "marketplaces.m.forward_since", "found text, write a date such as")),
    (
        M + "forward_since = 07:32:00\n",
        (5, "marketplaces.m.forward_since", "found a time of day, write a date such as"),
    ),
    (M + "forward_since = 0001-01-01T00:00:00+14:00\n", (5, "marketplaces.m.forward_since", "found a date beyond")),
    (M + "forward_marketplace_stock = 1\n", (5, "marketplaces.m.forward_marketplace_stock", "write true or false")),
    (M + "sweep_every = []\n", (5, "marketplaces.m.sweep_every", "found a list, write a duration")),
    (M.replace('"a"', '" "'), (3, "marketplaces.m.client_id", "is empty")),
    (M.replace('"a"', '"a\\n"'), (3, "marketplaces.m.client_id", "has a line break, a tab or another control")),
    (S + 'settle = "0s"\n', (5, "shops.s.settle", "must be longer than nothing")),
    (S + "forward_since = 2026-01-01\n", (5, "shops.s.forward_since", "it belongs to [marketplaces.NAME]")),
    (S + "[shops.s.forward]\nenabled = 'yes'\n", (6, "shops.s.forward.enabled", "found text, write true or false")),
    (S + "[shops.s.forward]\nenabeld = true\n", (6, "shops.s.forward.enabeld", "(did you mean enabled?)")),
    (S + "forward = false\n", (5, "shops.s.forward", "found true or false, write [shops.s.forward] and its keys")),
    (S + "statuses = { snet = 'x' }\n", (5, "shops.s.statuses.snet", "is not a key here (did you mean sent?)")),
    (S + "statuses = { sent = 1 }\n", (5, "shops.s.statuses.sent", 'found a number, write text in "quotes"')),
    (S + "statuses = 'x'\n", (5, "shops.s.statuses", "found text, write [shops.s.statuses] and lines such as")),
    # the platform's own keys
    (S.replace("url", "# url"), (1, "shops.s.url", 'is missing; write url = an address such as "https://')),
    (S.replace("url", "uri"), (3, "shops.s.uri", "is not a key here (did you mean url?)")),
    (S.replace("https://s", "http://s"), (3, "shops.s.url", "would send keys and buyers' data in the clear")),
    (S.replace("https://s", "s"), (3, "shops.s.url", "found text that is no address, write an address")),
    (S.replace("s.ex", "u:p@s.ex"), (3, "shops.s.url", "must not carry a name or a password")),
    (
        S + "mode = 'tryal'\n",
        (5, "shops.s.mode", 'found "tryal", write one of "live", "trial" (did you mean "trial"?)'),
    ),
    (S + "pages = 1.5\n", (5, "shops.s.pages", "found a number, write a whole number")),
    (S + "pages = 101\n", (1, "shops.s", "pages must be at most 100 with ***")),
    (S + "tags = [\n'a',\n# [\n7,\n]\n", (8, "shops.s.tags[1]", 'found a number, write text in "quotes"')),
    (S + "tags = 'a'\n", (5, "shops.s.tags", "found text, write a list in [brackets]")),
    (S + "[shops.s.days]\na = 1\nb = ''\n", (7, "shops.s.days.b", "found text, write a whole number")),
    (S.replace('"k"', "7"), (4, "shops.s.consumer_key", 'found a number, write text in "quotes" or { file = "..." }')),
    (S.replace('"k"', '""'), (4, "shops.s.consumer_key", "is empty")),
    (S.replace('"k"', '{ flie = "x" }'), (4, "shops.s.consumer_key", "found a table, write just one of { file")),
    (S.replace('"k"', '{ file = "a", env = "b" }'), (4, "shops.s.consumer_key", "write just one of")),
    (S.replace('"k"', "{ file = 1 }"), (4, "shops.s.consumer_key", 'after file = there must be text in "quotes"')),
]


@pytest.mark.parametrize(("text", "expected"), MISTAKES, ids=[f"{n}-{e[1]}" for n, (_, e) in enumerate(MISTAKES)])
def test_one_mistake_is_told_once_with_its_line_and_key(tmp_path: Path, text: str, expected: Expected) -> None:
    problems = told(tmp_path / "config.toml", text)
    line, key, sentence = expected
    assert [(found[0], found[1]) for found in problems] == [(line, key)]
    assert sentence in problems[0][2]


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = """\
[shops.b]
platform = "corner"
url = "shop"
consumer_kye = "k"
[shops.b.forward]
enabled = 0

[marketplaces.m]
poll_every = "0s"

[daemon]
socket = 1
colour = "red"
"""
    assert [(line, key) for line, key, _ in told(tmp_path / "config.toml", text)] == [
        (3, "shops.b.url"),
        (4, "shops.b.consumer_kye"),
        (6, "shops.b.forward.enabled"),
        (8, "marketplaces.m.platform"),
        (9, "marketplaces.m.poll_every"),
        (12, "daemon.socket"),
        (13, "daemon.colour"),
    ]


def test_a_problem_reads_as_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.toml").write_text(S.replace("url", "ulr"))
    with pytest.raises(ConfigError) as caught:
        load(Path("config.toml"), PLATFORMS, {})
    assert str(caught.value) == "config.toml:3: shops.s.ulr: is not a key here (did you mean url?)"


def test_a_key_with_a_line_break_in_it_does_not_break_the_complaint(tmp_path: Path) -> None:
    problems = told(tmp_path / "config.toml", '"a\\nb" = 1\n')
    assert problems[0][1] == '"a\\nb"'


def test_lines_are_counted_in_a_file_from_windows(tmp_path: Path) -> None:
    text = (M + "\n# a comment\npoll_every = 5\n").replace("\n", "\r\n")
    assert told(tmp_path / "config.toml", text)[0][:2] == (7, "marketplaces.m.poll_every")


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        (b"\xef\xbb\xbf[daemon]\n", 1, "begins with a byte order mark"),
        ("[daemon]\n".encode("utf-16"), 1, "is saved as UTF-16"),
        (b'[daemon]\n# ok\nlog_level = "za\xbf\xf3\xb3\xe6"\n', 3, "is not UTF-8"),
    ],
)
def test_a_file_in_another_encoding(tmp_path: Path, content: bytes, line: int, sentence: str) -> None:
    ((found, key, text),) = told(tmp_path / "config.toml", content)
    assert (found, key) == (line, "")
    assert sentence in text


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    for path, sentence in ((tmp_path / "none.toml", "there is no such file"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigError, match=sentence):
            load(path, PLATFORMS, {})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        load(path, PLATFORMS, {})


def test_a_default_socket_that_is_too_long_is_told_without_a_line(tmp_path: Path) -> None:
    problems = told(tmp_path / "config.toml", "", {"RUNTIME_DIRECTORY": "/run/" + "x" * 100})
    assert [problem[:2] for problem in problems] == [(None, "daemon.socket")]


def test_no_platform_installed(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(S)
    with pytest.raises(ConfigError, match="of which none is installed"):
        load(path, {}, {})


CANARY = "ck_7f3a9c1e5b2d8f40CANARY"
HIDING_PLACES = [
    S.replace('"k"', f'["{CANARY}"]'),
    S.replace('"k"', f'{{ env = "{CANARY}" }}'),
    S.replace('"k"', f'{{ file = "{CANARY}" }}'),
    S.replace('"k"', f'{{ file = "/x/{CANARY}" }}'),
    S.replace('"k"', f'{{ credential = "{CANARY}" }}'),
    S.replace('"k"', f'{{ value = "{CANARY}" }}'),
    S.replace('"k"', f'"{CANARY}\\n"'),
    S.replace('"k"', f'"{CANARY}"') + "pages = 101\n",
    S.replace("consumer_key", "consumer_kye").replace('"k"', f'"{CANARY}"'),
    S.replace("https://s.example", CANARY),
    S.replace("https://", f"https://me:{CANARY}@"),
    S.replace("https://", f"ftp://me:{CANARY}@"),
    S.replace("https://s.example", f"https://me:{CANARY}@s.example:99999"),
    S + f'mode = "{CANARY}"\n',
    S + f'pages = "{CANARY}"\n',
    S + f'tags = [1, "{CANARY}"]\n',
    S + f'settle = "{CANARY}"\n',
    S + f'forward = "{CANARY}"\n',
    f'[shops.s]\nplatform = "{CANARY}"\n',
    f'consumer_key = "{CANARY}\n',
    f'consumer_key = "{CANARY}" "{CANARY}"\n',
    f"consumer_key = {CANARY}\n",
]


@pytest.mark.parametrize("text", HIDING_PLACES)
def test_no_complaint_shows_a_secret(tmp_path: Path, text: str) -> None:
    for environ in ({}, {"CREDENTIALS_DIRECTORY": str(tmp_path)}):
        problems = told(tmp_path / "config.toml", text, environ)
        assert problems
        assert CANARY not in repr(problems)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from([*(M + S).splitlines(), "[", "x", '"', "{", "=", "[shops.s]", "a.b=1", "\0"]), max_size=14)
)
def test_shuffled_lines_are_read_or_told_and_never_crash(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text("\n".join(lines))
    try:
        load(path, PLATFORMS, {})
    except ConfigError as error:
        assert error.problems  # noqa: PT017 - both outcomes are good, and this one must say why
