"""The report is one file that needs no network, with and without rows."""

import re
import shutil
import subprocess
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.report.page import SECTIONS, Answer, render
from offtape_assets.reporting import write_report
from offtape_assets.storage.catalog import build_catalog
from offtape_assets.storage.warehouse import Warehouse

TUESDAY = date(2024, 11, 5)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def minutes() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "bucket": [datetime(2024, 11, 5, 15, minute) for minute in range(30)],
            "probability": [0.5 + minute / 100 for minute in range(30)],
            "probability_low": [0.4] * 30,
            "probability_high": [0.9] * 30,
            "event_trades": [3] * 30,
            "regime": ["<baseline>"] * 30,
            "is_jump": [False] * 29 + [True],
        }
    )


def page() -> str:
    nothing = Answer("select 1 where 1 < 0", pl.DataFrame())
    answers = dict.fromkeys((section.query for section in SECTIONS), nothing)
    return render(TUESDAY, answers | {"event_minutes": Answer("select 1", minutes())})


def test_an_empty_warehouse_gives_a_page_that_says_so(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    build_catalog(warehouse)
    write_report(warehouse, TUESDAY, "SPY", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text.count("No rows for this date.") == len(SECTIONS)


def test_the_page_holds_its_sql_and_escapes_its_rows() -> None:
    text = page()
    assert "select 1 where 1 &lt; 0" in text
    assert "&lt;baseline&gt;" in text
    assert "18 more rows" in text


def test_the_page_loads_nothing_from_the_network() -> None:
    assert not re.findall(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//', page())


@pytest.mark.browser
def test_the_charts_draw_in_a_browser(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    file = tmp_path / "report.html"
    file.write_text(page())
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --virtual-time-budget=8000 --dump-dom"
    run = subprocess.run(
        [CHROMIUM, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", file.as_uri()],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert 'class="main-svg"' in run.stdout
    assert "scatterlayer" in run.stdout
