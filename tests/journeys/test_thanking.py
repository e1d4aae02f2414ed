"""The thank-you mail through the real program and a real mail server, encrypted and logged in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.certificates import certify, trusted
from tests.journeys.world import MARKET, World, eventually
from tests.mail_server import PASSWORD, USER, Kept, body, mail_server


@pytest.fixture
async def mails(world: World, tmp_path: Path) -> AsyncIterator[Kept]:
    """The mail server, with [mail] written for it, and Allegro's buyers to be thanked."""
    authority = certify("Test authority", signer=None)
    async with mail_server(tmp_path, authority) as server:
        world.settings[f"marketplaces.{MARKET}"]["thank_you"] = True
        world.settings["mail"] = {
            "host": "localhost",
            "port": server.port,
            "user": USER,
            "password": PASSWORD,
            "sender": "Mój Sklep <shop@example.pl>",
            "ca_file": str(trusted(tmp_path / "ca.pem", authority)),
        }
        world.write_config()
        yield server


async def test_one_mail_arrives_for_an_order_however_often_it_is_fetched(world: World, mails: Kept) -> None:
    form = world.sell({"SKU-001": 2})
    await world.start()
    await world.job(form, "send_mail", state="done", account="mail")
    await world.forwarded(form)
    (message,) = mails.messages
    order = await world.known(form)
    bought = order["order"]
    assert mails.receivers == [bought["buyer"]["email"]]
    assert message["From"] == "Mój Sklep <shop@example.pl>"
    assert message["Subject"] == f"Dziękujemy za zamówienie {form}"
    for kind in ("plain", "html"):
        text = body(message, kind)
        assert bought["lines"][0]["name"] in text
        assert f"{bought['total']['amount'].replace('.', ',')}\N{NO-BREAK SPACE}zł" in text
    story = (await world.cli("explain", form)).out
    assert "The mail server took the mail that thanks the buyer." in story
    assert "to thank the buyer by mail" in story
    assert (await world.account("mail", health="ok"))["role"] == "mail"

    assert (await world.cli("fetch", MARKET, "--since", "1d")).code == 0
    await world.cli("set-status", form, "sent")
    await world.stop()
    await world.start()
    await world.polls()
    await world.settled()
    assert len(mails.messages) == 1
    assert PASSWORD not in world.log.read_text()


async def test_killed_between_intent_and_answer_the_doubt_is_shown_and_settled_by_a_person(
    world: World, mails: Kept
) -> None:
    mails.hold = asyncio.Event()
    form = world.sell()
    await world.start()
    await eventually(lambda: mails.messages, "the mail has come to the server")
    await world.kill()
    mails.hold.set()
    mails.hold = None
    await world.start()
    job = await world.job(form, "send_mail", state="parked", account="mail")
    assert job["remedy"] == f"orderferry resolve {job['id']} --sent, or orderferry resolve {job['id']} --send-again"
    assert "nobody knows whether the mail went out" in job["reason"]
    story = (await world.cli("explain", form)).out
    assert f"orderferry resolve {job['id']} --sent" in story
    refused = await world.cli("retry", str(job["id"]))
    assert refused.code == 5
    assert "--sent" in refused.err
    await world.polls()
    assert len(mails.messages) == 1, "a doubtful mail was sent again by itself"

    said = await world.cli("resolve", str(job["id"]), "--sent")
    assert (said.code, "was thanked by mail" in said.out) == (0, True)
    await world.job(form, "send_mail", state="done", account="mail")
    await world.polls()
    assert len(mails.messages) == 1
    assert (await world.cli("resolve", str(job["id"]), "--send-again")).code == 5


async def test_a_doubtful_mail_is_sent_again_where_a_person_says_so(world: World, mails: Kept) -> None:
    mails.hold = asyncio.Event()
    form = world.sell()
    await world.start()
    await eventually(lambda: mails.messages, "the mail has come to the server")
    await world.kill()
    mails.hold.set()
    mails.hold = None
    await world.start()
    job = await world.job(form, "send_mail", state="parked", account="mail")
    assert (await world.cli("resolve", str(job["id"]), "--send-again")).code == 0
    await world.job(form, "send_mail", state="done", account="mail")
    first, second = (message["Message-ID"] for message in mails.messages)
    assert first == second


async def test_check_proves_the_login_and_sends_nothing(world: World, mails: Kept) -> None:
    good = await world.cli("check", "--config", str(world.config))
    assert (good.code, "mail (smtp): ok: reached localhost" in good.out) == (0, True), good
    world.settings["mail"]["password"] = "wrong"
    world.write_config()
    bad = await world.cli("check", "--config", str(world.config))
    assert (bad.code, "mail (smtp): FAILED: the mail server refuses the login" in bad.out) == (1, True), bad
    assert not mails.messages


async def test_a_template_that_does_not_render_stops_the_start_and_the_check(world: World, mails: Kept) -> None:
    (world.folder / "mine.txt").write_text("Thanks\n{{ order.nubmer }}\n")
    world.settings["mail.thank_you"] = {"text": "mine.txt"}
    world.write_config()
    for said in (await world.run(), await world.cli("check", "--config", str(world.config))):
        assert said.code != 0
        assert "mine.txt:2: the template can't be used: order has no 'nubmer'" in said.err
    assert not mails.messages
