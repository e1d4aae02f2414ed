"""The documentation tells no lies that a machine can find: links lead somewhere, files exist, commands are real."""

import importlib
import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import click
import pytest

from daemon.account_settings import COMMON_KEYS, SECTIONS
from daemon.config import DaemonSettings
from daemon.hooks import discover
from daemon.thank_you import ThankYouSettings
from orderferry import Role
from plugins.smtp.settings import SmtpSettings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "plugins").rglob("*.md")]
)
ALL_PAGES = [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES]

FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
FOLDERS = "orderferry|daemon|plugins|tests|docs|benchmarks|requirements|scripts"
NAMED_FILE = re.compile(rf"`((?:{FOLDERS})/[\w./-]+\.(?:py|md|txt|sql|in|toml)|(?:{FOLDERS})/[\w./-]+/)`")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that code hosts make of a page's headings."""
    headings = (
        re.sub(r"[`*]", "", heading).strip().lower() for heading in HEADING.findall(FENCE.sub("", text_of(page)))
    )
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", ALL_PAGES)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)

    assert not broken


@pytest.mark.parametrize("page", ALL_PAGES)
def test_every_file_that_is_named_exists(page: Path) -> None:
    missing = [name for name in NAMED_FILE.findall(text_of(page)) if not (ROOT / name).exists()]

    assert not missing


@pytest.mark.parametrize("page", [page for page in PAGES if (ROOT / "docs") in page.parents])
def test_every_page_can_be_reached_from_the_index(page: Path) -> None:
    seen: set[Path] = set()
    ahead = [ROOT / "docs" / "README.md"]
    while ahead:
        at = ahead.pop()
        if at in seen or not at.exists() or at.suffix != ".md":
            continue
        seen.add(at)
        links = LINK.findall(text_of(at))
        ahead += [(at.parent / link.partition("#")[0]).resolve() for link in links if ":" not in link]

    assert page in seen


def settings_in(text: str) -> list[dict[str, dict[str, dict[str, object]]]]:
    """Each block of settings that a page shows, as the settings file would read it."""
    blocks = re.findall(r"^( *)```toml\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [tomllib.loads(textwrap.dedent(block)) for _, block in blocks]


@pytest.mark.parametrize("page", ALL_PAGES)
def test_every_setting_that_is_shown_is_a_key(page: Path) -> None:
    platforms = discover().platforms.values()
    unknown = []
    for block in settings_in(text_of(page)):
        mail = {"thank_you", *COMMON_KEYS[Role.MAIL], *SmtpSettings.__struct_fields__}
        unknown += sorted(block.get("mail", {}).keys() - mail)
        unknown += sorted(block.get("mail", {}).get("thank_you", {}).keys() - set(ThankYouSettings.__struct_fields__))
        unknown += sorted(block.get("daemon", {}).keys() - set(DaemonSettings.__struct_fields__))
        for section, role in SECTIONS.items():
            keys = set(COMMON_KEYS[role])
            keys.update(*(platform.Settings.__struct_fields__ for platform in platforms if platform.role is role))
            for account in block.get(section, {}).values():
                unknown += sorted(account.keys() - keys)

    assert not unknown


def commands_in(text: str) -> list[list[str]]:
    """What follows the word `orderferry` in each line of shell and in each `code span`, word by word."""
    shell = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in shell for line in block.splitlines()]
    lines += [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    found = []
    for line in lines:
        code = re.split(r" # | \| | && | &$", line.strip().removesuffix("..."))[0]
        words = shlex.split(code, comments=True) if code.count("'") % 2 == 0 else code.split()
        if words and re.fullmatch(r"(?:.*/)?orderferry", words[0]) and len(words) > 1:
            found.append(words[1:])
    return found


@pytest.fixture(scope="module")
def program() -> click.Group:
    try:
        cli = importlib.import_module("daemon.cli")
    except ModuleNotFoundError as missing:
        if missing.name != "daemon.cli":
            raise
        pytest.skip("the command line is not there yet")
    groups = [value for value in vars(cli).values() if isinstance(value, click.Group)]
    assert groups, "daemon.cli has no click group"
    return max(groups, key=lambda group: len(group.list_commands(click.Context(group))))


def complaint(program: click.Group, words: list[str]) -> str | None:
    """What is wrong with `orderferry WORDS`, as far as its names tell."""
    context = click.Context(program, info_name="orderferry")
    options = {name for parameter in program.get_params(context) for name in parameter.opts}
    while words and words[0].startswith("-"):
        if words[0].partition("=")[0] not in options:
            return f"there is no option {words[0]}"
        words = words[1:]
    if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
        return None
    verb = program.get_command(context, words[0])
    if verb is None:
        return f"there is no command {words[0]}"
    if isinstance(verb, click.Group):
        return complaint(verb, words[1:])
    options |= {
        name
        for parameter in verb.get_params(click.Context(verb, info_name=words[0]))
        for name in (*parameter.opts, *parameter.secondary_opts)
    }
    unknown = [word for word in words[1:] if word.startswith("--") and word.partition("=")[0] not in options]
    return f"{words[0]} has no option {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", ALL_PAGES)
def test_every_command_that_is_shown_exists(page: Path, program: click.Group) -> None:
    complaints = [
        f"orderferry {' '.join(words)}: {wrong}"
        for words in commands_in(text_of(page))
        if (wrong := complaint(program, words)) is not None
    ]

    assert not complaints


def test_commands_are_found_in_blocks_and_in_spans() -> None:
    shell = "```sh\n~/bin/orderferry jobs --state unsure   # doubts\n```"
    text = f"Say `orderferry show 17`.\n\n{shell}\n\n```toml\nx = 1\n```\n"

    assert commands_in(text) == [["jobs", "--state", "unsure"], ["show", "17"]]


def test_settings_are_found_in_blocks_also_inside_a_list() -> None:
    assert settings_in("1. So:\n\n   ```toml\n   [shops.a]\n   url = 'x'\n   ```\n") == [{"shops": {"a": {"url": "x"}}}]


def test_a_command_that_does_not_exist_is_complained_about() -> None:
    known = click.Group("orderferry", commands=[click.Command("jobs", params=[click.Option(["--state"])])])

    assert complaint(known, ["jobs", "--state", "unsure"]) is None
    assert complaint(known, ["jobs", "--stat"]) == "jobs has no option --stat"
    assert complaint(known, ["jbos"]) == "there is no command jbos"
    assert complaint(known, ["-v"]) == "there is no option -v"
    assert complaint(known, []) is None
