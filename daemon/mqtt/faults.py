"""What went wrong with the broker, each as an error whose sentence says which setting to look at."""

from __future__ import annotations

import ssl

from daemon.mqtt_settings import MqttSettings

BAD_LOGIN = frozenset({134, 135, 138, 140})  # reason codes of MQTT 5, here and below
UNKNOWN_VERSION, BAD_CLIENT_ID, TAKEN_OVER, NOT_AUTHORIZED, HUNG_UP = 132, 133, 142, 135, 128


class LinkError(Exception):
    """The broker can't be used now: the sentence says why, and what to look at."""


class RefusedError(LinkError):
    """Likewise, and no waiting helps: a person has to mend a setting, here or at the broker."""


def address(settings: MqttSettings) -> str:
    """Where the broker is."""
    return f"{settings.host}:{settings.at_port}"


def refused(settings: MqttSettings, code: int, words: str) -> LinkError:
    """The broker answered our login with this reason."""
    broker = f"the MQTT broker {address(settings)}"
    if code in BAD_LOGIN:
        login = "user and password" if settings.user is not None else "user and password, which are not written,"
        also = ", certificate and key" if settings.certificate is not None else ""
        return RefusedError(f"{broker} refuses our login ({words}); look at {login}{also} in [mqtt]")
    if code == UNKNOWN_VERSION:
        return RefusedError(f"{broker} does not speak MQTT 5; it needs a newer version")
    if code == BAD_CLIENT_ID:
        return RefusedError(f"{broker} does not take our name ({words}); look at client_id in [mqtt]")
    return LinkError(f"{broker} refuses us ({words})")


def unreachable(settings: MqttSettings, cause: BaseException | None, words: str) -> LinkError:
    """There is no connection, or it broke before the broker answered."""
    broker = f"the MQTT broker {address(settings)}"
    if isinstance(cause, ssl.SSLCertVerificationError):
        why = cause.verify_message.rstrip(".")
        return RefusedError(f"the certificate of {broker} is not good ({why}); look at host and ca_file in [mqtt]")
    if isinstance(cause, ssl.SSLError):
        why = getattr(cause, "reason", None) or words
        return RefusedError(f"{broker} does not speak TLS as we do ({why}); look at port and tls in [mqtt]")
    hint = "" if settings.encrypted else "; with TLS its port would be another one"
    return LinkError(f"{broker} can't be reached ({words}); look at host and port in [mqtt]{hint}")


def lost(settings: MqttSettings, code: int | None, words: str) -> LinkError:
    """The connection broke."""
    broker = f"the MQTT broker {address(settings)}"
    own = "give each its own client_id in [mqtt]"
    if code == TAKEN_OVER:
        return RefusedError(f"{broker} let another program in under our name; {own}")
    if code == HUNG_UP:
        again = f"if that goes on, see whether another program comes under the same name, and {own}"
        return LinkError(f"{broker} hung up; {again}")
    return LinkError(f"the connection to {broker} was lost ({words})")


def untaken(settings: MqttSettings, topic: str, code: int, words: str) -> LinkError:
    """The broker said of a message that it does not take it."""
    if code == NOT_AUTHORIZED:
        whom = f"the user {settings.user}" if settings.user is not None else "us"
        return RefusedError(
            f"the MQTT broker {address(settings)} does not let {whom} write to {topic}; mend its access list"
        )
    return RefusedError(f"the MQTT broker {address(settings)} does not take messages on {topic} ({words})")


def unread(settings: MqttSettings, topic: str, words: str) -> LinkError:
    """The broker does not let us read a topic."""
    return RefusedError(
        f"the MQTT broker {address(settings)} does not let us read {topic} ({words}); mend its access list"
    )
