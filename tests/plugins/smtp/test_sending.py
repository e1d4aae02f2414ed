"""Sending against real servers on this machine: aiosmtpd for how it should be, the simulator for what goes wrong."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from orderferry import NeedsLogin, PlatformError, RateLimited, Rejected, Secret, Unavailable, Unsure
from orderferry.loading import disagreements
from plugins.smtp import Smtp
from plugins.smtp.simulator import Fate, SmtpSimulator
from tests.certificates import Signer, certify, trusted, write
from tests.mail_server import body, mail_server
from tests.plugins.smtp.conftest import BUYER, MAIL, Opened


def test_the_class_keeps_its_word() -> None:
    assert disagreements(Smtp) == ()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_mail_goes_out_encrypted_and_logged_in(  # noqa: PLR0917 - fixtures and parameters
    opened: Opened, authority: Signer, ca_file: Path, tmp_path: Path, login: dict[str, Any], security: str
) -> None:
    async with mail_server(tmp_path, authority, at_once=security == "tls") as server:
        platform = opened(server.port, security=security, ca_file=ca_file, reply_to="help@example.pl", **login)
        assert (await platform.check()).summary.endswith("logged in as shop@example.pl; nothing was sent")
        assert server.messages == []
        await platform.send_mail(MAIL)
    assert (server.senders, server.receivers) == (["shop@example.pl"], [BUYER])
    (message,) = server.messages
    assert message["From"] == "Mój Sklep <shop@example.pl>"
    assert message["To"] == BUYER
    assert message["Reply-To"] == "help@example.pl"
    assert message["Subject"] == MAIL.subject
    assert message["Message-ID"] == "<ferrytest1.thanks@example.pl>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"].datetime == platform.account.clock.now()
    assert body(message, "plain").replace("\r\n", "\n") == MAIL.text
    assert body(message, "html").replace("\r\n", "\n") == MAIL.html


async def test_a_receiver_that_a_real_server_refuses_is_rejected(
    opened: Opened, authority: Signer, ca_file: Path, tmp_path: Path, login: dict[str, Any]
) -> None:
    async with mail_server(tmp_path, authority) as server:
        server.refuses = {BUYER: f"550 5.1.1 <{BUYER}> no such user canaria.zolta here"}
        platform = opened(server.port, security="starttls", ca_file=ca_file, **login)
        with pytest.raises(Rejected, match=r"550 5\.1\.1 <\(address\)> no such user \(name\) here"):
            await platform.send_mail(MAIL)
        assert server.messages == []


async def test_a_wrong_password_needs_the_owner(
    opened: Opened, authority: Signer, ca_file: Path, tmp_path: Path, login: dict[str, Any]
) -> None:
    async with mail_server(tmp_path, authority) as server:
        wrong = login | {"password": Secret("another")}
        platform = opened(server.port, security="starttls", ca_file=ca_file, **wrong)
        for asked in (platform.check(), platform.send_mail(MAIL)):
            with pytest.raises(NeedsLogin, match="refuses the login: 535"):
                await asked
        assert server.messages == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_certificate_that_is_not_good_is_refused_before_the_login(  # noqa: PLR0917 - fixtures and parameters
    opened: Opened, authority: Signer, tmp_path: Path, login: dict[str, Any], security: str, host: str
) -> None:
    """The certificate is for "localhost": the right name, but of an unknown authority; or trusted, but for another."""
    trust = {"ca_file": trusted(tmp_path / "ca.pem", authority)} if host == "127.0.0.1" else {}
    async with mail_server(tmp_path, authority, at_once=security == "tls") as server:
        platform = opened(server.port, host=host, security=security, **trust, **login)
        with pytest.raises(Unavailable, match="certificate is refused"):
            await platform.send_mail(MAIL)
        assert server.messages == []


@pytest.mark.parametrize(
    ("fate", "error", "says"),
    [
        (Fate.AWAY, Unavailable, "connection to the mail server failed"),
        (Fate.BUSY, RateLimited, "421 4.7.0 too many mails"),
        (Fate.SENDER_REFUSED, NeedsLogin, "does not let us send as this sender: 553"),
        (Fate.GREYLISTED, Unavailable, "does not take this mail yet: 450"),
        (Fate.UNKNOWN, Rejected, r"550 5.1.1 <\(address\)>: \(name\) is unknown here"),
        (Fate.CUT, Unsure, "connection to the mail server failed"),
        (Fate.LOST, Unsure, "connection to the mail server failed"),
        (Fate.UNCLEAR, Unsure, "can't be understood"),
        (Fate.FULL, RateLimited, "452 4.3.1 the disk is full"),
        (Fate.SPAM, Rejected, "554 5.7.1 looks like spam"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_what_goes_wrong_is_told_as_what_to_do_next(
    opened: Opened, fate: Fate, error: type[PlatformError], says: str
) -> None:
    async with SmtpSimulator() as server:
        server.fates.append(fate)
        platform = opened(server.port)
        with pytest.raises(error, match=says) as raised:
            await platform.send_mail(MAIL)
        assert type(raised.value) is error
        assert "canaria" not in str(raised.value)
        assert len(server.taken) == (fate in {Fate.LOST, Fate.UNCLEAR})
        assert issubclass(error, Unsure) or not server.taken, "what may have been taken is a doubt"
        await platform.send_mail(MAIL)
        assert server.taken[-1].to == BUYER


async def test_an_answer_that_does_not_come_is_a_doubt(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.smtp.client.TAKEN", 0.05)
    async with SmtpSimulator() as server:
        server.hold = asyncio.Event()
        with pytest.raises(Unsure, match="TimeoutError"):
            await opened(server.port).send_mail(MAIL)
        assert len(server.taken) == 1


async def test_a_server_that_says_nothing_has_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.smtp.client.ANSWER", 0.05)
    async with SmtpSimulator() as server:
        server.fates.append(Fate.SILENT)
        with pytest.raises(Unavailable, match="TimeoutError"):
            await opened(server.port).send_mail(MAIL)


async def test_where_nobody_listens_nothing_was_sent(opened: Opened) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="failed"):
            await opened(free.getsockname()[1]).send_mail(MAIL)


async def test_a_host_that_can_have_no_such_name_is_away(opened: Opened) -> None:
    with pytest.raises(Unavailable, match=r"Unicode(Encode)?Error"):
        await opened(587, host="a" * 70 + ".example", security="tls").send_mail(MAIL)


async def test_a_server_without_starttls_is_told_nothing(opened: Opened, login: dict[str, Any]) -> None:
    async with SmtpSimulator(login=("a", "b")) as server:
        with pytest.raises(Unavailable, match="offers no STARTTLS"):
            await opened(server.port, security="starttls", **login).send_mail(MAIL)


async def test_a_server_without_a_login_is_named(opened: Opened, login: dict[str, Any]) -> None:
    async with SmtpSimulator() as server:
        with pytest.raises(NeedsLogin, match="offers no login here"):
            await opened(server.port, **login).check()


async def test_a_login_that_is_wanted_and_not_given_needs_the_owner(opened: Opened) -> None:
    async with SmtpSimulator(login=("a", "b")) as server:
        with pytest.raises(NeedsLogin, match="530"):
            await opened(server.port).send_mail(MAIL)


async def test_a_ca_file_that_is_not_there_is_named(opened: Opened, tmp_path: Path) -> None:
    async with SmtpSimulator() as server:
        with pytest.raises(Unavailable, match="ca_file can't be used: No such file"):
            await opened(server.port, security="tls", ca_file=tmp_path / "none.pem").check()
        assert server.sessions == 0


@pytest.mark.parametrize("at_once", [True, False])
async def test_the_simulator_encrypts_too(
    opened: Opened, authority: Signer, ca_file: Path, tmp_path: Path, login: dict[str, Any], *, at_once: bool
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(write(tmp_path / "server.pem", certify("localhost", signer=authority)))
    known = (login["user"], login["password"].reveal())
    async with SmtpSimulator(login=known, tls=context, at_once=at_once) as server:
        platform = opened(server.port, security="tls" if at_once else "starttls", ca_file=ca_file, **login)
        await platform.send_mail(MAIL)
        (taken,) = server.taken
        assert body(taken.message, "plain").replace("\r\n", "\n") == MAIL.text


async def test_many_at_once_are_kept_apart(opened: Opened) -> None:
    async with SmtpSimulator() as server:
        platform = opened(server.port)
        mails = [type(MAIL)(id=f"m{n}", to=f"b{n}@example.org", subject=f"{n}", text=f"{n}") for n in range(20)]
        await asyncio.gather(*map(platform.send_mail, mails))
        assert sorted((taken.to, taken.message["Subject"]) for taken in server.taken) == sorted(
            (mail.to, mail.subject) for mail in mails
        )
