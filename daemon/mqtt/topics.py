"""The topics as one table.

The rule of this file: what isn't in TOPICS is neither published nor read. docs/reference/mqtt.md is tested against it.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from daemon.mqtt_settings import MqttSettings

Direction = Literal["told", "read"]


class Topic(Struct, frozen=True, kw_only=True):
    """A topic: `pattern` has `topic`, `discovery_topic` and `installation` in braces, and what varies in angles."""

    name: str
    pattern: str
    direction: Direction
    retained: bool = False
    when: str = "always"  # or the setting that it needs


TOPICS: tuple[Topic, ...] = (
    Topic(name="status", pattern="{topic}/status", direction="told", retained=True),
    Topic(name="state", pattern="{topic}/state", direction="told", retained=True),
    Topic(name="event", pattern="{topic}/events/<kind>", direction="told"),
    Topic(name="request", pattern="{topic}/request/<verb>", direction="read", when="requests"),
    Topic(name="response", pattern="{topic}/response/<verb>", direction="told", when="requests"),
    Topic(
        name="announcement",
        pattern="{discovery_topic}/device/orderferry_{installation}/config",
        direction="told",
        retained=True,
        when="discovery",
    ),
    Topic(name="birth", pattern="{discovery_topic}/status", direction="read", when="discovery"),
)

_BY_NAME = {topic.name: topic for topic in TOPICS}


class Topics:
    """The topics under these settings."""

    def __init__(self, settings: MqttSettings, installation: str) -> None:
        self._names = {
            "topic": settings.topic,
            "discovery_topic": settings.discovery_topic,
            "installation": installation,
        }

    def __call__(self, name: str, varying: str = "") -> str:
        """The topic of this name in the table; `varying` stands where the pattern has angles."""
        pattern = _BY_NAME[name].pattern
        head, _, _ = pattern.partition("<")
        return head.format(**self._names) + varying

    def retained(self, name: str) -> bool:
        """Whether the broker keeps the last message of this topic."""
        return _BY_NAME[name].retained

    def verb(self, topic: str) -> str | None:
        """The verb of a request's topic; None for any other topic."""
        head = self("request")
        return topic.removeprefix(head) if topic.startswith(head) else None
