"""Fixtures that every test may ask for."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


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
