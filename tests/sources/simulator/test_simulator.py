"""The source as a whole: same seed same rows, whoever asks; dirt where it was planted."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from offtape_assets.sources.simulator import dirt
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw, truth
from offtape_assets.tables.registry import stored_tables
from offtape_assets.tables.table import Table
from tests.sources.simulator.digest import market_digest

DAY = date(2024, 11, 5)
SUNDAY = date(2024, 11, 3)
DIGEST = "0d0cb668d667b40679d388b9ac6d4b7e3424f06796ab25343e46690fe0d9dd8b"
NAMES = ("SHW", "XLU", "DIA", "GOOG")


CONTRACT_TABLES = ("prediction_prices", "volatility_index", "crypto_bars")
"""Delivered as floating point, which the store casts."""
ANSWERED = [
    table
    for table in stored_tables()
    if table.schema in ("raw", "truth")
    and table.name not in CONTRACT_TABLES
    and SimulatorSource().fingerprint(table, DAY, "SHW")
]


@pytest.fixture(scope="module")
def source() -> SimulatorSource:
    return SimulatorSource(message_scale=0.3, market_names=60)


def frames(source: SimulatorSource, table: Table, tickers: tuple[str, ...], scratch: Path):
    return {
        rows.ticker: pl.read_parquet(rows.rows) if isinstance(rows.rows, Path) else rows.rows
        for rows in source.read(table, DAY, tickers, scratch)
    }


@pytest.mark.parametrize("table", [raw.TRADES, raw.QUOTES], ids=lambda t: t.name)
def test_rows_do_not_depend_on_company_order_or_workers(source, table, tmp_path):
    together = frames(source, table, NAMES, tmp_path)
    other = SimulatorSource(message_scale=0.3, market_names=60, workers=3)
    alone = frames(other, table, (NAMES[2],), tmp_path)
    backwards = frames(other, table, NAMES[::-1], tmp_path)
    assert together[NAMES[2]].equals(alone[NAMES[2]])
    assert all(together[name].equals(backwards[name]) for name in NAMES)


def test_seed_date_and_name_each_change_the_rows(source, tmp_path):
    first = frames(source, raw.TRADES, NAMES, tmp_path)
    other = frames(SimulatorSource(seed=7, message_scale=0.3), raw.TRADES, NAMES[:1], tmp_path)
    assert not first["SHW"].equals(other["SHW"])
    assert source.fingerprint(raw.TRADES, DAY, "SHW") != source.fingerprint(raw.TRADES, DAY, "XLU")
    again = SimulatorSource(message_scale=0.3, market_names=60, workers=2)
    assert source.fingerprint(raw.TRADES, DAY, "SHW") == again.fingerprint(raw.TRADES, DAY, "SHW")


def test_files_and_frames_hold_the_same_rows(source, tmp_path, monkeypatch):
    in_memory = frames(source, raw.QUOTES, NAMES[:1], tmp_path)["SHW"]
    monkeypatch.setattr("offtape_assets.sources.simulator.tape_rows.ROWS_IN_MEMORY", 10)
    through_a_file = frames(source, raw.QUOTES, NAMES[:1], tmp_path)["SHW"]
    assert in_memory.equals(through_a_file)


def test_closed_days_have_no_rows_but_the_event_goes_on(source, tmp_path):
    assert source.fingerprint(raw.TRADES, SUNDAY, "SHW") is None
    assert list(source.read(raw.TRADES, SUNDAY, NAMES, tmp_path)) == []
    assert source.fingerprint(truth.EVENT_PATH, SUNDAY) is not None
    assert source.fingerprint(truth.EVENT_PATH, date(2025, 1, 6)) is None


@pytest.mark.parametrize("table", ANSWERED, ids=lambda table: table.full_name)
def test_columns_are_those_declared(source, table, tmp_path):
    rows = next(iter(frames(source, table, NAMES, tmp_path).values()))
    assert rows.columns == [column.name for column in table.columns]
    relation = duckdb.sql(f"select {table.select_list()} from rows")
    stored = duckdb.sql("select * from rows")
    assert [str(kind) for kind in relation.types] == [str(kind) for kind in stored.types]


@pytest.mark.parametrize("table", [raw.TRADES, raw.QUOTES, raw.MINUTE_BARS], ids=lambda t: t.name)
def test_claims_catch_exactly_the_planted_dirt(source, table, tmp_path):
    for ticker, rows in frames(source, table, ("DJT",), tmp_path).items():
        judged = rows.with_columns(pl.lit(DAY).alias("date"))
        database = duckdb.connect().register("judged", judged)
        guilty = {
            claim.name: database.sql(
                f"select count(*) from judged where ({claim.predicate}) is not true"
            ).fetchone()[0]
            for claim in table.claims
            if claim.quarantines
        }
        guilty["key_is_not_repeated"] = len(judged) - judged.select(table.key).n_unique()
        planted = dirt.counts(source.world, DAY, ticker or "DJT", table.name)
        assert {reason: guilty.get(reason, 0) for reason in planted} == planted
        assert sum(guilty.values()) == sum(planted.values())


def test_rows_change_only_with_the_version():
    """The bytes themselves, as any machine must make them; raise VERSION when they change."""
    assert market_digest() == DIGEST


@pytest.mark.slow
def test_an_older_processor_makes_the_same_bytes(tmp_path):
    """numpy without its wide vector loops, numba for a plain x86-64."""
    older = os.environ | {
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "OPENBLAS_CORETYPE": "Nehalem",
    }
    command = [sys.executable, "-m", "tests.sources.simulator.digest"]
    done = subprocess.run(command, env=older, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == DIGEST


@pytest.mark.parametrize(
    ("world", "day"),
    [
        ("reversed", DAY),
        ("null", date(2024, 11, 6)),
        ("constant", date(2024, 11, 7)),
        ("standard", date(2024, 11, 29)),
        ("standard", date(2021, 10, 7)),
        ("standard", date(2025, 3, 7)),
    ],
    ids=str,
)
def test_every_table_answers_in_every_world_and_on_odd_days(world, day, tmp_path):
    market = SimulatorSource(world=world, message_scale=0.05, market_names=40, chain_minutes=60)
    answered = set()
    for table in ANSWERED:
        if market.fingerprint(table, day, "TQQQ") is None:
            continue
        for rows in market.read(table, day, ("TQQQ", "KRE"), tmp_path):
            height = rows.rows.height if isinstance(rows.rows, pl.DataFrame) else 1
            assert height > 0 or table in (raw.ETF_BASKETS, truth.FACTOR_LAWS)
            answered.add(table.full_name)
    without_event = {"raw.kalshi_trades", "truth.event_path"}
    assert answered >= {table.full_name for table in ANSWERED} - without_event


def test_prices_continue_from_one_session_to_the_next(source):
    """The last value of a day and the first of the next differ by the night's gap alone."""
    today, tomorrow = (source.session(day) for day in (DAY, date(2024, 11, 6)))
    quiet = source.session(date(2024, 10, 15)), source.session(date(2024, 10, 16))
    for ticker in ("NVDA", "SPY", "SQQQ", "LQD", "GOOG"):
        overnight = [
            np.log(after.price(ticker)[0] / before.price(ticker)[-1])
            for before, after in (quiet, (today, tomorrow))
        ]
        assert abs(overnight[0]) < 0.06
        assert abs(overnight[1]) < 0.25
