"""docs/reference/metrics.md has every metric, type, label and meaning and no other; the alerts go by what is there."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from daemon.cli import cli
from daemon.core.alarming import Topic
from daemon.watch.exposition import CONTENT_TYPE
from tests.daemon.watch_sample import families

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/metrics.md").read_text("utf-8")
RULES = ROOT / "packaging/prometheus/orderferry.rules.yml"
SCRAPE = ROOT / "packaging/prometheus/scrape.yml"
FAMILIES = families()
PARTS = {"le"}  # what a histogram adds by itself


def written(name: str, kind: str) -> str:
    """The name as it is asked for."""
    return f"{name}_total" if kind == "counter" else name


def test_the_page_has_every_metric_with_its_labels_and_meaning_and_no_other() -> None:
    rows = re.findall(r"^\| `(orderferry_\w+)` \| (\w+) \| (.*?) \| (.+) \|$", PAGE, re.MULTILINE)
    expected = []
    for family in FAMILIES:
        labels = sorted({label for sample in family.samples for label in sample.labels} - PARTS)
        marked = ", ".join(f"`{label}`" for label in labels)
        expected.append((written(family.name, family.type), family.type, marked, family.documentation))
    assert sorted(rows) == sorted(expected)


def test_the_page_says_how_it_is_served_and_what_labels_may_be() -> None:
    assert f"`{CONTENT_TYPE}`" in PAGE
    assert all(f"`{topic}`" in PAGE for topic in Topic)


def test_names_follow_the_rules_of_prometheus() -> None:
    for family in FAMILIES:
        assert re.fullmatch(r"orderferry(_[a-z]+)+", family.name), family.name
        assert family.documentation
        if family.type == "histogram":
            assert family.name.endswith("_seconds")
        assert not family.name.endswith(("_ms", "_milliseconds", "_minutes", "_count"))


def rules() -> list[dict[str, Any]]:
    """The alerts of the file."""
    document = yaml.safe_load(RULES.read_text("utf-8"))
    assert [group["name"] for group in document["groups"]] == ["orderferry"]
    found: list[dict[str, Any]] = document["groups"][0]["rules"]
    return found


ALERTS = [pytest.param(rule, id=rule["alert"]) for rule in rules()]


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_goes_by_metrics_and_labels_that_are_there(rule: dict[str, Any]) -> None:
    known = {sample.name: set(sample.labels) for family in FAMILIES for sample in family.samples}
    for name, chosen in re.findall(r"(orderferry_\w+)(?:\{([^}]*)\})?", rule["expr"]):
        assert name in known, f"there is no metric {name}"
        for label, value in re.findall(r'(\w+)="(\w+)"', chosen):
            assert label in known[name]
            assert label != "topic" or value in set(Topic)
    groups = re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"])
    grouped = {label.strip() for group in groups for label in group.split(",")}
    assert grouped <= {"account", "kind", "le", "instance"}
    shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert shown <= {"account", "kind"}


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_what_to_type(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    verbs = re.findall(r"orderferry ([a-z-]+)(?= |$)", rule["annotations"]["description"])
    assert verbs, "it names no command"
    for verb in verbs:
        assert cli.get_command(click.Context(cli), verb) is not None, verb


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_s_expression_is_balanced(rule: dict[str, Any]) -> None:
    open_ones: list[str] = []
    for letter in re.sub(r'"[^"]*"', "", rule["expr"]):
        if letter in "([{":
            open_ones.append(letter)
        elif letter in ")]}":
            assert open_ones, rule["expr"]
            assert "([{".index(open_ones.pop()) == ")]}".index(letter)
    assert not open_ones
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


def test_the_example_reads_where_the_settings_say() -> None:
    example = yaml.safe_load(SCRAPE.read_text("utf-8"))
    (job,) = example["scrape_configs"]
    assert job["job_name"] == "orderferry"
    assert job["static_configs"] == [{"targets": ["127.0.0.1:9464"]}]
    assert example["rule_files"] == [RULES.name]
    assert '#listen = "127.0.0.1:9464"' in (ROOT / "config.toml").read_text("utf-8")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (of the package prometheus) is not installed")
def test_prometheus_itself_takes_them() -> None:
    for words in (["check", "rules", RULES.name], ["check", "config", SCRAPE.name]):
        subprocess.run(["promtool", *words], cwd=RULES.parent, check=True, capture_output=True, timeout=30)  # noqa: S603, S607 - our own files
