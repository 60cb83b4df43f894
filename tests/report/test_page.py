"""The report is one file that needs no network, with and without rows."""

import re
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from offtape_assets.report.page import SECTIONS, Answer, render
from offtape_assets.reporting import write_report
from offtape_assets.storage.catalog import build_catalog
from offtape_assets.storage.warehouse import Warehouse
from tests.browser import open_page

TUESDAY = date(2024, 11, 5)


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
@pytest.mark.parametrize("width", [1100, 390], ids=["desk", "phone"])
def test_the_page_opens_draws_and_asks_nobody(tmp_path: Path, width: int) -> None:
    file = tmp_path / "report.html"
    file.write_text(page())
    with open_page(width) as browser:
        browser.goto(file.as_uri())
        browser.wait_for_selector("svg.main-svg .scatterlayer .trace")
        assert browser.faults == []
        assert [
            url for url in browser.asked if not url.startswith(("file:", "data:", "blob:"))
        ] == []
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_a_query_that_fails_costs_its_section_only(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path / "warehouse"))
    build_catalog(warehouse)
    with duckdb.connect(str(tmp_path / "warehouse/offtape.duckdb")) as catalog:
        catalog.execute("drop view mart.recovery_scores")
    write_report(warehouse, TUESDAY, "SPY", tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert text.count("Not answered:") == 1
    assert text.count("No rows for this date.") == len(SECTIONS) - 1
