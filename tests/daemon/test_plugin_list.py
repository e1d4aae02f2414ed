"""[plugins]: what is not named there is not imported, and whoever wants it is told the very line to write."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from daemon.cli import cli
from daemon.config import Config, ConfigError, load
from daemon.hooks import Catalogue, discover
from daemon.plugin_list import PluginSettings, first_look
from daemon.reloading import changes
from tests.daemon.installed import install

SHOP = '[shops.mine]\nplatform = "parcelhub"\n'
ENABLED = '[plugins]\nenabled = ["Orderferry_Parcelhub"]\n'


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages, forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name, module in sys.modules.items() if str(folder) in str(getattr(module, "__file__", ""))]:
        del sys.modules[name]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def started(config: Path, text: str) -> tuple[Catalogue, Config]:
    """What a start with these settings finds."""
    config.write_text(f'[daemon]\ndata_dir = "{config.parent}/data"\n{text}', encoding="utf-8")
    catalogue = discover(first_look(config))
    return catalogue, load(config, catalogue.platforms, {})


def refusals(config: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        started(config, text)
    return [problem.sentence for problem in caught.value.problems]


@pytest.mark.parametrize(
    "text",
    ["", "[plugins]\n", "[plugins]\nenabled = []\n", '[plugins]\nenabled = ["orderferry-other"]\n'],
    ids=["no section", "no key", "an empty list", "another"],
)
def test_what_is_not_named_is_not_imported(site: Path, config: Path, text: str) -> None:
    imported = install(site, "parcelhub", distribution="orderferry-parcelhub")
    catalogue, _ = started(config, text)
    assert not imported.exists()
    assert "orderferry_parcelhub" not in sys.modules
    assert "parcelhub" not in catalogue.platforms
    assert "woocommerce" in catalogue.platforms


@pytest.mark.parametrize("name", ["orderferry-parcelhub", "Orderferry.Parcelhub", "orderferry_parcelhub==1.0"])
def test_what_is_named_runs(site: Path, config: Path, name: str) -> None:
    imported = install(site, "parcelhub", distribution="Orderferry_Parcelhub")
    catalogue, settings = started(config, f'[plugins]\nenabled = ["{name}"]\n{SHOP}')
    assert imported.exists()
    assert catalogue.platforms["parcelhub"].title == "Parcelhub"
    assert catalogue.refused == ()
    assert [account.platform for account in settings.accounts] == ["parcelhub"]


def test_the_name_of_an_entry_point_enables_nothing(site: Path, config: Path) -> None:
    """Anybody's distribution may call its entry point as it likes."""
    imported = install(site, "parcelhub", distribution="somebody-elses")
    _, settings = started(config, '[plugins]\nenabled = ["parcelhub"]\n')
    assert not imported.exists()
    assert 'did you mean "somebody-elses"?' in settings.warnings[0]


def test_a_file_that_cannot_be_read_enables_nothing(site: Path, config: Path) -> None:
    imported = install(site, "parcelhub", distribution="orderferry-parcelhub")
    for text in ('[plugins\nenabled = ["orderferry-parcelhub"]', "plugins = 1", "[plugins]\nenabled = 7"):
        config.write_text(text)
        discover(first_look(config))
    discover(first_look(config.with_name("none.toml")))
    assert not imported.exists()


def test_an_account_of_a_plugin_that_is_not_enabled_is_told_the_line(site: Path, config: Path) -> None:
    install(site, "parcelhub", distribution="orderferry-parcelhub")
    (told,) = refusals(config, f'[plugins]\nenabled = ["else"]\n{SHOP}')
    assert told == (
        '"parcelhub" does not run here; it comes with orderferry-parcelhub 1.0: it is not enabled; if you trust it, '
        'write enabled = ["else", "orderferry-parcelhub"] in [plugins]'
    )


def test_the_line_that_is_told_is_the_right_one(site: Path, config: Path) -> None:
    install(site, "parcelhub", distribution="orderferry-parcelhub")
    (told,) = refusals(config, SHOP)
    line = told.partition("write ")[2].removesuffix(" in [plugins]")
    catalogue, _ = started(config, f"[plugins]\n{line}\n{SHOP}")
    assert "parcelhub" in catalogue.platforms


def test_another_version_than_the_named_one_is_not_imported(site: Path, config: Path) -> None:
    imported = install(site, "parcelhub", distribution="orderferry-parcelhub", version="1.3")
    (told,) = refusals(config, f'[plugins]\nenabled = ["orderferry-parcelhub==1.2"]\n{SHOP}')
    assert "allows version 1.2 of it alone, and this is 1.3" in told
    assert 'write enabled = ["orderferry-parcelhub==1.3"] in [plugins]' in told
    assert not imported.exists()


def test_an_enabled_plugin_that_cannot_be_loaded_is_not_taken_for_a_misspelling(site: Path, config: Path) -> None:
    install(site, "parcelhub", distribution="orderferry-parcelhub", module="import nothing_of_that_name")
    (told,) = refusals(config, ENABLED + SHOP)
    assert "is enabled and does not run: `orderferry plugins` says why" in told


