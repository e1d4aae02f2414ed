"""The message as it travels, what settings are taken, and what a refusal means."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from orderferry import NeedsLogin, RateLimited, Rejected, Secret, Unavailable, Unsure
from plugins.smtp.answers import Step, hidden, refused
from plugins.smtp.mapping import compose
from plugins.smtp.settings import SmtpSettings, read_address
from tests.mail_server import body
from tests.plugins.smtp.conftest import MAIL

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SETTINGS = SmtpSettings(host="smtp.example.pl", sender="shop@example.pl")

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=150)


@settings(max_examples=40)
@given(subject=texts, text=texts)
def test_whatever_is_written_arrives_in_plain_ascii_lines_that_are_not_too_long(subject: str, text: str) -> None:
    subject = " ".join(subject.split())
    letter = compose(replace(MAIL, subject=subject, text=text, html=None), SETTINGS, NOW)
    assert letter.content.isascii()
    assert max(map(len, letter.content.split(b"\r\n"))) <= 998
    assert b"\n" not in letter.content.replace(b"\r\n", b"")
    message = message_from_bytes(letter.content, EmailMessage, policy=policy.default)
    assert "".join(message["Subject"].split()) == "".join(subject.split())
    assert body(message, "plain").rstrip("\r\n") == text


def test_a_second_mail_has_the_same_id() -> None:
    first, second = (compose(MAIL, SETTINGS, NOW.replace(hour=hour)) for hour in (10, 11))
    found = [message_from_bytes(one.content)["Message-ID"] for one in (first, second)]
    assert found == ["<ferrytest1.thanks@example.pl>"] * 2


@pytest.mark.parametrize(
    "address",
    ["", "anna", "anna@", "@example.org", "a b@example.org", "anna@example.org\r\nBcc: all@example.org", "a@b@c", "<>"],
)
def test_what_is_no_address_is_rejected_without_being_told(address: str) -> None:
    with pytest.raises(Rejected) as raised:
        compose(replace(MAIL, to=address), SETTINGS, NOW)
    assert str(raised.value) == "what the order has as the buyer's e-mail address is none"


def test_an_address_that_few_servers_carry_is_rejected() -> None:
    with pytest.raises(Rejected, match="most mail servers"):
        compose(replace(MAIL, to="żółta@example.org"), SETTINGS, NOW)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_none(text: str) -> None:
    found = read_address(text)
    assert found is None or "@" in found.addr_spec


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"security": "none"}, "in the clear"),
        ({"port": 0}, "1 to 65535"),
        ({"port": 65_536}, "1 to 65535"),
        ({"user": "a"}, "go together"),
        ({"password": Secret("a")}, "go together"),
        ({"sender": "My Shop"}, "sender must be an address"),
        ({"sender": "żółty@example.pl"}, "sender must be an address"),
        ({"reply_to": "nobody"}, "reply_to must be an address"),
    ],
)
def test_settings_that_can_not_be_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(SETTINGS, **given)


def test_without_a_port_it_follows_from_the_security() -> None:
    assert SETTINGS.at_port == 587
    assert replace(SETTINGS, security="tls").at_port == 465
    assert replace(SETTINGS, host="127.0.0.1", security="none").at_port == 25
    assert replace(SETTINGS, port=2525).at_port == 2525


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("code", [-1, 0, 250, 354, 399, 421, 450, 451, 452, 500, 530, 535, 550, 552, 554, 600])
def test_only_content_leaves_a_doubt_and_only_where_the_server_did_not_say_no(step: Step, code: int) -> None:
    error = refused(step, code, "no")
    if not 400 <= code <= 599:
        assert type(error) is (Unsure if step is Step.CONTENT else Unavailable)
    else:
        assert not isinstance(error, Unsure)
        passes = code < 500 or (step is Step.GREETING and code not in {530, 535})
        assert isinstance(error, Unavailable if passes else NeedsLogin | Rejected)


@pytest.mark.parametrize(
    ("step", "code", "error"),
    [
        (Step.GREETING, 554, Unavailable),
        (Step.LOGIN, 454, RateLimited),
        (Step.LOGIN, 504, NeedsLogin),
        (Step.SENDER, 451, RateLimited),
        (Step.SENDER, 552, Rejected),
        (Step.SENDER, 530, NeedsLogin),
        (Step.RECEIVER, 450, Unavailable),
        (Step.RECEIVER, 452, RateLimited),
        (Step.RECEIVER, 550, Rejected),
        (Step.CONTENT, 451, Unavailable),
        (Step.CONTENT, 552, Rejected),
    ],
)
def test_what_a_refusal_concerns_hangs_on_its_step(step: Step, code: int, error: type[Exception]) -> None:
    assert type(refused(step, code, "no")) is error


def test_a_servers_words_are_told_without_the_receiver() -> None:
    words = "5.1.1 <Anna.K@example.org>:\r\n mailbox of anna.k (id=anna.k@other.example) is\x00 full, annabel is not"
    assert hidden(words, "anna.k@example.org") == (
        "5.1.1 <(address)>: mailbox of (name) ((address)) is full, annabel is not"
    )
    assert len(hidden("word " * 1000, "anna@example.org")) == 200
