"""Mail accounts of tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderferry import Mail, Secret
from orderferry.testing.account import OpenAccount
from plugins.smtp import Smtp
from plugins.smtp.settings import SmtpSettings
from tests.certificates import Signer, certify, trusted
from tests.mail_server import PASSWORD, USER

BUYER = "canaria.zolta@example.org"
MAIL = Mail(
    id="ferrytest1.thanks",
    to=BUYER,
    subject="Dziękujemy za zamówienie 7",
    text="Dzień dobry,\n\nzażółć gęślą jaźń\n.\n.. kropki\n",
    html="<p>zażółć gęślą jaźń</p>\n",
)


@pytest.fixture(scope="session")
def authority() -> Signer:
    return certify("Test authority", signer=None)


@pytest.fixture
def ca_file(authority: Signer, tmp_path: Path) -> Path:
    return trusted(tmp_path / "ca.pem", authority)


Opened = Callable[..., Smtp]


@pytest.fixture
def opened(open_account: OpenAccount) -> Opened:
    """Opens a mail account at this port of this machine; further words are its settings."""

    def open_(port: int, **changes: Any) -> Smtp:  # any of its settings
        given = {"host": "localhost", "security": "none", "sender": "Mój Sklep <shop@example.pl>", **changes}
        return Smtp(open_account(Smtp, SmtpSettings(port=port, **given), canaries={BUYER, "canaria"}))

    return open_


@pytest.fixture
def login() -> dict[str, Any]:
    """The settings of a login that is good."""
    return {"user": USER, "password": Secret(PASSWORD)}
