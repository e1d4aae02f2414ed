"""The verbs that keep what the program remembers: backup, restore, rekey. But for `backup` no daemon may run."""
# ruff: noqa: PLC0415 - the imports inside are what keeps the other verbs quick

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from daemon.commands import words
from daemon.commands.group import FAILED, SOCKET_VARIABLE, Failure, client, config_option, socket_option

if TYPE_CHECKING:
    from daemon import rekeying, restoring
    from daemon.config import Config
    from daemon.vault import Vault

T = TypeVar("T")

BUSY, REFUSED = 75, 78
TELL = 1.0

_yes_option = click.option("--yes", is_flag=True, help="Do it without asking.")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")


@click.command()
@click.argument("target", metavar="[FILE|FOLDER]", required=False, type=click.Path(path_type=Path))
@config_option
@socket_option
@_json_option
@click.pass_context
def backup(ctx: click.Context, target: Path | None, *, config: Path, as_json: bool) -> None:
    """Make a backup of the store, also while the daemon runs.

    It goes into the folder of [backup], and a copy of it to FILE or FOLDER. The key is not in it.
    """
    from daemon.control.client import DaemonAway

    target = None if target is None else target.absolute()
    if target is not None and not target.is_dir() and (target.exists() or not target.parent.is_dir()):
        what = "is there already" if target.exists() else "would be in a folder that is not there"
        raise Failure(f"{target} {what}; name a folder, or a new file in one")
    try:
        made = _by_daemon(ctx)
    except DaemonAway:
        made = _refusing(lambda: _by_ourselves(ctx, config))
    path = Path(made["path"])
    copied = None if target is None else str(_copied(path, target))
    if as_json:
        return _print_json({**made, "copy": copied})
    click.echo(f"{words.clean(path)}: {made['orders']} orders, proven by opening it.")
    if copied is not None:
        click.echo(f"A copy of it: {words.clean(copied)}")
    click.echo(
        f"The key {made['key_id']} is NOT in it, and nothing opens it without that key: keep a copy of the key where\n"
        "the backups are not. Tokens are not in it either: after a loss of both, orderferry login makes new ones."
    )
    return None


def _by_daemon(ctx: click.Context) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for answer in client(ctx).lines("backup"):
        made = answer.value
        if not made["done"]:
            click.echo(f"{made['percent']} %", err=True)
    if not made.get("done"):
        raise Failure("the daemon ended before the backup was made", FAILED)
    return {name: made[name] for name in ("path", "bytes", "orders", "key_id")}


def _by_ourselves(ctx: click.Context, config: Path) -> dict[str, Any]:
    """No daemon answers at the socket that was named, or at the usual one: it may be at that of the settings."""
    from daemon import backing_up
    from daemon.control.client import DaemonAway
    from daemon.store.connection import FILE

    settings = _settings(config)
    ctx.find_root().meta[SOCKET_VARIABLE] = settings.daemon.socket
    try:
        return _by_daemon(ctx)
    except DaemonAway:
        tick = _Tick()
        folder, store = settings.backup.folder_in(settings.daemon.data_dir), settings.daemon.data_dir / FILE

        def tell() -> bool:
            if tick.passed():
                click.echo(f"{backing_up.percent(folder, backing_up.needed(store))} %", err=True)
            return False

        made = backing_up.offline(settings, os.environ, datetime.now(UTC), tell)
    return {"path": str(made.path), "bytes": made.size, "orders": made.contents.orders, "key_id": made.key_id}


