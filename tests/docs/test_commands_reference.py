"""docs/reference/commands.md has every verb, argument, option, default and exit code, and nothing that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from daemon.cli import cli
from daemon.commands.group import EXIT_CODES, INTERRUPTED, PIPE_CLOSED

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^### orderferry ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
CONTEXT = click.Context(cli)


def verbs(group: click.Group, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every verb by its words, and below a group those of the group."""
    for name, command in group.commands.items():
        yield before + name, command
        if isinstance(command, click.Group):
            yield from verbs(command, f"{before}{name} ")


VERBS = dict(verbs(cli))


def verb_of(line: str) -> str:
    """The words of a heading that name the verb."""
    return max((verb for verb in VERBS if f"{line} ".startswith(f"{verb} ")), key=len, default=line)


BY_VERB = {verb_of(line): (line, text) for line, text in SECTIONS.items()}


def test_every_verb_has_its_section_and_no_other() -> None:
    assert set(BY_VERB) == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_the_arguments_are_those_of_the_verb(verb: str) -> None:
    command = VERBS[verb]
    arguments = [param.make_metavar(CONTEXT) for param in command.params if isinstance(param, click.Argument)]
    assert BY_VERB[verb][0] == " ".join([verb, *arguments])


@pytest.mark.parametrize("verb", VERBS)
def test_the_options_are_those_of_the_verb(verb: str) -> None:
    rows = re.findall(r"^\| `(--[a-z-]+)([^`]*)` \| (.+) \|$", BY_VERB[verb][1], re.MULTILINE)
    options = [param for param in VERBS[verb].params if isinstance(param, click.Option)]
    assert [name for name, _, _ in rows] == [option.opts[0] for option in options]
    for (name, metavar, about), option in zip(rows, options, strict=True):
        assert (metavar == "") == option.is_flag, name
        if isinstance(option.type, click.Choice):
            assert metavar.replace("\\|", "|") == f" [{'|'.join(option.type.choices)}]"
        elif option.metavar is not None:
            assert metavar == f" {option.metavar}"
        if option.show_default and not option.is_flag:
            default = str(option.default).removesuffix(".0")
            assert re.search(rf"(: |`){re.escape(default)}\b", about) or "as for `run`" in about, name
        if isinstance(option.type, click.IntRange) and option.type.max is not None and "1 to" in about:
            assert f"{option.type.min} to {option.type.max}" in about


def test_the_exit_codes_are_those_of_the_program() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert {int(code): about for code, about in rows} == EXIT_CODES
    assert f"ends with {INTERRUPTED}" in PAGE
    assert f"with {PIPE_CLOSED}" in PAGE
