"""Fixtures that every test may ask for."""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from daemon.logs import CHAIN
from tests.canaries import leaks

ROOT = Path(__file__).parents[1]
SPARE_KEY = b"k" * 32  # that of the engines, which have no key on disk


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's own folder."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of official descriptions and recorded exchanges that may lie beside the project's own.

    A test that needs it is skipped where it isn't there, as in a checkout of the project alone.
    """
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the platforms' official descriptions and recordings are not beside this checkout (../shared)")
    return folder


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """After every test: no store that it left, nothing beside it and no log has canaries in the open."""
    folder: Path | None = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    logged: list[str] = []

    def keep(_logger: object, _name: str, event: MutableMapping[str, Any]) -> NoReturn:
        logged.append(repr(event))
        raise structlog.DropEvent

    structlog.configure(processors=[*CHAIN, keep])
    yield
    structlog.reset_defaults()
    if folder is not None:
        found = leaks(folder, SPARE_KEY, "\n".join(logged).encode())
        assert not found, found
