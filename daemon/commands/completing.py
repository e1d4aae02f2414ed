"""What the shell may complete from the running daemon; quietly nothing where none answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from daemon.commands.group import client
from daemon.control.client import DaemonAway, Refused

PATIENCE = 1.0
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _asked(path: tuple[str, ...], items: Callable[[Any], Iterable[tuple[str, str]]], **query: int) -> Completer:
    def complete(ctx: click.Context, _param: click.Parameter, begun: str) -> list[CompletionItem]:
        try:
            value = client(ctx, timeout=PATIENCE).get(*path, **query).value
            found = dict(items(value))
        except (DaemonAway, Refused, OSError, LookupError, TypeError):
            return []
        return [CompletionItem(word, help=about) for word, about in found.items() if word.startswith(begun)]

    return complete


accounts = _asked(("accounts",), lambda value: ((one["name"], one["platform"] or one["role"]) for one in value))
shops = _asked(("accounts",), lambda value: ((a["name"], a["platform"]) for a in value if a["role"] == "shop"))
imports = _asked(("accounts",), lambda value: ((a["name"], a["role"]) for a in value if a["role"] == "import"))
orders = _asked(
    ("orders",), lambda value: ((str(o["id"]), f"{o['account']} {o['total']}") for o in value["orders"]), limit=50
)
statuses = _asked(("status",), lambda value: value["statuses"].items())
jobs = _asked(("jobs",), lambda value: ((str(j["id"]), f"{j['kind']} {j['state']}") for j in value["jobs"]), limit=100)
