"""Settings that change while the program runs: what they ask of it, and that work in hand is not lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from daemon.account_settings import AccountSettings
from daemon.config import DEFAULT_STATUSES, Config, ConfigError, DaemonSettings
from daemon.core.routing import Sync
from daemon.core.ticking import Every
from daemon.isolation.limits import Isolation
from daemon.reloading import changes
from orderferry import Duration, Role, Settings

PLACE = DaemonSettings(data_dir=Path("/data"), socket=Path("/run/s"))


class Keyed(Settings, frozen=True, kw_only=True):
    key: str = "one"


def account(name: str, **changed: Any) -> AccountSettings:  # any field of an account's settings
    whole = AccountSettings(
        name=name,
        role=Role.SHOP,
        platform="corner",
        poll_every=Duration(hours=1),
        settings=Keyed(),
        statuses={"new": "processing"},
    )
    return replace(whole, **changed)


def config(*accounts: AccountSettings, **changed: Any) -> Config:  # any field of the settings
    return Config(
        **{"path": Path("c.toml"), "daemon": PLACE, "statuses": DEFAULT_STATUSES, "accounts": accounts, **changed}
    )


def test_only_what_speaks_to_its_platform_in_another_way_is_opened_anew() -> None:
    old = config(account("gone"), account("same"), account("tuned"), account("keyed"), account("moved"))
    tuned = account("tuned", sync=Sync(status=Every()), statuses={})
    keyed, moved = account("keyed", settings=Keyed(key="two")), account("moved", platform="other")
    found = changes(old, config(account("same"), tuned, keyed, moved, account("fresh")))
    assert (found.removed, found.added) == (("gone",), (account("fresh"),))
    assert (found.retuned, found.reopened) == ((tuned,), (keyed, moved))
    assert str(found) == "fresh is new, keyed is changed, moved is changed, tuned is changed, gone is no longer there"


def test_the_same_again_changes_nothing() -> None:
    old = config(account("same"))
    assert str(changes(old, config(account("same")))) == "no account has changed"


@pytest.mark.parametrize("key", ["data_dir", "socket"])
def test_what_only_a_new_start_can_change_is_refused(key: str) -> None:
    new = config(daemon=replace(PLACE, **{key: Path("/elsewhere")}))
    with pytest.raises(ConfigError, match=rf"daemon\.{key}: can't be changed while the program runs"):
        changes(config(), new)


@pytest.mark.parametrize("changed", [{"isolation": Isolation.PROCESS}, {"memory_mib": 64}, {"open_files": 99}])
def test_a_plugin_that_is_to_run_elsewhere_is_opened_anew(changed: dict[str, Any]) -> None:
    moved = account("moved", **changed)
    assert changes(config(account("moved")), config(moved)).reopened == (moved,)
