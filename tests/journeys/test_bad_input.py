"""Whatever a platform answers, the rest goes on, nothing is lost, and nothing is doubled."""

from __future__ import annotations

import contextlib
from decimal import Decimal

from aiohttp import web

from tests.journeys.scripted_shop import STOCK, Spoil
from tests.journeys.world import SHOP, World

DAMAGES = {
    "status": "$.status is 'SOMETHING_NEW'",
    "price": "is not an amount of money",
    "quantity": "quantity",
    "missing": "summary",
    "huge": "2,000,000 characters",
}


async def test_orders_that_cannot_be_read_are_kept_and_shown_and_the_page_goes_on(world: World) -> None:
    first = world.sell()
    bad = {how: world.market.add_malformed(how) for how in DAMAGES}
    last = world.sell()
    await world.start()
    await world.forwarded(first)
    await world.forwarded(last)

    shown = (await world.cli("jobs", "--state", "parked", "--json")).json["malformed"]
    reasons = {one["external_id"]: one["reason"] for one in shown}
    assert reasons.keys() == set(bad.values())
    for how, form in bad.items():
        assert DAMAGES[how] in reasons[form], how
        assert not world.shop.of(form)
    status = await world.cli("status")
    assert "5 orders could not be read" in status.out
    assert "orderferry jobs --state parked" in status.out
    assert (await world.api("status"))["malformed"] == 5

    for form in bad.values():
        mended = world.market.forms[form]
        mended.raw = None
        mended.form["lineItems"][0]["quantity"] = 1
        offer = world.market.offers[mended.form["lineItems"][0]["offer"]["external"]["id"]]
        mended.form["lineItems"][0]["price"] = {"amount": str(offer.price), "currency": "PLN"}
        mended.form["messageToSeller"] = None
        mended.form["summary"] = {
            "totalToPay": {"amount": f"{offer.price + world_cost(mended.form):.2f}", "currency": "PLN"}
        }
        world.market.ready(form)
    for form in bad.values():
        await world.forwarded(form)
    assert (await world.api("status"))["malformed"] == 0
    assert not (await world.cli("jobs", "--state", "parked", "--json")).json["malformed"]
    for form in (first, last, *bad.values()):
        assert len(world.shop.of(form)) == 1


def world_cost(form: dict[str, dict[str, dict[str, str]]]) -> Decimal:
    return Decimal(form["delivery"]["cost"]["amount"])


async def test_an_order_that_becomes_unreadable_later_keeps_what_was_known(world: World) -> None:
    form = world.sell()
    await world.start()
    await world.forwarded(form)
    kept = world.market.forms[form]
    kept.raw = b'{"id": "' + form.encode() + b'", "status": 7}'
    world.market._changing(form)
    world.market._tell("BUYER_MODIFIED", form)
    await world.entry("order_malformed", external_id=form)
    assert (await world.known(form))["stage"] == "ready"
    story = await world.cli("explain", form)
    assert "could not be read" in story.out
    kept.raw = None
    world.market._changing(form)
    world.market._tell("BUYER_MODIFIED", form)
    await world.entry("order_changed", order=(await world.known(form))["id"])
    assert (await world.api("status"))["malformed"] == 0
    assert world.shop.posts == [form]


async def html(_: web.Request, __: web.StreamResponse) -> web.StreamResponse:
    return web.Response(text="<!doctype html><title>Sorry</title>", content_type="text/html")


async def half(_: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    return web.Response(body=answer.body[: len(answer.body) // 2], content_type="application/json", status=201)


async def seen_there(_: web.Request, __: web.StreamResponse) -> web.StreamResponse:
    return web.Response(status=303, headers={"Location": "/wp-login.php"})


async def said_to_be_huge(_: web.Request, __: web.StreamResponse) -> web.StreamResponse:
    answer = web.StreamResponse(status=201, headers={"Content-Type": "application/json"})
    answer.content_length = 10 * 1024**3
    return answer


async def endless(request: web.Request, _: web.StreamResponse) -> web.StreamResponse:
    answer = web.StreamResponse(status=201, headers={"Content-Type": "application/json"})
    answer.enable_chunked_encoding()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.write(b" " * 1024 * 1024)
    return answer


async def deep(_: web.Request, __: web.StreamResponse) -> web.StreamResponse:
    return web.Response(body=b"[" * 200_000, content_type="application/json", status=201)


async def a_list(_: web.Request, __: web.StreamResponse) -> web.StreamResponse:
    return web.json_response([1, 2, 3], status=201)


ANSWERS: dict[str, tuple[Spoil, str]] = {
    "html": (html, "can't be read"),
    "half": (half, "can't be read"),
    "redirect": (seen_there, "sends us on to"),
    "huge": (said_to_be_huge, "more than 16 MiB"),
    "endless": (endless, "more than 16 MiB"),
    "deep": (deep, "can't be read"),
    "list": (a_list, "can't be read"),
}


async def test_answers_of_a_shop_that_cannot_be_read_end_in_a_sentence_and_never_in_a_double(world: World) -> None:
    forms = {how: world.sell({"SKU-002": 1}) for how in ANSWERS}
    world.shop.spoilt = {forms[how]: spoil for how, (spoil, _) in ANSWERS.items()}
    await world.start()
    for how, form in forms.items():
        await world.forwarded(form)
        number = (await world.known(form))["id"]
        (doubt,) = await world.entries("job_unsure", order=number)
        assert ANSWERS[how][1] in doubt["data"]["error"], how
        assert world.shop.posts.count(form) == len(world.shop.of(form)) == 1, how
    await world.settled()
    assert world.shop.stock()["SKU-002"] == STOCK - len(forms)
    assert (await world.account(SHOP))["health"] == "ok"


async def test_a_shop_that_has_moved_is_told_so_and_its_orders_wait(world: World) -> None:
    form = world.sell()
    world.shop.moved_to = "https://www.shop.example"
    await world.start()
    later = await world.entry("job_later", what="add_order")
    assert "www.shop.example" in later["data"]["error"]
    assert "config.toml" in later["data"]["error"]
    assert (await world.job(form))["attempt"] == 0
    world.shop.moved_to = None
    await world.forwarded(form)
    assert len(world.shop.of(form)) == 1
