"""Asks the person at the terminal, or whatever script stands in for him: a line of standard input for each answer."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class EndedError(Exception):
    """Standard input has no more answers."""


def say(text: str = "") -> None:
    """Prints a line."""
    print(text, flush=True)  # noqa: T201 - for the person at the terminal


def ask(question: str, *, default: str | None = None, shown: bool = True) -> str:
    """An answer without the blanks around it; an empty one is the default, and is asked again where there is none."""
    prompt = f"{question} [{default}]: " if default and shown else f"{question}: "
    while True:
        answer = _line(prompt)
        if answer or default is not None:
            return answer or default or ""
        say("  An answer is needed here.")


def ask_secret(question: str, *, default: str | None = None) -> str:
    """As `ask`, but on a terminal what is typed is not shown, and the default never is."""
    prompt = f"{question} [as before]" if default else question
    if not sys.stdin.isatty():
        return ask(prompt, default=default, shown=False)
    while True:
        answer = getpass.getpass(f"{prompt} (not shown): ").strip()
        if answer or default:
            return answer or default or ""
        say("  An answer is needed here.")


def agree(question: str, *, default: bool = True) -> bool:
    """Yes or no."""
    while True:
        answer = _line(f"{question} [{'Y/n' if default else 'y/N'}]: ").lower()
        if answer in {"", "y", "yes", "t", "tak", "n", "no", "nie"}:
            return default if not answer else answer[0] in "yt"
        say("  Please answer y or n.")


def choose(question: str, choices: Sequence[str]) -> str:
    """One of these words, or its number in the list, from 1."""
    while True:
        answer = ask(question)
        if answer in choices:
            return answer
        if answer.isdecimal() and 0 < int(answer) <= len(choices):
            return choices[int(answer) - 1]
        say(f"  Write one of: {', '.join(choices)}.")


def until_good(asked: Callable[[], str], read: Callable[[str], T]) -> T:
    """Asks until the answer can be read; `read` raises `ValueError` with what would be right."""
    while True:
        answer = asked()
        try:
            return read(answer)
        except ValueError as wrong:
            say(f"  {wrong}")


def _line(prompt: str) -> str:
    try:
        return input(prompt).strip()
    except EOFError:
        raise EndedError from None
