"""docs/reference/mqtt.md has every topic, field, kind, verb and limit, and nothing that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from daemon.control.repeats import LONGEST_KEY
from daemon.core import outbox
from daemon.core.announcing import announcement
from daemon.core.journal import BY_MQTT, Kind
from daemon.core.standing import LastOrder, State
from daemon.mqtt import messages, requests
from daemon.mqtt.messages import Event, Personal, Response
from daemon.mqtt.requests import VERBS
from daemon.mqtt.topics import TOPICS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference/mqtt.md").read_text("utf-8")
HOWTO = (DOCS / "howto/home-assistant.md").read_text("utf-8")


def section(heading: str) -> str:
    _, found, rest = PAGE.partition(f"\n## {heading}\n")
    assert found, f"the page has no heading {heading}"
    return rest.partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    """The cells of all tables in a text, but for headings."""
    lines = re.findall(r"^\| (?!---)(.*) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in line.split(" | ")] for line in lines]


def fields(kind: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(kind)]


def named(text: str) -> list[str]:
    return [row[0].strip("`") for row in rows(text) if row[0].startswith("`")]


def examples(text: str) -> list[str]:
    found = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_the_topics_are_those_of_the_table() -> None:
    names = {"topic": "orderferry", "discovery_topic": "homeassistant", "installation": "INSTALLATION"}
    expected = [
        [
            f"`{topic.pattern.format(**names)}`",
            topic.direction,
            "yes" if topic.retained else "no",
            topic.when if topic.when == "always" else f"with `{topic.when}`",
        ]
        for topic in TOPICS
    ]
    assert rows(section("Topics"))[1:] == expected


def test_the_fields_of_an_event() -> None:
    text = section("Events").partition("### Kinds")[0]
    assert named(text) == fields(Event)
    (example,) = examples(text)
    event = msgspec.json.decode(example, type=Event)
    assert {*json.loads(example), "personal"} == set(fields(Event))
    assert event.kind in set(Kind)


def test_the_kinds_of_events() -> None:
    text = section("Events").partition("### Kinds")[2].partition("### ")[0]
    assert sorted(re.findall(r"`(\w+)`", text)) == sorted([*(kind.value for kind in Kind), messages.SKIPPED])


def test_the_buyers_data() -> None:
    text = section("Events").partition("### Personal data")[2]
    assert re.findall(r"`(\w+)`(?: \(|,| and| as far)", text.partition("as far as")[0] + "as far")[-6:] == fields(
        Personal
    )
    assert {f"`{kind}`" for kind in messages.TELLS_OF_BUYER} <= set(re.findall(r"`\w+`", text))


def test_the_fields_of_the_state() -> None:
    assert named(section("State")) == fields(State)
    (example,) = examples(section("State"))
    assert list(json.loads(example)) == fields(State)
    assert list(json.loads(example)["last_order"]) == fields(LastOrder)
    msgspec.json.decode(example, type=State)


def test_the_verbs_and_their_fields() -> None:
    table = {row[0].strip("`"): re.findall(r"`([\w-]+)`", row[1]) for row in rows(section("Requests"))[1:]}
    assert table == {name: [key for key in fields(verb.body) if key != "id"] for name, verb in VERBS.items()}
    for line in examples(section("Requests"))[0].splitlines():
        msgspec.json.decode(line, type=Response)


@pytest.mark.parametrize(
    "said",
    [
        f"older than {outbox.LONGEST_AWAY.days} days, and not more than {outbox.MOST_ROWS:,};",
        f"more than {messages.LARGEST // 1024} KiB",
        f"at most {requests.LARGEST // 1024} KiB. At most {requests.MOST_AT_ONCE} are under way",
        f"1 to {LONGEST_KEY} plain characters",
        f"(`uid` {BY_MQTT})",
    ],
)
def test_the_limits_are_those_of_the_program(said: str) -> None:
    assert said in PAGE


def test_home_assistant_s_entities() -> None:
    told = announcement("abcd", "1", status_topic="s", state_topic="t", fetch_topic="f")
    expected = [part["name"] for part in told["components"].values()]
    assert [row[0] for row in rows(HOWTO)[1:]] == expected
