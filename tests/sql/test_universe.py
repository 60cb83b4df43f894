"""features.universe: twenty names a kind by dollar volume of the sessions before the date."""

from datetime import date, timedelta

import duckdb
import polars as pl
import pytest

from offtape_assets.storage.sql import query_text
from offtape_assets.tables import features, raw

DAY = date(2024, 11, 5)
SESSIONS = [DAY - timedelta(days=n) for n in range(1, 35) if (DAY - timedelta(n)).weekday() < 5]


def universe(bars: list[tuple], kinds: dict[str, str]) -> pl.DataFrame:
    """Run the query on (ticker, date, close, volume) bars."""
    connection = duckdb.connect()
    connection.execute("create schema raw")
    connection.execute(f"create table raw.daily_bars as {raw.DAILY_BARS.empty_select()}")
    connection.executemany(
        "insert into raw.daily_bars by name select ? as ticker, ?::date as date,"
        " ?::decimal(18,6) as close, ?::decimal(18,6) as volume",
        bars,
    )
    connection.register(
        "universe_kinds",
        pl.DataFrame({"ticker": list(kinds), "kind": list(kinds.values())}),
    )
    return connection.execute(query_text(features.UNIVERSE), {"date": DAY}).pl()


def test_columns_and_types_are_the_declared():
    connection = duckdb.connect()
    connection.execute("create schema raw")
    connection.execute(f"create table raw.daily_bars as {raw.DAILY_BARS.empty_select()}")
    connection.execute("create table universe_kinds (ticker varchar, kind varchar)")
    found = connection.execute(query_text(features.UNIVERSE), {"date": DAY}).description
    declared = [(column.name, column.dtype) for column in features.UNIVERSE.columns]
    assert [(name, str(dtype)) for name, dtype, *_ in found] == declared


def test_means_run_over_twenty_sessions_and_a_missing_bar_traded_nothing():
    bars = [("SPY", day, 500, 2_000_000) for day in SESSIONS[:20]]
    bars += [("NEW", day, 100, 4_000_000) for day in SESSIONS[:5]]
    found = universe(bars, {"SPY": "etf", "NEW": "equity"}).rows()
    assert found == [("NEW", "equity", 1, 1.0, 100.0), ("SPY", "etf", 1, 2.0, 1000.0)]


def test_the_day_itself_and_older_sessions_do_not_count():
    bars = [("SPY", day, 100, 1_000_000) for day in SESSIONS[:20]]
    bars += [("SPY", DAY, 100, 10**9), ("SPY", SESSIONS[20], 100, 10**9)]
    assert universe(bars, {"SPY": "etf"})["volume_shares_millions"].to_list() == [1.0]


def test_old_bars_do_not_fill_a_hole_in_the_record():
    stale = date(2024, 6, 3)
    bars = [("SPY", SESSIONS[0], 100, 1_000_000), ("SPY", stale, 100, 10**9)]
    assert universe(bars, {"SPY": "etf"})["volume_shares_millions"].to_list() == [1.0]


def test_twenty_of_each_kind_by_dollars_and_only_configured_names():
    bars = [
        (f"{kind}{number:02}", SESSIONS[0], 10 + number, 1_000_000)
        for kind in ("E", "F", "X")
        for number in range(25)
    ]
    kinds = {f"E{n:02}": "equity" for n in range(25)} | {f"F{n:02}": "etf" for n in range(25)}
    found = universe(bars, kinds)
    assert found["ticker"].to_list() == [f"{k}{n:02}" for k in "EF" for n in range(24, 4, -1)]
    assert found["rank"].to_list() == [*range(1, 21)] * 2
    assert found["volume_dollars_millions"][0] == pytest.approx(34.0)


def test_equal_dollars_rank_by_ticker():
    bars = [(ticker, SESSIONS[0], 10, 1000) for ticker in ("B", "A")]
    assert universe(bars, {"A": "etf", "B": "etf"})["ticker"].to_list() == ["A", "B"]
