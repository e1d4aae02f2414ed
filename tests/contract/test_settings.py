"""Settings' types: what they take, what they refuse in plain words, and a secret that never shows."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import traceback
from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderferry import Duration, Secret, Settings, Url
from orderferry.settings import is_loopback

TEXT = "tr0ub4dor-and-3"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("1h", 3600),
        ("7d", 604_800),
        ("1h30m", 5400),
        ("0s", 0),
        ("1.5h", 5400),
        ("3653d", 315_619_200),
    ],
)
def test_duration(text: str, seconds: float) -> None:
    assert Duration.parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "-5m", "5M", "five minutes", "1h-5m", "1e3s", "٣x", "5m\n"])
def test_duration_says_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match='write "30s", "5m", "1h" or "7d"'):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["3654d", "9" * 300 + "d", "9" * 400 + "s"])
def test_duration_is_not_absurd(text: str) -> None:
    with pytest.raises(ValueError, match="longer than ten years"):
        Duration.parse(text)


@given(st.integers(0, 315_000_000))
def test_duration_is_written_as_it_is_read(seconds: int) -> None:
    assert Duration.parse(str(Duration(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.example",
        "https://shop.example:8443/sub/shop",
        "https://zażółć.example",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:80/x",
    ],
)
def test_url(text: str) -> None:
    assert Url.parse(text) == text
    assert Url.parse(text + "/") == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", 'write "https://shop.example"'),
        ("shop.example", 'write "https://shop.example"'),
        ("ftp://shop.example", 'write "https://shop.example"'),
        ("https://", 'write "https://shop.example"'),
        ("file:///etc/passwd", 'write "https://shop.example"'),
        ("http://shop.example", "write https://"),
        ("http://localhost.evil.example", "write https://"),
        ("http://127.0.0.1.evil.example", "write https://"),
        ("http://10.0.0.1", "write https://"),
        ("https://me@shop.example", "must not carry a name or a password"),
        (f"https://me:{TEXT}@shop.example", "must not carry a name or a password"),
        ("https://shop.example/?a=1", "no \\? and no #"),
        ("https://shop.example/#x", "no \\? and no #"),
        ("https://shop.example:port", "is not an address"),
        ("https://shop.example:99999", "is not an address"),
        ("https://[::1", "is not an address"),
    ],
)
def test_url_says_what_would_be_right(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        Url.parse(text)
    assert TEXT not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"https://me:{TEXT}@shop.example:port",
        f"ftp://me:{TEXT}@shop.example",
        f"https://me:{TEXT}@[::1",
        f"https://me:{TEXT}@shop\u2100.example",
        f"me:{TEXT}@shop.example",
    ],
)
def test_no_complaint_about_a_url_shows_its_password(text: str) -> None:
    with pytest.raises(ValueError, match="must not carry a name or a password") as caught:
        Url.parse(text)
    assert TEXT not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("0.0.0.0", False), ("shop", False)],  # noqa: S104 - nothing is bound
)
def test_is_loopback(host: str, is_ours: bool) -> None:
    assert is_loopback(host) is is_ours


class MySettings(Settings, frozen=True, kw_only=True):
    url: Url
    secret: Secret


def test_a_secret_never_shows() -> None:
    secret = Secret(TEXT)
    settings = MySettings(url=Url("https://shop.example"), secret=secret)
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret!s}", "%s %r" % (secret, secret)]  # noqa: UP031 - this way too
    shown += [repr([secret]), repr({"k": secret}), repr(settings), str(settings), f"{settings}", str(vars(MySettings))]
    shown += ["{0} {0!r}".format(secret)]  # noqa: UP032 - likewise
    assert [text for text in shown if TEXT in text] == []
    assert "Secret(***)" in repr(settings)


def test_a_secret_cannot_be_formatted_by_a_format_string() -> None:
    with pytest.raises(TypeError):
        f"{Secret(TEXT):>40}"


def test_a_secret_does_not_show_in_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    try:
        raise RuntimeError("it failed with", secret)  # noqa: TRY301 - its locals and arguments are what is looked at
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
        logging.getLogger("x").exception("failed with %s", secret)
    assert "Secret(***)" in shown
    assert TEXT not in shown
    assert TEXT not in caplog.text


def test_a_secret_is_not_written_as_json_nor_pickled() -> None:
    secret = Secret(TEXT)
    for write in (msgspec.json.encode, msgspec.msgpack.encode, json.dumps):
        with pytest.raises(TypeError):
            write({"secret": secret})
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert copy.deepcopy([secret]) == copy.copy([secret]) == [secret]


def test_a_secret_is_compared_by_content() -> None:
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("another")
    assert Secret(TEXT) != TEXT
    assert len({Secret(TEXT), Secret(TEXT)}) == 1
    assert Secret(TEXT).reveal() == TEXT


def test_settings_refuse_what_they_do_not_know() -> None:
    class Plain(Settings, frozen=True, kw_only=True):
        name: str

    with pytest.raises(msgspec.ValidationError, match="nmae"):
        msgspec.convert({"name": "x", "nmae": "y"}, Plain)
    with pytest.raises(msgspec.ValidationError, match="name"):
        msgspec.convert({}, Plain)
