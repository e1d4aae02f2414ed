"""The log: allowed names alone, nothing that looks like a secret, one JSON object a line."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from daemon.logs import ALLOWED, allow, configure, scrub
from orderferry import Secret
from orderferry.testing.memory import carries

CANARIES = (
    "ck_0123456789abcdef0123456789abcdef01234567",
    "cs_fedcba9876543210fedcba9876543210fedcba98",
    "kupujaca.zaneta@example.com",
    "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.payload.signature",
    "Basic Y2tfMDEyMzpjc180NTY3ODk=",
)


class Written:
    """Sets the log up so that it writes into a file, and reads the file."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._path = path
        self._monkeypatch = monkeypatch
        self._file = io.TextIOWrapper(path.open("wb"), encoding="utf-8", write_through=True)

    def configure(self, level: str, form: str) -> None:
        self._monkeypatch.setattr(sys, "stderr", self._file)  # here: pytest puts its own back before a test begins
        configure(level, form)

    @property
    def text(self) -> str:
        self._file.flush()
        return self._path.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def close(self) -> None:
        self._monkeypatch.undo()
        self._file.close()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Written]:
    found = Written(tmp_path / "log", monkeypatch)
    yield found
    structlog.reset_defaults()
    found.close()


def test_each_event_is_one_line_of_json(written: Written) -> None:
    written.configure("info", "json")
    log = structlog.get_logger()
    log.info("job_carried_out", job=7, account="my-shop", outcome="done", detail="two\nlines")
    log.debug("too_fine")
    log.warning("odd", reason="ż", seconds=0.5, warnings=["a", "b"])
    first, second = written.lines
    assert (first["event"], first["job"], first["level"], first["detail"]) == (
        "job_carried_out",
        7,
        "info",
        "two\nlines",
    )
    assert first["timestamp"].endswith("Z")
    assert (second["reason"], second["seconds"], second["warnings"]) == ("ż", 0.5, ["a", "b"])


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("canary", CANARIES)
def test_no_secret_and_no_address_gets_through_in_any_value(written: Written, canary: str, form: str) -> None:
    written.configure("debug", form)
    log = structlog.get_logger().bind(account="my-shop")
    log.info("said", error=f"GET https://x?a={canary} failed", reason=canary)
    log.info(f"in the event {canary}")  # noqa: G004 - a careless plugin does so
    log.info("as an object", error=ValueError(canary), path=Path(canary), cause=[canary, {"deep": (canary, 1)}])
    log.info("as a key", kind={canary: 1}, detail=canary.encode())
    log.info("under another name", buyer=canary, email=canary, address="Rynek 1", token=canary)
    try:
        raise KeyError(canary)  # noqa: TRY301 - what is logged is its traceback
    except KeyError:
        log.exception("it broke")
    text = written.text
    assert len(written.lines) == 6 if form == "json" else text.count("my-shop") == 6
    needle = canary.partition(" ")[2] or canary
    assert needle not in text
    assert not carries(text, [needle])
    assert "Rynek" not in text


def test_what_is_not_on_the_list_is_left_out() -> None:
    event = dict.fromkeys((*ALLOWED, "buyer", "comment", "street", "phone", "raw", "body"), "x")
    assert allow(None, "info", event).keys() == ALLOWED


def test_ordinary_words_stay_as_they_are() -> None:
    event = {"event": "basic checks of ck_1 and a bearer", "count": 3, "missing": None, "new": True}
    assert scrub(None, "info", dict(event)) == event


def test_a_secret_prints_stars() -> None:
    assert scrub(None, "info", {"error": Secret("hunter22")}) == {"error": "Secret(***)"}
