"""Fixtures every test may use: the folder of recorded market data and a scratch warehouse."""

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def landing_folder() -> Path:
    """Recorded vendor files beside the project; the test is skipped where they are absent."""
    folder = Path(
        os.environ.get("OFFTAPE_TEST_LANDING", PROJECT.parent / "shared" / "data" / "landing")
    )
    if not folder.is_dir():
        pytest.skip(f"recorded market data are not at {folder} (set OFFTAPE_TEST_LANDING)")
    return folder
