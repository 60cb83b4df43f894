"""mart.event_timeline: one row a minute and name, and nothing known before its time."""

from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest

from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.storage.sql import views
from offtape_assets.tables import features, model_event
from offtape_assets.tables.registry import SCHEMAS

OPEN = datetime(2024, 11, 5, 14, 30)
MINUTES = 5


def minute(number: int, seconds: float = 0.0) -> datetime:
    return OPEN + timedelta(minutes=number, seconds=seconds)


def fill(connection: duckdb.DuckDBPyConnection, table, rows: list[dict]) -> None:
    names = list(rows[0])
    marks = ", ".join("?" for _ in names)
    connection.executemany(
        f"insert into {table.full_name} ({', '.join(names)}) values ({marks})",
        [[row[name] for name in names] for row in rows],
    )


def trade(at: datetime, probability: float, z: float = 0.5) -> dict:
    return {
        "date": "2024-11-05", "ts": at, "method": "continuous", "probability": probability,
        "probability_low": probability - 0.01, "probability_high": probability + 0.01,
        "contracts_traded": 10, "standardized_innovation": z,
    }  # fmt: skip


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    """Five minutes of forty names; the event trades in the first, the second and the fourth."""
    connection = duckdb.connect()
    for schema in SCHEMAS:
        connection.execute(f"create schema {schema}")
    tables = (
        model_event.KALSHI_PROBABILITIES,
        model_event.EVENT_CLOCKS,
        features.MICROSTRUCTURE_1M,
    )
    for table in tables:
        connection.execute(f"create table {table.full_name} as {table.empty_select()}")
    trades = [
        trade(minute(0, 10), 0.50),
        trade(minute(1, 0), 0.60, -2.5),  # at the boundary: the minute that begins with it
        trade(minute(1, 40), 0.62),
        trade(minute(3, 59.9), 0.58),
    ]
    seed = [row | {"method": "seed", "probability": 0.1} for row in trades]
    fill(connection, model_event.KALSHI_PROBABILITIES, trades + seed)
    clocks = [
        {"date": "2024-11-05", "ts": minute(k), "method": method, "clock_rate": 1e-5 * k}
        for k in range(1, MINUTES + 1)
        for method in ("bipower", "local_variance", "digital", "taleb")
    ]
    fill(connection, model_event.EVENT_CLOCKS, clocks)
    moves = [
        {"date": "2024-11-05", "ticker": name, "bucket": minute(k), "last_mid": 100.0 + k}
        for k in range(1, MINUTES + 1)
        for name in STUDY_TICKERS
    ]
    fill(connection, features.MICROSTRUCTURE_1M, moves)
    connection.execute(f"create view mart.event_timeline as {views('mart')['event_timeline']}")
    return connection


def test_every_minute_has_each_name_once(connection):
    counts = connection.execute(
        "select bucket, count(*), count(distinct ticker) from mart.event_timeline group by bucket"
    ).fetchall()
    assert sorted(counts) == [(minute(k), 40, 40) for k in range(1, MINUTES + 1)]


def test_a_name_without_a_quote_keeps_its_row(connection):
    paused = "update features.microstructure_1m set last_mid = null where ticker = 'SPY'"
    connection.execute(f"{paused} and bucket = ?", [minute(3)])
    found = connection.execute(
        "select last_mid, return_bp from mart.event_timeline where ticker = 'SPY' order by bucket"
    ).fetchall()
    assert [row[0] for row in found] == [101.0, 102.0, None, 104.0, 105.0]
    assert found[2][1] is None
    assert found[3][1] == pytest.approx(1e4 * np.log(104 / 102))  # over the pause


def test_the_probability_is_the_last_before_the_minute_ends(connection):
    found = connection.execute(
        "select distinct bucket, probability, event_trades, regime, clock_rate"
        " from mart.event_timeline order by bucket"
    ).fetchall()
    assert [row[1] for row in found] == [0.50, 0.62, 0.62, 0.58, 0.58]
    assert [row[2] for row in found] == [1, 2, 0, 1, 0]
    assert [row[3] for row in found] == ["baseline", "high", None, "baseline", None]
    assert [row[4] for row in found] == pytest.approx([1e-5 * k for k in range(1, 6)])
    changes = connection.execute(
        "select probability_change from mart.event_timeline where ticker = 'SPY' order by bucket"
    ).fetchall()
    assert changes[0] == (None,)
    assert [row[0] for row in changes[1:]] == pytest.approx([0.12, 0.0, -0.04, 0.0])


def test_a_later_trade_changes_no_earlier_minute(connection):
    text = "from mart.event_timeline where bucket <= ? order by bucket, ticker"
    before = connection.execute(text, [minute(4)]).fetchall()
    fill(connection, model_event.KALSHI_PROBABILITIES, [trade(minute(4), 0.9, 9.0)])
    assert connection.execute(text, [minute(4)]).fetchall() == before
    last = "select distinct probability from mart.event_timeline where bucket = ?"
    assert connection.execute(last, [minute(5)]).fetchall() == [(0.9,)]
