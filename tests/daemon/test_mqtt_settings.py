"""[mqtt] of config.toml, and what is said of a broker that can't be used."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from daemon.config import Config, ConfigError, load
from daemon.core.journal import BY_MQTT, Entry, Kind
from daemon.core.telling import sentence
from daemon.mqtt import faults
from daemon.mqtt.faults import LinkError, RefusedError
from daemon.mqtt.topics import TOPICS, Topics
from daemon.mqtt_settings import MqttSettings
from orderferry import Secret
from orderferry.testing.clock import START

BAD_TOPICS = ("", "/shop", "shop/", "a//b", "shop/+", "shop/#", "$SYS")


def read(folder: Path, *lines: str) -> Config:
    path = folder / "config.toml"
    path.write_text("\n".join(("[mqtt]", *lines)))
    path.chmod(0o600)
    return load(path, {}, {})


@pytest.mark.parametrize(
    ("lines", "port", "encrypted"),
    [
        (['host = "localhost"'], 1883, False),
        (['host = "::1"'], 1883, False),
        (['host = "127.0.0.1"', "tls = true"], 8883, True),
        (['host = "broker.example"'], 8883, True),
        (['host = "broker.example"', "tls = false"], 1883, False),
        (['host = "broker.example"', "port = 1884"], 1884, True),
    ],
)
def test_only_this_machine_is_reached_without_tls_unless_one_says_so(
    tmp_path: Path, lines: list[str], port: int, encrypted: bool
) -> None:
    mqtt = read(tmp_path, *lines).mqtt
    assert mqtt is not None
    assert (mqtt.at_port, mqtt.encrypted) == (port, encrypted)


def test_without_tls_to_elsewhere_there_is_a_warning(tmp_path: Path) -> None:
    config = read(tmp_path, 'host = "broker.example"', "tls = false", 'user = "shop"', 'password = "p4ss"')
    assert (
        "without TLS the password and all that is told can be read on the way to broker.example" in config.warnings[0]
    )
    assert "p4ss" not in str(config.warnings)


def test_there_is_none_without_the_section_and_nothing_dangerous_is_on_by_itself(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")
    assert load(tmp_path / "config.toml", {}, {}).mqtt is None
    mqtt = read(tmp_path, 'host = "localhost"').mqtt
    assert mqtt is not None
    assert (mqtt.requests, mqtt.personal_data) == (False, False)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "mqtt.host: is missing"),
        (['host = "mqtt://broker"'], "host must be a plain name or address"),
        (['host = "localhost"', "port = 70000"], "port must be a number from 1 to 65535"),
        (['host = "localhost"', 'password = "p4ss"'], "password needs a user beside it"),
        (['host = "b.example"', 'key = "k.pem"'], "key needs a certificate beside it"),
        (['host = "localhost"', 'ca_file = "ca.pem"'], "of use with tls = true only"),
        (['host = "b.example"', "tls = false", "personal_data = true"], "would send buyers' data in the clear"),
        (['host = "localhost"', 'keepalive = "1s"'], 'keepalive must be from "5s" to "1h"'),
        *((['host = "localhost"', f'topic = "{topic}"'], "topic must be like") for topic in BAD_TOPICS),
        (['host = "localhost"', 'discovery_topic = "home/"'], "discovery_topic must be like"),
        (['host = "localhost"', "request = true"], "did you mean requests?"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, lines: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as told:
        read(tmp_path, *lines)
    assert sentence in str(told.value)
    assert "p4ss" not in str(told.value)


SETTINGS = MqttSettings(host="broker.example", user="shop", password=Secret("p4ss"), certificate=Path("us.pem"))


@pytest.mark.parametrize(
    ("fault", "words", "mended_by_a_person"),
    [
        (faults.refused(SETTINGS, 134, "Bad user name or password"), "user and password, certificate and key in", True),
        (faults.refused(MqttSettings(host="b"), 135, "Not authorized"), "which are not written, in [mqtt]", True),
        (faults.refused(SETTINGS, 132, "x"), "does not speak MQTT 5", True),
        (faults.refused(SETTINGS, 133, "x"), "look at client_id", True),
        (faults.refused(SETTINGS, 136, "Server unavailable"), "refuses us (Server unavailable)", False),
        (faults.unreachable(SETTINGS, None, "timed out"), "can't be reached (timed out); look at host and port", False),
        (faults.unreachable(SETTINGS, ssl.SSLError(1, "x"), "x"), "does not speak TLS as we do", True),
        (faults.lost(SETTINGS, 142, "x"), "give each its own client_id", True),
        (faults.lost(SETTINGS, None, "timed out"), "was lost (timed out)", False),
        (faults.untaken(SETTINGS, "o/e", 151, "Quota exceeded"), "take messages on o/e (Quota exceeded)", True),
        (faults.unread(SETTINGS, "o/+", "Not authorized"), "let us read o/+ (Not authorized); mend", True),
    ],
)
def test_each_fault_says_where_to_look(fault: LinkError, words: str, mended_by_a_person: bool) -> None:
    assert words in str(fault)
    assert isinstance(fault, RefusedError) is mended_by_a_person


def test_the_topics_under_settings() -> None:
    topics = Topics(MqttSettings(host="b", topic="shop/orders", discovery_topic="ha"), "abcd")
    assert topics("event", "order_new") == "shop/orders/events/order_new"
    assert topics("announcement") == "ha/device/orderferry_abcd/config"
    assert topics.verb("shop/orders/request/fetch") == "fetch"
    assert topics.verb("shop/orders/state") is None
    assert {one.name for one in TOPICS if topics.retained(one.name)} == {"status", "state", "announcement"}


@pytest.mark.parametrize(
    ("kind", "data", "text"),
    [
        (Kind.STATUS_SET, {"status": "sent"}, "Somebody, by MQTT, set its status to sent."),
        (Kind.PARCEL_ADDED, {"carrier": "InPost", "number": "6"}, "Somebody, by MQTT, added the parcel InPost 6."),
        (Kind.FETCHED, {"new": 1}, "market was fetched from: somebody, by MQTT, asked for it, 1 new."),
    ],
)
def test_the_journal_says_that_it_came_by_mqtt(kind: Kind, data: dict[str, Any], text: str) -> None:
    assert sentence(Entry(at=START, kind=kind, account="market", data=data | {"uid": BY_MQTT})) == text
