"""config.toml as `orderferry init` writes it: each setting with its comment, and those that are off beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from daemon.account_settings import SECTIONS, SETTLE
from daemon.config import DEFAULT_STATUSES
from daemon.setup.answers import Question, questions
from daemon.toml_text import toml
from orderferry import Duration, Role
from orderferry.platform import AnyPlatform

HEAD = """\
# orderferry's settings.
#
# A line that begins with "#" and goes straight on, like "#log_level", is a setting that is off, and shows what holds
# without it. Take the "#" away to change it. Each setting is explained in docs/reference/settings.md.
#
# After each change, `orderferry check` tells every mistake with its line.


[daemon]
# Where the program keeps orders, tokens and the key that seals them. Back this folder up.
{off}data_dir = {data_dir}

# How much is told: "debug", "info", "warning" or "error".
#log_level = "info"


# Your own statuses, in the order in which you work: key = "what you read". Write all of them if you write any.
#[statuses]
"""


_MARKETPLACE = """
# Orders bought before this day are shown, but not put into a shop by themselves.
#forward_since = 2026-12-01
"""

_SHOP = """
# When the shop's answer was lost, this long the order is looked for before it may be sent again.
#settle = {settle}

[shops.{name}.forward]
# Whether marketplace orders are put into this shop. With false they are only shown.
enabled = true
"""


class Draft(Struct, frozen=True, kw_only=True):
    """An account that was asked for: its table as TOML has it; `files` says which of its secrets are in which file."""

    name: str
    platform: type[AnyPlatform]
    table: Mapping[str, Any]
    files: Mapping[str, str] = {}


def beginning(data_dir: str, *, usual: bool) -> str:
    """The top of a new file; a data folder in its usual place is written as a comment."""
    head = HEAD.format(off="#" if usual else "", data_dir=toml(data_dir))
    return head + "".join(f"#{status.key} = {toml(status.label)}\n" for status in DEFAULT_STATUSES)


def account(draft: Draft) -> str:
    """The account's tables, to be put at the end of the file."""
    platform = draft.platform
    section = next(section for section, role in SECTIONS.items() if role is platform.role)
    lines = [f"# {' '.join(platform.title.split())}", f"[{section}.{draft.name}]", f"platform = {toml(platform.id)}"]
    for question in questions(platform.Settings):
        lines += _setting(question, draft)
    poll_every = Duration(seconds=platform.poll_every.total_seconds())
    lines += ["", "# How often to ask for orders.", f"#poll_every = {toml(str(poll_every))}"]
    own = _SHOP.format(settle=toml(str(SETTLE)), name=draft.name) if platform.role is Role.SHOP else _MARKETPLACE
    lines += own.rstrip().split("\n")
    if platform.statuses:
        lines += ["", '# Your status = the one there. A status with "" is not told there.']
        lines += [f"#[{section}.{draft.name}.statuses]"]
        lines += [f"#{key} = {toml(theirs)}" for key, theirs in platform.statuses.items()]
    return "\n".join(lines) + "\n"


def _setting(question: Question, draft: Draft) -> Iterable[str]:
    if question.key in draft.table:
        value = draft.table[question.key]
        source = {"file": draft.files[question.key]} if question.key in draft.files else value
        written = f"{question.key} = {toml(source)}"
    elif isinstance(question.default, bool | int | str | tuple | Duration):
        default = question.default
        written = f"#{question.key} = {toml(str(default) if isinstance(default, Duration) else default)}"
    else:
        return ()
    return ("", *([f"# {question.hint}"] if question.hint else []), written)
