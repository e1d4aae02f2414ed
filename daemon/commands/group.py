"""The frame of all verbs: which daemon is asked, what goes wrong in words, and the exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from daemon.commands import words
from daemon.control.client import Answer, Client, DaemonAway, Refused

FAILED, USAGE, AWAY, NOT_FOUND, CONFLICT, FORBIDDEN = 1, 2, 3, 4, 5, 6
INTERRUPTED, PIPE_CLOSED = 130, 141  # what a shell itself says of SIGINT and SIGPIPE

EXIT_CODES = {
    0: "done",
    FAILED: "the daemon refused, or something failed",
    USAGE: "the command line is wrong",
    AWAY: "no daemon answers at the socket",
    NOT_FOUND: "there is no such order, job or account",
    CONFLICT: "it does not go together with how things stand",
    FORBIDDEN: "this user may read, but not give commands",
}
_OF_PROBLEM = {"not_found": NOT_FOUND, "conflict": CONFLICT, "forbidden": FORBIDDEN}

SOCKET_VARIABLE = "ORDERFERRY_SOCKET"
CONFIG_VARIABLE = "ORDERFERRY_CONFIG"
CONFIG = Path("/etc/orderferry/config.toml")

F = TypeVar("F", bound=Callable[..., Any])


class Failure(click.ClickException):
    """Ends the command with a sentence and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = code  # type: ignore[misc] # click says ClassVar, and reads it from the instance

    def show(self, file: IO[Any] | None = None) -> None:
        """Says it on stderr."""
        click.echo(f"orderferry: {self.message}", file=file or sys.stderr)


class Verbs(click.Group):
    """The group of all verbs: turns what the client raises into sentences, and ends quietly on Ctrl-C."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The verbs in the order in which they are best read."""
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests the verb that may have been meant."""
        if (
            args
            and not args[0].startswith("-")
            and self.get_command(ctx, args[0]) is None
            and not ctx.resilient_parsing
        ):
            near = get_close_matches(args[0], self.commands, n=3)
            meant = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"there is no verb {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the verb."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except DaemonAway as away:
            raise Failure(str(away), AWAY) from away
        except Refused as refused:
            raise Failure(_sentence(refused), _OF_PROBLEM.get(refused.code, FAILED)) from refused
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            with suppress(OSError, ValueError):  # so that the interpreter's own last flush says nothing either
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)
        return result


def _sentence(refused: Refused) -> str:
    meant = f" (did you mean {' or '.join(refused.suggestions)}?)" if refused.suggestions else ""
    return f"{refused}{meant}"


def _remember(ctx: click.Context, _param: click.Parameter, value: Path | None) -> None:
    if value is not None:
        ctx.find_root().meta[SOCKET_VARIABLE] = value


def _socket_option(variable: str | None) -> Callable[[F], F]:
    return click.option(
        "--socket",
        metavar="PATH",
        type=click.Path(path_type=Path),
        envvar=variable,
        expose_value=False,
        callback=_remember,
        help=f"The daemon's control socket; else {SOCKET_VARIABLE}, else the usual place.",
    )


socket_option_of_all = _socket_option(SOCKET_VARIABLE)
"""`--socket` before the verb, and what the environment says."""

socket_option = _socket_option(None)
"""`--socket` behind the verb, which wins."""


def json_option(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")(command)


def _moment(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    try:
        return words.since(value, words.now())
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{value!r} is not a time such as 2026-11-01, 2026-11-01T08:30, 3d or 12h") from None


def since_option(about: str) -> Callable[[F], F]:
    """`--since`, as a moment in UTC."""
    return click.option("--since", metavar="TIME", callback=_moment, help=about)


def config_option(command: F) -> F:
    """`--config`."""
    return click.option(
        "--config",
        metavar="FILE",
        type=click.Path(path_type=Path),
        envvar=CONFIG_VARIABLE,
        default=CONFIG,
        show_default=True,
        help=f"The settings; else {CONFIG_VARIABLE}.",
    )(command)


def client(ctx: click.Context, *, timeout: float = 120.0) -> Client:
    """The client of the daemon that the command line names."""
    named: Path | None = ctx.find_root().meta.get(SOCKET_VARIABLE)
    if named is None:
        from daemon.paths import socket_to_ask  # noqa: PLC0415 - only needed where nobody named the socket

        named = socket_to_ask(os.environ)
    return Client(named, timeout=timeout)


def print_json(answer: Answer) -> None:
    """The answer as it came; on a terminal in lines for the eye."""
    if sys.stdout.isatty():
        import json  # noqa: PLC0415 - the plain way does without

        click.echo(json.dumps(answer.value, indent=2))
    else:
        click.echo(answer.raw.decode())


def colours() -> bool:
    """Whether the terminal has colours, and its owner wants them."""
    return not os.environ.get("NO_COLOR") and sys.stdout.isatty()


def paint(text: str, colour: str | None) -> str:
    """The text in a colour, where there are colours."""
    return click.style(text, fg=colour) if colour is not None and colours() else text
