"""[mail] and [mail.thank_you]: what is read, and which mistakes are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config import Config, ConfigError, load
from daemon.core.thanking import Templates
from daemon.hooks import discover
from daemon.thank_you import supplied
from orderferry import Role
from plugins.smtp.settings import SmtpSettings

PLATFORMS = discover().platforms
MAIL = '[mail]\nhost = "smtp.example.pl"\nsender = "shop@example.pl"\n'
KEYS = 'url = "https://a.example"\nconsumer_key = "ck_1"\nconsumer_secret = "cs_1"\n'
SHOP = f'[shops.corner]\nplatform = "woocommerce"\n{KEYS}'
THANKFUL = SHOP + "thank_you = true\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.touch(mode=0o600)
    return path


def loaded(file: Path, text: str) -> Config:
    file.write_text(text)
    return load(file, PLATFORMS, {})


def mistakes(file: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(file, text)
    return [str(problem).removeprefix(f"{file.parent}/") for problem in raised.value.problems]


def test_the_mail_server_is_an_account_named_mail(file: Path) -> None:
    config = loaded(file, f"{THANKFUL}{MAIL}user = 'me'\npassword = 'secret'\n")
    shop, mail = config.accounts
    assert (shop.thank_you, shop.letters) == (True, None)
    assert (mail.name, mail.role, mail.platform, mail.thank_you) == ("mail", Role.MAIL, "smtp", False)
    assert isinstance(mail.settings, SmtpSettings)
    assert mail.settings.user == "me"
    assert mail.letters is not None
    assert mail.letters.language == "auto"
    assert mail.letters.templates == {"pl": supplied("pl"), "en": supplied("en")}
    assert config.warnings == ()


def test_without_the_section_nobody_is_thanked(file: Path) -> None:
    (shop,) = loaded(file, SHOP).accounts
    assert shop.thank_you is False


def test_a_mail_server_for_which_nobody_has_a_use_is_a_warning(file: Path) -> None:
    (warning,) = loaded(file, SHOP + MAIL).warnings
    assert warning.endswith(
        "config.toml:6: mail: no account has thank_you = true, and [watch] has no mail_to, so no mail is sent"
    )


def test_the_sellers_own_templates_stand_in_place_of_the_supplied_ones(file: Path) -> None:
    (file.parent / "mine.txt").write_bytes(b"\xef\xbb\xbfThanks for {{ order.number }}\r\nBye\r\n")
    own = '[mail.thank_you]\nlanguage = "pl"\nsubject = "Hi {{ order.number }}"\ntext = "mine.txt"\n'
    mail = loaded(file, THANKFUL + MAIL + own).accounts[1]
    assert mail.letters is not None
    assert mail.letters.language == "pl"
    expected = Templates(subject="Hi {{ order.number }}", text="Thanks for {{ order.number }}\nBye\n", html=None)
    assert mail.letters.templates["pl"] == expected


def test_a_subject_alone_leaves_the_rest_as_supplied(file: Path) -> None:
    mail = loaded(file, THANKFUL + MAIL + '[mail.thank_you]\nsubject = "Hi"\n').accounts[1]
    assert mail.letters is not None
    assert mail.letters.templates["en"].subject == "Hi"
    assert mail.letters.templates["en"].html == supplied("en").html


def test_templates_that_do_not_render_are_told_with_file_and_line(file: Path) -> None:
    (file.parent / "mine.txt").write_text("Thanks\n\n{{ order.nubmer }}\n")
    (file.parent / "mine.html").write_text("<p>\n{% for x in %}\n")
    own = '[mail.thank_you]\nsubject = "{{ order }"\ntext = "mine.txt"\nhtml = "mine.html"\n'
    assert mistakes(file, THANKFUL + MAIL + own) == [
        "mine.html:2: the template can't be used: Expected an expression, got 'end of statement block'",
        "mine.txt:3: the template can't be used: order has no 'nubmer'",
        "config.toml:11: mail.thank_you.subject: the template can't be used: unexpected '}'",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (THANKFUL, "config.toml:6: shops.corner.thank_you: needs a mail server; write [mail] and its keys"),
        (
            MAIL + SHOP.replace("corner", "mail"),
            "config.toml:4: shops.mail: the mail server has the name mail; give this account another one",
        ),
        (
            THANKFUL + MAIL + '[mail.thank_you]\nhtml = "a.html"\n',
            "config.toml:11: mail.thank_you.html: needs a text beside it, for mail programs that show no HTML",
        ),
        (
            THANKFUL + MAIL + '[mail.thank_you]\ntext = "none.txt"\n',
            "config.toml:11: mail.thank_you.text: FOLDER/none.txt can't be read (No such file or directory)",
        ),
        (
            THANKFUL + MAIL + '[mail.thank_you]\nlanguage = "de"\n',
            'config.toml:11: mail.thank_you.language: found "de", write one of "auto", "en", "pl"',
        ),
        (
            THANKFUL + MAIL + '[mail.thank_you]\nsubjekt = "a"\n',
            "config.toml:11: mail.thank_you.subjekt: is not a key here (did you mean subject?)",
        ),
        ("mail = 5\n", "config.toml:1: mail: found a number, write [mail] and its keys"),
        (
            MAIL + "thank_you = true\n",
            "config.toml:4: mail.thank_you: found true or false, write [mail.thank_you] and its keys",
        ),
        (
            THANKFUL + MAIL.replace("shop@example.pl", "My Shop"),
            'config.toml:7: mail: sender must be an address such as "shop@example.pl" or "My Shop <shop@example.pl>"',
        ),
        (
            THANKFUL + MAIL + 'platform = "woocommerce"\n',
            "config.toml:10: mail.platform: woocommerce is a shop; write [shops.mail] above it",
        ),
        (
            THANKFUL + MAIL + '[shops.post]\nplatform = "smtp"\n',
            "config.toml:11: shops.post.platform: smtp is a mail server; write [mail] above it",
        ),
        (
            THANKFUL + '[mail]\nsender = "a@example.pl"\n',
            'config.toml:7: mail.host: is missing; write host = text in "quotes"',
        ),
    ],
)
def test_a_mistake_is_told(file: Path, text: str, expected: str) -> None:
    assert expected in [line.replace(str(file.parent), "FOLDER") for line in mistakes(file, text)]


def test_a_password_is_not_told(file: Path) -> None:
    told = "".join(mistakes(file, f"{THANKFUL}{MAIL}password = 'hunter2'\n"))
    assert "user and password go together" in told
    assert "hunter2" not in told