def test_nobody_takes_the_place_of_a_built_in_platform(site: Path, config: Path) -> None:
    install(site, "aaa", distribution="aaa", platform="woocommerce")
    catalogue, _ = started(config, '[plugins]\nenabled = ["aaa"]\n')
    assert catalogue.platforms["woocommerce"].title == "WooCommerce"
    assert [(one.name, one.reason) for one in catalogue.refused] == [
        ("woocommerce", "another plugin already offers the platform woocommerce")
    ]


def test_a_name_of_which_nothing_is_installed_is_a_warning(site: Path, config: Path) -> None:
    install(site, "parcelhub", distribution="orderferry-parcelhub")
    _, settings = started(config, '[plugins]\nenabled = ["orderferry-parcelhup"]\n')
    assert settings.warnings[0] == (
        f"{config}:4: plugins.enabled[0]: no distribution of this name that offers a platform is installed"
        ' (did you mean "orderferry-parcelhub"?)'
    )


@pytest.mark.parametrize("name", ["allegro", "orderferry", "integration-file"])
def test_what_is_built_in_needs_no_entry(config: Path, name: str) -> None:
    catalogue, settings = started(config, f'[plugins]\nenabled = ["{name}"]\n')
    assert settings.warnings[0].endswith(": plugins.enabled[0]: is built in, and needs no entry")
    assert catalogue.platforms.keys() >= {"allegro", "woocommerce"}


@pytest.mark.parametrize("metadata", ["", "Metadata-Version: 2.1\nVersion: 1.0\n", None])
def test_a_distribution_without_a_name_is_refused_alone(site: Path, config: Path, metadata: str | None) -> None:
    imported = install(site, "parcelhub", distribution="orderferry")
    told = site / "orderferry-1.0.dist-info" / "METADATA"
    told.unlink() if metadata is None else told.write_text(metadata)
    catalogue, _ = started(config, "")
    (refused,) = catalogue.refused
    assert "its metadata don't say which distribution it belongs to" in refused.reason
    assert not imported.exists()


@pytest.mark.parametrize("name", ["", "../x", "a b", "a>=1", "a=="])
def test_what_can_be_no_distribution_is_a_mistake(config: Path, name: str) -> None:
    assert refusals(config, f'[plugins]\nenabled = ["{name}"]\n') == [
        'is no distribution; write its name as pip shows it, or "name==version"'
    ]


def test_a_reload_says_that_another_list_needs_a_new_start(config: Path) -> None:
    _, old = started(config, "")
    _, new = started(config, '[plugins]\nenabled = ["orderferry-parcelhub"]\n')
    assert new.plugins == PluginSettings(enabled=("orderferry-parcelhub",))
    with pytest.raises(ConfigError, match=r"plugins\.enabled: takes effect with the next start only"):
        changes(old, new)


# --- orderferry plugins, without a daemon


def said(config: Path, *args: str) -> tuple[str, str]:
    result = CliRunner().invoke(cli, ["plugins", "--config", str(config), *args], prog_name="orderferry")
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_plugins_are_shown_with_what_runs_of_them_and_what_does_not(site: Path, config: Path) -> None:
    install(site, "parcelhub", distribution="orderferry-parcelhub", version="1.2")
    install(site, "dormant", distribution="orderferry-dormant")
    install(site, "broken", distribution="orderferry-broken", module="import nothing_of_that_name")
    names = '"orderferry-parcelhub", "orderferry-broken"'
    started(config, f"[plugins]\nenabled = [{names}]\n{SHOP}")
    out, _ = said(config)
    assert out.startswith(
        "broken 1.0, from orderferry-broken: refused\n"
        "  ! it can't be loaded: ModuleNotFoundError: No module named 'nothing_of_that_name'\n"
        "dormant 1.0, from orderferry-dormant: not enabled\n"
        f'  ! it is not enabled; if you trust it, write enabled = [{names}, "orderferry-dormant"] in [plugins]\n'
        "parcelhub 1.2, from orderferry-parcelhub: runs\n"
        "  parcelhub: Parcelhub, shop; used by mine\n"
    )
    assert "\nwoocommerce 0.1.0, built in: runs\n  woocommerce: WooCommerce, shop\n    fetch_orders, " in out


def test_plugins_as_json(site: Path, config: Path) -> None:
    install(site, "parcelhub", distribution="orderferry-parcelhub")
    started(config, ENABLED + SHOP)
    found = {one["name"]: one for one in json.loads(said(config, "--json")[0])}
    assert found["parcelhub"] == {
        "name": "parcelhub",
        "distribution": "orderferry-parcelhub",
        "version": "1.0",
        "built_in": False,
        "state": "runs",
        "platforms": [
            {"id": "parcelhub", "title": "Parcelhub", "role": "shop", "capabilities": [], "accounts": ["mine"]}
        ],
        "problems": [],
    }


def test_plugins_are_shown_although_the_settings_are_broken(config: Path) -> None:
    config.write_text("[shops.x]\n")
    out, err = said(config)
    assert "woocommerce" in out
    assert "shops.x.platform: is missing" in err
