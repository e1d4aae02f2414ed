"""The plugins as the control API and `orderferry plugins` show them."""

from __future__ import annotations

from collections.abc import Iterable

from daemon.account_settings import AccountSettings
from daemon.hooks import Catalogue, Plugin
from daemon.views import PlatformView, PluginView
from orderferry.capability import names
from orderferry.platform import AnyPlatform


def plugin_views(catalogue: Catalogue, accounts: Iterable[AccountSettings]) -> tuple[PluginView, ...]:
    """Every plugin that is installed, those of others first."""
    used: dict[str, list[str]] = {}
    for account in accounts:
        used.setdefault(account.platform, []).append(account.name)
    views = [_view(plugin, catalogue, used) for plugin in catalogue.plugins]
    return tuple(sorted(views, key=lambda view: (view.built_in, view.name, view.distribution)))


def _view(plugin: Plugin, catalogue: Catalogue, used: dict[str, list[str]]) -> PluginView:
    state = "runs" if plugin.platforms else "refused" if plugin.imported else "not_enabled"
    return PluginView(
        name=plugin.offer.name,
        distribution=plugin.offer.distribution,
        version=plugin.offer.version,
        built_in=plugin.offer.built_in,
        state=state,
        platforms=tuple(_platform(catalogue.platforms[key], used.get(key, [])) for key in plugin.platforms),
        problems=tuple(
            one.reason if one.name == plugin.offer.name else f"{one.name}: {one.reason}" for one in plugin.refused
        ),
    )


def _platform(platform: type[AnyPlatform], accounts: Iterable[str]) -> PlatformView:
    return PlatformView(
        id=platform.id,
        title=platform.title,
        role=platform.role.value,
        capabilities=names(platform.capabilities),
        accounts=tuple(accounts),
    )
