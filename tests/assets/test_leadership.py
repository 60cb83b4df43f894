"""Leadership through the graph: one simulated session, its planted leaders, views and pictures."""

import base64
from collections.abc import Iterator
from datetime import date

import duckdb
import pytest

from offtape_assets.backfill import Backfill
from offtape_assets.definitions import declared, open_house
from offtape_assets.report.leadership import panel_pictures, shares_through_the_day
from offtape_assets.settings import Settings
from offtape_assets.tables import features, model_leadership, raw

DAY = date(2024, 11, 5)
NAMES = "SPY,IVV,VOO"
WANTED = (
    "model.lead_tests,model.net_spillovers,model.up_move_scores,truth.leaders,raw.kalshi_trades"
)


def test_leadership_assets_are_declared_with_their_reads() -> None:
    made = {asset.tables[0].full_name: (group, asset) for group, asset in declared()}
    group, groups = made["model.cointegration_tests"]
    assert group == "leadership"
    assert groups.tables[1:] == (
        model_leadership.INFORMATION_SHARES,
        model_leadership.LEAD_TESTS,
    )
    assert {r.table for r in groups.reads if not r.is_optional} == {features.MID_TICKS}
    assert {r.table for r in groups.reads if r.is_optional} == {
        raw.ETF_BASKETS,
        raw.KALSHI_TRADES,
    }
    assert "leadership_groups" in groups.settings
    assert groups.picture is not None
    assert made["features.mid_ticks"][1].reads[0].table == raw.QUOTES
    assert made["model.up_move_forecasts"][1].reads[0].days_back > 0


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    settings = Settings(
        warehouse=str(tmp_path_factory.mktemp("leadership")),
        tickers=NAMES,
        leadership_groups="sp500_trackers=SPY,IVV,VOO; nobody=QQQ,TQQQ:3",
        leadership_window_minutes=130,
        workers=1,
    )
    assert not Backfill(settings, open_house(settings), DAY, DAY, WANTED).run()
    return settings


@pytest.fixture
def warehouse(built: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(f"{built.warehouse}/offtape.duckdb", read_only=True) as connection:
        yield connection


@pytest.mark.slow
def test_planted_leaders_are_named(warehouse: duckdb.DuckDBPyConnection) -> None:
    named = dict(
        warehouse.sql(
            "select group_name, ticker from model.information_shares"
            " where is_leader and window_minutes = 390"
        ).fetchall()
    )
    planted = dict(
        warehouse.sql(
            "select group_name, ticker from truth.leaders"
            " where is_leader and group_name = 'sp500_trackers'"
        ).fetchall()
    )
    assert named == planted == {"sp500_trackers": "SPY"}


@pytest.mark.slow
def test_a_panel_that_is_too_narrow_names_nobody(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.sql(
        "select distinct status, net_spillover, is_leader from model.net_spillovers"
    ).fetchall()
    assert rows == [("too_few", None, None)]


@pytest.mark.slow
def test_a_group_without_prices_says_so(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.sql(
        "select distinct status, is_leader, is_mean from model.information_shares"
        " where group_name = 'nobody'"
    ).fetchall()
    assert rows == [("no_data", None, None)]


@pytest.mark.slow
def test_the_view_joins_shares_tests_and_nothing_twice(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    shares, rows = warehouse.sql(
        "select (select count(*) from model.information_shares), count(*)"
        " from mart.leadership_by_window"
    ).fetchall()[0]
    assert shares == rows > 0
    leaders = warehouse.sql(
        "select min(weakest_z) from mart.leadership_by_window where is_leader"
    ).fetchall()[0][0]
    assert leaders > 0


@pytest.mark.slow
def test_iso_activity_and_leadership_is_answered(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.sql(
        "select iso_measure, n_windows, correlation from mart.iso_and_leadership"
        " where group_name = 'all'"
    ).fetchall()
    assert len(rows) == 6
    for _, n_windows, correlation in rows:
        assert n_windows == 6  # two windows with a window before them, three trackers
        assert abs(correlation) <= 1


@pytest.mark.slow
def test_a_second_run_leaves_the_same_rows(built: Settings) -> None:
    def rows() -> list[tuple]:
        query = "select * from model.information_shares order by all"
        with duckdb.connect(f"{built.warehouse}/offtape.duckdb", read_only=True) as connection:
            return connection.sql(query).fetchall()

    before = rows()
    again = Backfill(built, open_house(built), DAY, DAY, "model.lead_tests", force=True)
    assert not again.run()
    assert rows() == before


@pytest.mark.slow
def test_pictures_are_drawn_even_of_nothing(warehouse: duckdb.DuckDBPyConnection) -> None:
    def rows(table: str, where: str = "true") -> object:
        return warehouse.sql(f"select * from model.{table} where {where}").pl()

    for where in ("true", "false"):
        shares = shares_through_the_day(
            *(
                rows(name, where)
                for name in ("cointegration_tests", "information_shares", "lead_tests")
            )  # type: ignore[arg-type]
        )
        panel = panel_pictures(
            *(
                rows(name, where)
                for name in ("lead_lags", "granger_tests", "connectedness", "net_spillovers")
            )  # type: ignore[arg-type]
        )
        for picture in (shares, panel):
            assert base64.b64decode(picture).startswith(b"\x89PNG")
