"""What Home Assistant is told of us, so that it shows the orders without being set up.

The form is its device discovery: one message that names the device, where it comes from, and all its entities. A
component with nothing but its platform takes that entity away. https://www.home-assistant.io/integrations/mqtt/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_FETCH_ID = "home-assistant-{{ now().timestamp() }}"  # a new one each time: an id that came before is not carried out


def announcement(
    installation: str, version: str, *, status_topic: str, state_topic: str, fetch_topic: str | None
) -> Json:
    """The discovery message; `fetch_topic` takes the request to fetch, None where requests are off."""
    mark = f"orderferry_{installation}"
    entities = {**_sensors(), "fetch": _button(fetch_topic)}
    return {
        "device": {
            "identifiers": [mark],
            "name": "orderferry",
            "model": "orderferry",
            "serial_number": installation,
            "sw_version": version,
        },
        "origin": {"name": "orderferry", "sw_version": version},
        "availability_topic": status_topic,
        "payload_available": "online",
        "payload_not_available": "offline",
        "state_topic": state_topic,
        "qos": 1,
        "components": {
            name: {**entity, "unique_id": f"{mark}_{name}"} if len(entity) > 1 else entity
            for name, entity in entities.items()
        },
    }


def _sensors() -> Mapping[str, Json]:
    return {
        "waiting": {
            "platform": "sensor",
            "name": "Orders waiting",
            "icon": "mdi:ferry",
            "state_class": "measurement",
            "value_template": "{{ value_json.waiting }}",
        },
        "parked": {
            "platform": "sensor",
            "name": "Waiting for a person",
            "icon": "mdi:account-alert",
            "state_class": "measurement",
            "value_template": "{{ value_json.parked }}",
        },
        "oldest": {
            "platform": "sensor",
            "name": "Oldest unfinished order",
            "device_class": "duration",
            "unit_of_measurement": "s",
            "state_class": "measurement",
            "value_template": "{{ value_json.oldest_seconds }}",
        },
        "last_order": {
            "platform": "sensor",
            "name": "Last order",
            "device_class": "timestamp",
            "value_template": "{{ value_json.last_order.at if value_json.last_order else None }}",
        },
    }


def _button(fetch_topic: str | None) -> Json:
    if fetch_topic is None:
        return {"platform": "button"}
    return {
        "platform": "button",
        "name": "Fetch orders",
        "icon": "mdi:download",
        "command_topic": fetch_topic,
        "command_template": f'{{"id": "{_FETCH_ID}"}}',
    }
