"""What strangers are shown: secrets are gone, and one thing has one other name everywhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.core.redacting import BLOT, Blotter

UUID = "29738e61-7f6a-11e8-ac45-09db60ede9d6"


def blotter() -> Blotter:
    return Blotter(lambda text: text.replace("SCRUBBED", BLOT), public=["api.allegro.pl"])


def test_an_order_has_one_other_name_everywhere() -> None:
    ours = blotter()
    ours.learn([{"data": {"external_id": "ORD/77", "shop_orders": ["1044", "1045"]}}, {"reference": "ferryk3v912"}])
    row = {"external_id": "ORD/77", "error": f"PUT /orders/1044 (ferryk3v912, {UUID}) failed", "order": 12}
    shown = ours.value(row)
    assert shown == {"external_id": "id1", "error": "PUT /orders/id2 (id4, id5) failed", "order": 12}
    assert ours.value({"shop_order": "1045", "number": None}) == {"shop_order": "id3", "number": None}
    assert ours.text(f"{UUID}.") == "id5."


def test_numbers_that_may_be_of_a_parcel_or_a_telephone_are_ids_and_days_are_not() -> None:
    ours = blotter()
    assert ours.text("620001234567890") == ours.text("620001234567890") == "id1"
    assert ours.text("order 302-1234567-7654321, call 600-700-800") == "order id2, call id3"
    assert ours.text("on 2026-11-23 at 10:00:00, 12345678 bytes") == "on 2026-11-23 at 10:00:00, 12345678 bytes"


def test_hosts_keep_apart_and_public_ones_their_names() -> None:
    ours = blotter()
    assert ours.host("Shop.Example") == "host1"
    assert ours.text("GET https://api.allegro.pl/orders and https://other.example:8443/x") == (
        "GET https://api.allegro.pl/orders and https://host2:8443/x"
    )
    assert ours.text("shop.example can't be reached, http://127.0.0.1:8080/ can") == (
        "host1 can't be reached, http://127.0.0.1:8080/ can"
    )


def test_secrets_and_homes_are_gone() -> None:
    ours = blotter()
    ours.secret("pa$$word")
    ours.secret("janina")
    ours.secret("PL")  # too short to be told from any other text
    assert ours.text("PA$$WORD of janina, SCRUBBED, /home/janina/data, PL") == "*** of ***, ***, /home/user/data, PL"
    assert ours.text("janinas") == "janinas"
    assert ours.value({"janina": ["janina", 3, None, True]}) == {BLOT: [BLOT, 3, None, True]}


@given(
    st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=30),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_what_is_known_never_comes_through_between_other_words(secret: str, before: str, after: str) -> None:
    ours = blotter()
    ours.secret(secret)
    assert secret not in ours.text(f"{before} {secret} {after}".replace(secret, "\0", 0)).split()
