"""The Dagster UI in a real browser: lineage, an asset page with its plot, a backfill from clicks."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.browser import CHROMIUM, open_page

pytestmark = pytest.mark.browser
DAY = "2024-11-05"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one simulated event day of one name's probabilities."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    folder = tmp_path_factory.mktemp("ui") / "warehouse"
    place = ["--tickers", "SPY", "--warehouse", str(folder)]
    words = ["backfill", "--from", DAY, "--to", DAY, "--select", "model.kalshi_probabilities"]
    subprocess.run(
        [sys.executable, "-m", "offtape_assets", *words, *place],
        check=True,
    )
    return folder


@pytest.fixture(scope="module")
def address(warehouse: Path) -> Iterator[str]:
    """Where the UI of the warehouse answers; it is stopped at the end with all it started."""
    port, pages = free_port(), free_port()
    given = {
        "OFFTAPE_START_DATE": "2024-11-04",
        "OFFTAPE_LAST_DATE": DAY,
        "OFFTAPE_DATA_DOCS_URL": f"http://127.0.0.1:{pages}",
    }
    command = [sys.executable, "-m", "offtape_assets", "ui", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--tickers", "SPY", "--warehouse", str(warehouse)],
        env=os.environ | given,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            break
        except OSError:
            time.sleep(1)
    yield url
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)


def test_the_lineage_goes_from_raw_to_mart(address: str) -> None:
    with open_page() as page:
        page.goto(f"{address}/asset-groups")
        for group in ("raw", "features", "event", "options", "leadership", "joint", "mart"):
            page.get_by_text(group, exact=True).first.wait_for()
        page.goto(f"{address}/assets/mart/event_timeline?view=lineage&lineageScope=upstream")
        for name in ("event_timeline", "kalshi_probabilities", "microstructure_1m"):
            page.get_by_text(name, exact=True).first.wait_for()
        assert [url for url in page.asked if not url.startswith((address, "data:", "blob:"))] == []


def test_an_asset_page_shows_columns_owners_kinds_and_the_plot(address: str) -> None:
    with open_page() as page:
        page.goto(f"{address}/assets/model/kalshi_probabilities")
        for text in ("standardized_innovation", "log-density of the price given earlier trades"):
            page.get_by_text(text).first.wait_for()
        for text in ("offtape", "DuckDB", "Parquet"):
            page.get_by_text(text, exact=True).first.wait_for()
        page.get_by_text("Show Markdown").first.click()
        picture = page.locator("img[src^='data:image/png']").first
        picture.wait_for()
        assert picture.evaluate("image => image.naturalWidth") > 300


def test_a_check_says_why_and_links_the_page_of_the_gate(address: str) -> None:
    with open_page() as page:
        page.goto(f"{address}/assets/raw/kalshi_trades?view=checks&checkDetail=gate")
        page.get_by_text("Great Expectations over all rows of the date").first.wait_for()
        link = page.locator("a", has_text="kalshi_trades.html").first
        link.wait_for()
        assert (link.get_attribute("href") or "").endswith(f"raw/{DAY}/kalshi_trades.html")


def test_a_mart_view_is_fresh_and_shows_its_columns(address: str) -> None:
    with open_page() as page:
        page.goto(f"{address}/assets/mart/event_timeline")
        page.get_by_text("Freshness policy").first.wait_for()
        column = page.get_by_text("probability of the first (yes) contract").first
        column.wait_for()
        assert column.is_visible()


COLUMN_LINEAGE = """
{ assetNodeOrError(assetKey: {path: ["mart", "event_timeline"]}) { ... on AssetNode {
    assetMaterializations(limit: 1) { metadataEntries { ... on TableColumnLineageMetadataEntry {
        lineage { columnName columnDeps { assetKey { path } columnName } } } } } } } }
"""


def test_a_column_of_the_mart_leads_to_the_columns_it_is_made_of(address: str) -> None:
    """As text on the page and as lineage in what the page asks; the free UI draws no graph of it."""
    with open_page() as page:
        page.goto(f"{address}/assets/mart/event_timeline")
        row = page.locator("tr", has=page.get_by_text("columns_come_from", exact=True))
        row.get_by_text("Show Markdown").click()
        made_of = "model.kalshi_probabilities.standardized_innovation"
        page.get_by_text(made_of, exact=True).first.wait_for()
        answer = page.request.post(f"{address}/graphql", data={"query": COLUMN_LINEAGE}).json()
    (event,) = answer["data"]["assetNodeOrError"]["assetMaterializations"]
    (lineage,) = (entry["lineage"] for entry in event["metadataEntries"] if "lineage" in entry)
    (found,) = (one["columnDeps"] for one in lineage if one["columnName"] == "shock")
    assert found == [
        {
            "assetKey": {"path": ["model", "kalshi_probabilities"]},
            "columnName": "standardized_innovation",
        }
    ]


def test_a_backfill_is_started_and_finished_from_the_ui(address: str, warehouse: Path) -> None:
    with open_page() as page:
        page.goto(f"{address}/assets/raw/treasury_bills")
        page.get_by_role("button", name="Materialize").first.click()
        launch = page.get_by_role("button", name="Launch backfill")
        for _ in range(30):  # "All" takes the dates that the dialog has loaded, at first none
            page.get_by_role("button", name="All", exact=True).click()
            page.wait_for_timeout(1000)
            if launch.is_enabled():
                break
        launch.click()
        launch.wait_for(state="hidden")
        page.goto(f"{address}/runs?view=backfills")
        page.get_by_text("raw / treasury_bills").first.wait_for()
        page.get_by_text("Success", exact=True).first.wait_for(timeout=240_000)
    files = sorted((warehouse / "raw/treasury_bills").rglob("data.parquet"))
    assert [file.parent.name for file in files] == ["date=2024-11-04", f"date={DAY}"]
    assert duckdb.sql(f"select count(*) from read_parquet({[str(f) for f in files]})").fetchone()[0]