def _copied(path: Path, target: Path) -> Path:
    """A copy of a backup by this very user, whole and on disk; never over another file."""
    place = target / path.name if target.is_dir() else target
    draft = place.with_name(f"{place.name}.new")
    try:
        if place.resolve() == path.resolve():
            return place
        if place.exists():
            raise Failure(f"{place} is there already; the backup is {path}")
        with path.open("rb") as source, open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:  # noqa: PTH123 - of a number
            shutil.copyfileobj(source, copy, 1024 * 1024)
            copy.flush()
            os.fsync(copy.fileno())
        draft.rename(place)
    except OSError as error:
        draft.unlink(missing_ok=True)
        reason = f"can't be copied to {place}: {error.strerror} ({error.filename or draft})"
        raise Failure(f"the backup {path} is made, but {reason}") from error
    return place


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@config_option
@click.option("--key-file", metavar="FILE", type=click.Path(path_type=Path), help="The key that sealed it, if another.")
@click.option("--another-installation", is_flag=True, help="Take the backup of another installation.")
@_yes_option
@_json_option
@click.pass_context
def restore(
    ctx: click.Context,
    file: Path,
    *,
    config: Path,
    key_file: Path | None,
    another_installation: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Put the backup FILE in the place of the store. Stop the daemon first.

    The present store is kept beside it. Whatever the backup may have forgotten is looked up before it is sent.
    """
    from daemon import restoring

    _asks(as_json=as_json, yes=yes)
    data_dir = _settings(config).daemon.data_dir

    def put_back() -> restoring.Restored | None:
        return restoring.restore(
            data_dir,
            file.absolute(),
            _vault(data_dir, key_file),
            datetime.now(UTC),
            agree=lambda plan: _agrees(_restoring(plan, say=not as_json), yes=yes, say=not as_json),
            another_installation=another_installation,
            anew=key_file is not None,
        )

    done = _refusing(put_back)
    if done is None:
        ctx.exit(FAILED)
    aside = None if done.aside is None else str(done.aside)
    if as_json:
        return _print_json(
            {"file": str(done.file), "aside": aside, "orders": done.orders, "erased": done.erased}
            | {"installation": done.installation}
        )
    click.echo(f"{words.clean(done.file)} is in place: {done.orders} orders.")
    if done.erased:
        click.echo(f"{done.erased} orders that had been erased since are erased in it too.")
    if aside is not None:
        click.echo(f"The store that was here: {words.clean(aside)} (deleted by itself after 14 days).")
    click.echo("Next: orderferry run; then orderferry status, which also names accounts that need a login.")
    return None


def _restoring(plan: restoring.Plan, *, say: bool) -> str:
    found = plan.contents
    if say:
        newest = (
            "nothing in it" if found.newest is None else f"the last entry of {words.when(found.newest.isoformat())}"
        )
        click.echo(f"{words.clean(plan.file)}: {found.orders} orders, {newest}, installation {found.installation}.")
        if plan.aside is not None:
            damaged = ", which is damaged," if plan.present_is_damaged else ""
            click.echo(f"The present store{damaged} is kept as {words.clean(plan.aside)}.")
        click.echo(
            "What was put into the shops since the backup is unknown to it: each order of before is looked up in the\n"
            "shop before anything is sent; in a shop that can't be searched it is parked for you."
        )
    if plan.too_old:
        click.echo("Warning: it is older than 14 days, and may hold what had to be erased since.", err=True)
    return "Put it back?"


@click.command()
@config_option
@click.option(
    "--new-key-file", metavar="FILE", type=click.Path(path_type=Path), help="The new key, 32 bytes; else a random one."
)
@_yes_option
@_json_option
@click.pass_context
def rekey(ctx: click.Context, *, config: Path, new_key_file: Path | None, yes: bool, as_json: bool) -> None:
    """Change the key: seal everything anew with another one. Stop the daemon first.

    May be killed at any moment; said again, it goes on.
    """
    from daemon import rekeying

    _asks(as_json=as_json, yes=yes)
    settings = _settings(config)
    data_dir = settings.daemon.data_dir
    tick = _Tick()

    def tell(done: int, total: int) -> None:
        if tick.passed():
            click.echo(f"{done} of {total} values", err=True)

    done = _refusing(
        lambda: rekeying.rekey(
            data_dir,
            settings.backup.folder_in(data_dir),
            os.environ,
            new_key_file=new_key_file,
            agree=lambda plan: _agrees(_rekeying(plan, say=not as_json), yes=yes, say=not as_json),
            tell=tell,
        )
    )
    if done is None:
        ctx.exit(FAILED)
    if as_json:
        import msgspec

        return _print_json(msgspec.to_builtins(done, enc_hook=str))
    return _rekeyed(done, data_dir)


def _rekeying(plan: rekeying.Plan, *, say: bool) -> str:
    if say:
        what = "The change of the key is brought to its end" if plan.goes_on else "All is sealed anew with a new key"
        click.echo(
            f"{what} ({plan.was} becomes {plan.key_id}): {plan.values} values of the store, the tokens of "
            f"{len(plan.tokens)} accounts, {len(plan.copies)} backups and kept copies.\n"
            f"Backups that stand elsewhere go on needing the key {plan.was}: keep a copy of it for them, or make new\n"
            "ones afterwards and delete them."
        )
    return "Change the key?"


def _rekeyed(done: rekeying.Rekeyed, data_dir: Path) -> None:
    click.echo(
        f"Sealed anew with the key {done.key_id}: {done.values} values, the tokens of {len(done.tokens)} accounts, "
        f"{len(done.copies)} backups and kept copies."
    )
    if done.unreadable:
        click.echo(f"{done.unreadable} values could not be opened before either, and stayed as they were.", err=True)
    for path in done.left:
        click.echo(f"{words.clean(path)} can't be opened, and is as it was; delete it if you don't need it.", err=True)
    for name in done.logins:
        click.echo(f"The tokens of {name} can't be opened: orderferry login {name}", err=True)
    if done.replace:
        click.echo(
            f"Now put the new key in the place of the credential orderferry.key, and take orderferry.key.next away.\n"
            f"Until then leave things as they are: both keys are needed. The old key is {done.was}."
        )
    else:
        click.echo(f"Keep a copy of {words.clean(data_dir / 'key')} where the backups are not; the old key is gone.")
    click.echo("Next: orderferry run")


class _Tick:
    """Says once a second that it is time to tell how far something is."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def passed(self) -> bool:
        now = time.monotonic()
        if now - self._told < TELL:
            return False
        self._told = now
        return True


def _asks(*, as_json: bool, yes: bool) -> None:
    if as_json and not yes:
        raise click.UsageError("--json asks nothing, so it needs --yes beside it")


def _agrees(question: str, *, yes: bool, say: bool) -> bool:
    if yes:
        return True
    if click.confirm(question):
        return True
    if say:
        click.echo("Nothing was changed.")
    return False


def _settings(config: Path) -> Config:
    from daemon.config import ConfigError, load
    from daemon.hooks import discover
    from daemon.plugin_list import first_look

    try:
        return load(config, discover(first_look(config)).platforms, os.environ)
    except ConfigError as error:
        raise Failure(str(error), REFUSED) from error


def _vault(data_dir: Path, key_file: Path | None) -> Vault:
    from daemon.vault import Vault, keys_to_come, present_key, read_key

    if key_file is None:
        return Vault.open(data_dir, os.environ, create=False)
    return Vault(*keys_to_come(data_dir, os.environ), present_key(data_dir, os.environ), read_key(key_file))


def _refusing(work: Callable[[], T]) -> T:
    """Turns what keeps the work from being done into a sentence and an exit code."""
    from daemon.backing_up import BackupError
    from daemon.rekeying import RekeyError
    from daemon.restoring import RestoreError
    from daemon.store.connection import StoreBusyError, StoreRefusedError
    from daemon.vault import VaultError

    try:
        return work()
    except StoreBusyError as error:
        raise Failure(str(error), BUSY) from error
    except StoreRefusedError as error:
        raise Failure(str(error), REFUSED) from error
    except (BackupError, RekeyError, RestoreError, VaultError) as error:
        raise Failure(str(error)) from error


def _print_json(value: Mapping[str, object]) -> None:
    import json

    click.echo(json.dumps(value, indent=2 if sys.stdout.isatty() else None))
