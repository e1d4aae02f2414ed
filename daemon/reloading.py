"""What a changed config.toml asks of the running daemon."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from daemon.account_settings import AccountSettings
from daemon.config import Config, ConfigError
from daemon.toml_values import Problem
from orderferry import Role


class Changes(Struct, frozen=True, kw_only=True):
    """Accounts by what happens to them: `reopened` speak to their platform in another way, `retuned` do not."""

    removed: tuple[str, ...] = ()
    added: tuple[AccountSettings, ...] = ()
    reopened: tuple[AccountSettings, ...] = ()
    retuned: tuple[AccountSettings, ...] = ()

    def __str__(self) -> str:
        """In words: "my-shop is new, allegro-main is changed"; "nothing has changed" where that is so."""
        said = [f"{one.name} is new" for one in self.added]
        said += [f"{one.name} is changed" for one in (*self.reopened, *self.retuned)]
        said += [f"{name} is no longer there" for name in self.removed]
        return ", ".join(said) or "no account has changed"


def changes(old: Config, new: Config) -> Changes:
    """Compares two settings; raises `ConfigError` for what only a new start can change."""
    for key in ("data_dir", "socket"):
        if getattr(old.daemon, key) != getattr(new.daemon, key):
            sentence = "can't be changed while the program runs; stop it, and start it again"
            raise ConfigError((Problem(file=str(new.path), key=f"daemon.{key}", sentence=sentence),))
    if old.plugins != new.plugins:
        sentence = "takes effect with the next start only; stop the program, and start it again"
        raise ConfigError((Problem(file=str(new.path), key="plugins.enabled", sentence=sentence),))
    before = {account.name: account for account in old.accounts}
    after = {account.name: account for account in new.accounts}
    differing = [account for name, account in after.items() if name in before and before[name] != account]
    return Changes(
        removed=tuple(name for name in before if name not in after),
        added=tuple(account for name, account in after.items() if name not in before),
        reopened=tuple(one for one in differing if not _alike(before, one)),
        retuned=tuple(one for one in differing if _alike(before, one)),
    )


def _alike(before: Mapping[str, AccountSettings], now: AccountSettings) -> bool:
    """Whether the account still speaks to its platform in the same way: then nothing has to be opened anew."""
    was = before[now.name]
    same = (was.platform, was.role, was.settings) == (now.platform, now.role, now.settings)
    same = same and (was.isolation, was.memory_mib, was.open_files) == (now.isolation, now.memory_mib, now.open_files)
    return same and now.role is not Role.IMPORT  # whose folder may be another one now
