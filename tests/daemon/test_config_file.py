"""Adding to config.toml: what is there stays byte for byte, and what was added is there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from daemon.config_file import EditError, Entry, add_entries, create, replace, section

ROOT = Path(__file__).parents[2]
EXAMPLE = (ROOT / "config.toml").read_text()
TABLE = ("shops", "my-shop", "statuses")
SENT = Entry(key="sent", value="completed", note="Completed")

BELOW = """\
[shops.my-shop]  # mine
url = "https://shop.example"
#poll_every = "1h"

# about the other
[shops.other]
url = "https://other.example"

# the marketplace
[marketplaces.m]
z = 1
"""

HERE = """\
[shops.my-shop]
x = 1

[shops.my-shop.deliveries] # by name
"A b" = "1" # why
many = [
  "1", # one
  [ "2" ],
]
# "C" = "3"

# for one account
[shops.my-shop.deliveries.m]
k = "v"

# the end
"""


def test_a_new_table_stands_behind_its_account() -> None:
    added = add_entries(BELOW, TABLE, [SENT])
    head, tail = BELOW.split("\n\n# about the other")
    assert added == f'{head}\n\n[shops.my-shop.statuses]\nsent = "completed" # Completed\n\n# about the other{tail}'


def test_an_entry_stands_behind_the_table_s_own_ones() -> None:
    added = add_entries(HERE, ("shops", "my-shop", "deliveries"), [Entry(key="D e", value="4")])
    assert added == HERE.replace('# "C" = "3"\n', '# "C" = "3"\n"D e" = "4"\n')


def test_the_example_takes_a_table() -> None:
    added = add_entries(EXAMPLE, TABLE, [SENT])
    new = '\n[shops.my-shop.statuses]\nsent = "completed" # Completed\n'
    assert added.replace(new, "", 1) == EXAMPLE
    assert "enabled = true\n" + new in added


NEW_TABLE = '\n[shops.my-shop.statuses]\nsent = "completed" # Completed\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[shops.my-shop]\nstatuses = {}\n", '[shops.my-shop]\nstatuses = {sent = "completed"}\n'),
        ("[shops.my-shop]\nstatuses = {\n  new = 'a',\n}\n", None),
        ("[shops.my-shop]\nstatuses.new = 'a'\nx = 1", None),
        ("shops.my-shop.x = 1", f"shops.my-shop.x = 1\n{NEW_TABLE}"),
        ("[shops.my-shop.statuses]", '[shops.my-shop.statuses]\nsent = "completed" # Completed\n'),
        (
            "[shops.my-shop]\r\n\r\n# b\r\n[shops.b]\r\n",
            "[shops.my-shop]\r\n{}\r\n# b\r\n[shops.b]\r\n".format(NEW_TABLE.replace("\n", "\r\n")),
        ),
    ],
)
def test_other_ways_to_write_a_table(before: str, after: str) -> None:
    added = add_entries(before, TABLE, [SENT])
    assert tomli.loads(added)["shops"]["my-shop"]["statuses"]["sent"] == "completed"
    assert after in {None, added}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[shops.b]\n", "my-shop"),
        ('[shops.my-shop.statuses]\nsent = "x"\n', "sent is there already"),
        ("shops.my-shop = { x = 1 }\n", "can't be added to"),
        ("[shops\n", "can't be added to"),
    ],
)
def test_what_cannot_be_added_to_is_refused(text: str, words: str) -> None:
    with pytest.raises(EditError, match=words):
        add_entries(text, TABLE, [SENT])


WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ENTRIES = st.lists(
    st.builds(Entry, key=WORD, value=WORD, note=st.text(max_size=12)),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.key,
)
BLOCKS = st.lists(
    st.sampled_from(
        [
            "# a word of mine\n",
            "\n",
            "  \n",
            "[shops.a]\nx = 1 # one\n",
            "[shops.a.forward]\nenabled = true\n#off = 1\n",
            '[shops.my-shop.deliveries.m]\n"K l" = "v"\n',
            '[shops.my-shop.payments]\nonline = "p24"\n\n# of the next\n',
            '[marketplaces.m]\nlist = [\n  "a", # first\n  "b",\n]\n',
            "[marketplaces.m.statuses]\nnew = '''\nNEW'''\n",
        ]
    ),
    max_size=10,
    unique_by=lambda block: block if block.startswith("[") else object(),
)


@given(BLOCKS, BLOCKS, ENTRIES, st.sampled_from(["statuses", "payments", "deliveries"]))
def test_whatever_stands_there_stays_and_what_is_added_is_there(
    above: list[str], below: list[str], entries: list[Entry], kind: str
) -> None:
    own = '[shops.my-shop] # mine\nurl = "u"\n'
    text = "".join([*above, own, *(block for block in below if block[0] != "[" or block not in above)])
    before = tomli.loads(text)
    there = before["shops"]["my-shop"].get(kind, {})
    new = [entry for entry in entries if entry.key not in there]
    added = add_entries(text, ("shops", "my-shop", kind), new)
    before["shops"]["my-shop"][kind] = {**there, **{entry.key: entry.value for entry in new}}
    assert tomli.loads(added) == before
    old, lines = text.splitlines(keepends=True), iter(added.splitlines(keepends=True))
    assert all(line in lines for line in old)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("x = 1\n")
    path.chmod(0o640)
    return path


def test_a_file_is_replaced_with_its_mode_and_through_a_link(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    replace(link, "x = 2\n", before="x = 1\n")
    assert (link.is_symlink(), file.read_text()) == (True, "x = 2\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert {one.name for one in tmp_path.iterdir()} == {"config.toml", "link.toml"}


def test_a_file_that_was_changed_meanwhile_is_left_alone(file: Path, tmp_path: Path) -> None:
    with pytest.raises(EditError, match="changed in the meantime"):
        replace(file, "x = 3\n", before="x = 2\n")
    assert file.read_text() == "x = 1\n"
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]


def test_a_full_disk_leaves_the_file_as_it_was(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EditError, match="can't be written \\(No space left on device\\)"):
        replace(file, "x = 3\n", before="x = 1\n")
    assert file.read_text() == "x = 1\n"
    assert [one.name for one in tmp_path.iterdir()] == ["config.toml"]


def test_a_new_file_is_its_owner_s_alone_and_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    create(path, "x = 1\n")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("x = 1\n", 0o600)
    with pytest.raises(EditError, match="is there already, and is not overwritten"):
        create(path, "x = 2\n")
    assert path.read_text() == "x = 1\n"
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]


def test_a_section_quotes_what_needs_it() -> None:
    entries = [Entry(key="Kurier „DPD”", value='a "b"\\c', note="two\nlines")]
    text = section(("shops", "s", "deliveries"), entries)
    assert text == '[shops.s.deliveries]\n"Kurier „DPD”" = "a \\"b\\"\\\\c" # two lines\n'
