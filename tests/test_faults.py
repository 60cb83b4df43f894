"""Killed writers lose nothing, readers never see a torn file, bad files harm only themselves."""

import gzip
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import duckdb
import pytest

from offtape_assets.storage.warehouse import Lineage, Partition, Warehouse
from offtape_assets.tables import raw
from tests import small_day

MONDAY, TUESDAY = date(2024, 11, 4), date(2024, 11, 5)
SELECT = "raw.trades,raw.quotes,features.microstructure_1m"


def offtape(*words: str, warehouse: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "offtape_assets", *words, "--warehouse", str(warehouse)],
        capture_output=True,
        text=True,
        check=False,
    )


def backfill(
    landing: Path, warehouse: Path, tickers: str, first: date = TUESDAY, last: date = TUESDAY
) -> subprocess.CompletedProcess[str]:
    return offtape(
        *("backfill", "--source", "landing", "--landing", str(landing), "--tickers", tickers),
        *("--from", str(first), "--to", str(last), "--select", SELECT),
        warehouse=warehouse,
    )


def count(warehouse: Path, table: str) -> dict[str, int]:
    with duckdb.connect(str(warehouse / "offtape.duckdb"), read_only=True) as connection:
        return dict(
            connection.execute(f"select ticker, count(*) from {table} group by all").fetchall()
        )


def test_a_killed_backfill_keeps_what_was_done_and_completes_on_rerun(tmp_path: Path) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    tickers = [f"T{number:02}" for number in range(12)]
    for day in (MONDAY, TUESDAY):
        small_day.land(landing, day, tickers)
    command = [sys.executable, "-m", "offtape_assets", "backfill", "--source", "landing"]
    command += ["--landing", str(landing), "--tickers", ",".join(tickers), "--select", SELECT]
    command += ["--from", str(MONDAY), "--to", str(TUESDAY), "--warehouse", str(warehouse)]
    process = subprocess.Popen(command, start_new_session=True)
    first = warehouse / Partition(raw.TRADES, TUESDAY, "T00").file
    deadline = time.monotonic() + 120
    while not first.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert first.exists()
    before = {path: path.stat().st_mtime_ns for path in warehouse.rglob("raw/**/data.parquet")}
    for path in before:
        duckdb.sql(f"select count(*) from read_parquet('{path}')").fetchall()

    again = backfill(landing, warehouse, ",".join(tickers), MONDAY, TUESDAY)

    assert again.returncode == 0, again.stderr
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert count(warehouse, "raw.trades") == dict.fromkeys(tickers, 598)
    assert count(warehouse, "features.microstructure_1m") == dict.fromkeys(tickers, 780)
    assert not list((warehouse / ".staging").iterdir())


