"""Vendor files written from the simulator and read back as a landing folder: the same rows."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.simulator import dirt
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.sources.simulator.vendor_files import write_landing
from offtape_assets.sources.source import RawRows
from offtape_assets.tables import raw
from offtape_assets.tables.table import Table

DAY = date(2024, 11, 5)
NAMES = ("SHW", "DIA")


@pytest.fixture(scope="module")
def source() -> SimulatorSource:
    return SimulatorSource(message_scale=0.1, market_names=40, chain_minutes=60)


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    write_landing(source, DAY, DAY, NAMES, folder)
    return folder


def rows_of(delivery: RawRows, table: Table) -> pl.DataFrame:
    """Rows as declared, whatever types the source delivered them in."""
    rows = (
        delivery.rows if isinstance(delivery.rows, pl.DataFrame) else pl.read_parquet(delivery.rows)
    )
    order = [name for name in table.sort_columns if name in rows.columns] or rows.columns[:1]
    cast = (
        duckdb.connect().register("rows", rows).sql(f"select {table.select_list()} from rows").pl()
    )
    return cast.sort([*order, *(c for c in cast.columns if cast.schema[c] != pl.List(pl.Int16))])


@pytest.mark.parametrize(
    ("table", "ticker"),
    [
        (raw.TRADES, "SHW"),
        (raw.QUOTES, "DIA"),
        (raw.OPTION_QUOTES, "SHW"),
        (raw.OPEN_INTEREST, "SHW"),
        (raw.ETF_BASKETS, ""),
        (raw.MINUTE_BARS, ""),
        (raw.DAILY_BARS, ""),
        (raw.TREASURY_BILLS, ""),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_landing_folder_gives_back_the_rows(source, folder, table, ticker, tmp_path):
    wanted = [ticker] if ticker else NAMES
    made = next(iter(source.read(table, DAY, wanted, tmp_path)))
    read = {d.ticker: d for d in LandingSource(folder).read(table, DAY, wanted, tmp_path)}[ticker]
    mine, theirs = rows_of(made, table), rows_of(read, table)
    if table is raw.TRADES:
        unreadable = dirt.counts(source.world, DAY, ticker, "trades")["conditions_are_known_lists"]
        assert read.rejects.height == unreadable
        mine = mine.filter(pl.col("conditions").is_not_null())
    if table is raw.OPTION_QUOTES:
        mine, theirs = mine.drop("underlying_price"), theirs.drop("underlying_price")
    if table is raw.TREASURY_BILLS:
        assert theirs["rate"].to_list() == pytest.approx(mine["rate"].to_list(), abs=1e-8)
        return
    assert theirs.height == mine.height
    assert theirs.equals(mine)


@pytest.mark.parametrize(
    "table",
    [raw.CRYPTO_BARS, raw.VOLATILITY_INDEX, raw.PREDICTION_PRICES, raw.PREDICTION_MARKETS],
    ids=lambda table: table.name,
)
def test_coins_and_contracts_read_back(source, folder, table, tmp_path):
    for day in (date(2024, 10, 29), DAY) if table.name.endswith(("bars", "index")) else (DAY,):
        made, read = (
            rows_of(next(iter(origin.read(table, day, (), tmp_path))), table)
            for origin in (source, LandingSource(folder))
        )
        same = [name for name in made.columns if name not in ("venue", "question")]
        assert made.height > 0
        assert read.select(same).equals(made.select(same))


def test_event_reports_give_back_the_trades(source, folder, tmp_path):
    made = next(iter(source.read(raw.KALSHI_TRADES, DAY, [], tmp_path))).rows
    path = folder / "kalshi" / "reporting" / f"trade_data_{DAY}.json"
    read = duckdb.sql(f"select * from read_json('{path}')").pl()
    assert read.height == made.height
    assert read["price"].to_list() == (made["price"].cast(pl.Float64) * 100).round().to_list()


def test_the_universe_can_be_formed_from_the_folder(folder):
    bars = sorted((folder / "massive" / "us_stocks_sip" / "day_aggs_v1").rglob("*.csv.gz"))
    assert len(bars) == 21


def test_dates_in_the_wrong_order_are_refused(source, tmp_path):
    with pytest.raises(ValueError, match="must not be before first"):
        write_landing(source, DAY, date(2024, 11, 4), NAMES, tmp_path)


def test_the_command_writes_a_folder(tmp_path):
    days = ["--from", DAY.isoformat(), "--to", DAY.isoformat()]
    command = ["simulate", *days, "--tickers", "DIA", "--out", str(tmp_path / "landing")]
    finished = CliRunner().invoke(app, command)
    assert finished.exit_code == 0, finished.output
    flat_files = tmp_path / "landing" / "massive" / "us_stocks_sip"
    assert (flat_files / "trades_v1" / "2024" / "11" / f"{DAY}.csv.gz").stat().st_size > 10_000
    backwards = ["simulate", "--from", "2024-11-05", "--to", "2024-11-04", "--out", str(tmp_path)]
    assert CliRunner().invoke(app, backwards).exit_code == 2
