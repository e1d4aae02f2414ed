"""[mqtt] of config.toml: which broker is told what happens, and how much."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from orderferry import Duration, Secret
from orderferry.settings import is_loopback

PLAIN_PORT, TLS_PORT = 1883, 8883
LONGEST_TOPIC = 200


class MqttSettings(Struct, frozen=True, kw_only=True):
    """[mqtt]: the broker, our login there, and what it is told.

    `tls` is on without a word, unless the broker is this very machine; `port` follows from it. `certificate` and `key`
    prove to the broker who we are. `topic` begins every topic of ours. `client_id` is the installation's without a
    word. `requests` lets whoever may publish below `topic` give commands. `personal_data` adds the buyer to the events
    of orders.
    """

    host: str
    port: int | None = None
    tls: bool | None = None
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    user: str | None = None
    password: Secret | None = None
    topic: str = "orderferry"
    client_id: str | None = None
    keepalive: Duration = Duration(minutes=1)
    personal_data: bool = False
    requests: bool = False
    discovery: bool = True
    discovery_topic: str = "homeassistant"

    def __post_init__(self) -> None:
        if "/" in self.host or "@" in self.host:
            raise ValueError('host must be a plain name or address such as "broker.example"; user and port have keys')
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError("port must be a number from 1 to 65535")
        if self.password is not None and self.user is None:
            raise ValueError("password needs a user beside it")
        if self.key is not None and self.certificate is None:
            raise ValueError("key needs a certificate beside it")
        if not self.encrypted and (self.ca_file is not None or self.certificate is not None):
            raise ValueError("ca_file, certificate and key are of use with tls = true only")
        if self.personal_data and not self.encrypted and not is_loopback(self.host):
            raise ValueError("personal_data = true would send buyers' data in the clear; write tls = true")
        if not 5 <= self.keepalive.total_seconds() <= 3600:
            raise ValueError('keepalive must be from "5s" to "1h"')
        for key, text in (("topic", self.topic), ("discovery_topic", self.discovery_topic)):
            if not _is_topic(text):
                raise ValueError(f'{key} must be like "orderferry" or "shop/orders": not +, # or a slash at its ends')

    @property
    def encrypted(self) -> bool:
        """Whether the connection uses TLS."""
        return self.tls if self.tls is not None else not is_loopback(self.host)

    @property
    def at_port(self) -> int:
        """The port to go to."""
        return self.port or (TLS_PORT if self.encrypted else PLAIN_PORT)

    @property
    def in_the_clear(self) -> bool:
        """Whether what is told, and the password, can be read on the way."""
        return not self.encrypted and not is_loopback(self.host)


def _is_topic(text: str) -> bool:
    """Whether a topic may begin so: what begins with "$" belongs to the broker itself."""
    plain = text.isprintable() and not set(text) & set("+#") and len(text.encode()) <= LONGEST_TOPIC
    return plain and not text.startswith("$") and all(text.split("/"))