def test_readers_never_fail_while_four_writers_replace_partitions(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    tickers = [f"T{number}" for number in range(8)]
    failures: list[str] = []

    def write(version: int, ticker: str) -> None:
        scratch = warehouse.store.scratch()
        target = Partition(raw.TRADES, TUESDAY, ticker)
        query = (
            "select make_timestamp_ns(range) as ts, make_timestamp_ns(range) as participant_ts,"
            f" range as sequence_number, {version + 1} as price, 1 as size, 1 as exchange,"
            " []::smallint[] as conditions, 0 as correction, range::varchar as trade_id"
            " from range(20000)"
        )
        with duckdb.connect() as connection:
            connection.execute("set threads = 1")
            file = warehouse.write(
                connection, query, target, Lineage("r", "c", "s", str(version)), scratch
            )
            warehouse.publish(file, target)

    def read(stop: list[bool]) -> int:
        reads = 0
        while not stop:
            with duckdb.connect() as connection:
                try:
                    query = f"select ticker, count(*), count(distinct price) from ({warehouse.source_sql(raw.TRADES)}) group by all"
                    for ticker, rows, versions in connection.execute(query).fetchall():
                        if rows != 20000 or versions != 1:
                            failures.append(f"{ticker}: {rows} rows of {versions} versions")
                except duckdb.Error as error:
                    failures.append(str(error))
            reads += 1
        return reads

    for ticker in tickers:
        write(0, ticker)
    stop: list[bool] = []
    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(read, stop)
        writers = [pool.submit(write, version, t) for version in range(1, 6) for t in tickers]
        for writer in writers:
            writer.result()
        stop.append(True)
        assert reader.result() > 5
    assert failures == []


@pytest.mark.parametrize("fault", ["truncated", "moved header", "not gzip"])
def test_an_unusable_file_fails_by_name_and_other_days_land(tmp_path: Path, fault: str) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    for day in (MONDAY, TUESDAY):
        small_day.land(landing, day, ["AAA", "BBB"])
    file = small_day.path_of(landing, "trades_v1", TUESDAY)
    content = file.read_bytes()
    if fault == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif fault == "not gzip":
        file.write_bytes(b"ticker,price\nAAA,1\n")
    else:
        text = (
            gzip.decompress(content).decode().replace("correction,exchange", "exchange,correction")
        )
        file.write_bytes(gzip.compress(text.encode()))
    result = backfill(landing, warehouse, "AAA,BBB", MONDAY, TUESDAY)
    assert result.returncode == 1
    assert file.name in result.stderr
    assert "Traceback" not in result.stderr
    assert count(warehouse, "raw.trades") == {"AAA": 299, "BBB": 299}
    assert count(warehouse, "raw.quotes") == {"AAA": 598, "BBB": 598}


def test_bad_rows_are_set_aside_and_their_neighbours_land(tmp_path: Path) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    tickers = ["NA", "NULL", "TRUE"]
    small_day.land(landing, TUESDAY, tickers)
    good = [small_day.trade(TUESDAY, t, number) for t in tickers for number in range(1, 50)]
    bad = [
        small_day.trade(TUESDAY, "NULL", 60, "abc"),
        small_day.trade(TUESDAY, "NULL", 61, "-5"),
        small_day.trade(TUESDAY, "NULL", 49),
        small_day.trade(TUESDAY, "TRUE", 0),
    ]
    small_day.write(landing, "trades_v1", TUESDAY, good + bad)
    result = backfill(landing, warehouse, ",".join(tickers))
    assert result.returncode == 0, result.stderr
    assert count(warehouse, "raw.trades") == {"NA": 49, "NULL": 49, "TRUE": 50}
    with duckdb.connect(str(warehouse / "offtape.duckdb"), read_only=True) as connection:
        reasons = dict(
            connection.execute(
                "select reason, count(*) from quality.quarantine"
                " where partition_ticker = 'NULL' group by all"
            ).fetchall()
        )
        ordered = connection.execute(
            "select sequence_number from raw.trades where ticker = 'TRUE'"
        ).fetchall()
    assert reasons.pop("price_is_positive") == 1
    assert reasons.pop("key_is_not_repeated") == 1
    (reason,) = reasons
    assert "abc" in reason
    assert "price" in reason
    assert [number for (number,) in ordered] == list(range(50))


def test_building_a_partition_twice_gives_the_same_rows(tmp_path: Path) -> None:
    landing, warehouse = tmp_path / "landing", tmp_path / "warehouse"
    small_day.land(landing, TUESDAY, ["AAA"])
    backfill(landing, warehouse, "AAA")
    query = "select * exclude (run_id, ts) from (from quality.results) order by all"
    features = "from features.microstructure_1m order by all"
    before = offtape("sql", features, "--format", "csv", warehouse=warehouse).stdout
    verdicts = offtape("sql", query, "--format", "csv", warehouse=warehouse).stdout
    again = offtape(
        *("backfill", "--source", "landing", "--landing", str(landing), "--tickers", "AAA"),
        *("--from", str(TUESDAY), "--to", str(TUESDAY), "--select", SELECT, "--force"),
        warehouse=warehouse,
    )
    assert again.returncode == 0
    assert before.count("\n") == 391
    assert offtape("sql", features, "--format", "csv", warehouse=warehouse).stdout == before
    assert offtape("sql", query, "--format", "csv", warehouse=warehouse).stdout == verdicts
