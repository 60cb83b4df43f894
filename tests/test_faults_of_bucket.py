"""A bucket that answers 503, late or half: writes and reads go on, or fail whole and by name."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from boto3.exceptions import S3UploadFailedError
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.quality.gate import READABLE, Gate
from offtape_assets.storage import seal
from offtape_assets.storage.connection import prepare
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables import features, raw
from tests import small_day
from tests.storage.test_warehouse import BAR, BARS, put
from tests.unwell_bucket import UnwellBucket, always, every, first, unwell_bucket

TUESDAY = date(2024, 11, 5)
TARGET = Partition(BARS, TUESDAY, "SPY")
URL = "s3://offtape/study"
TICKERS = ["AAA", "BBB"]


@pytest.fixture
def unwell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[UnwellBucket]:
    monkeypatch.chdir(tmp_path)  # where Dagster's history of a remote warehouse is kept
    with unwell_bucket() as (state, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield state


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are repeated without a pause."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)


def rows(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """All rows, read as queries do: by DuckDB over HTTP."""
    with duckdb.connect() as connection:
        prepare(connection, warehouse.store)
        return connection.execute(f"select ticker, price from ({warehouse.source_sql(BARS)})").fetchall()  # fmt: skip


def test_a_write_is_repeated_until_the_bucket_takes_it(unwell: UnwellBucket) -> None:
    warehouse = Warehouse(URL)
    unwell.refused = first(3, "PUT")
    put(warehouse, TARGET, BAR)
    assert unwell.faults == 3
    content = warehouse.store.read_bytes(TARGET.file)
    assert content is not None
    assert seal.check(content)


def test_lists_notes_and_deletions_are_repeated(unwell: UnwellBucket) -> None:
    warehouse = Warehouse(URL)
    put(warehouse, TARGET, BAR)
    unwell.refused = first(2, "GET")
    assert warehouse.days(BARS) == [TUESDAY]
    unwell.refused = first(2, "GET")
    assert warehouse.store.read_bytes(TARGET.file)
    unwell.refused = first(2, "DELETE")
    warehouse.store.delete(TARGET.file)
    assert warehouse.store.read_bytes(TARGET.file) is None
    assert unwell.faults == 6


def state(warehouse: Warehouse) -> str:
    found = warehouse.state(TARGET)
    assert found is not None
    return found.status


def rows_judged(warehouse: Warehouse) -> set[int]:
    (passage,) = Gate(warehouse).judge(BARS, {TUESDAY: {TARGET: 1}})
    return {expectation.rows for expectation in passage.expectations}


@pytest.mark.parametrize(
    ("read", "method", "answer"),
    [
        (rows, "GET", [("SPY", Decimal("1.25"))]),
        (state, "GET", "done"),
        (state, "HEAD", "done"),
        (rows_judged, "GET", {1}),
    ],
)
def test_reading_is_repeated_until_the_bucket_answers(
    unwell: UnwellBucket, read: Callable[[Warehouse], object], method: str, answer: object
) -> None:
    warehouse = Warehouse(URL)
    put(warehouse, TARGET, BAR)
    unwell.refused = first(5, method, part="data.parquet")
    assert read(warehouse) == answer
    assert unwell.faults == 5


@pytest.mark.parametrize("read", [state, rows_judged])
@pytest.mark.parametrize("fault", ["refused", "cut"])
def test_an_unwell_bucket_is_not_taken_for_a_damaged_file(
    unwell: UnwellBucket,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    read: Callable[[Warehouse], object],
) -> None:
    monkeypatch.setattr("offtape_assets.storage.connection.ATTEMPTS", 2)
    warehouse = Warehouse(URL)
    put(warehouse, TARGET, BAR)
    setattr(unwell, fault, lambda method, path: "data.parquet" in path)
    with pytest.raises(duckdb.IOException, match=r"data\.parquet"):
        read(warehouse)


def test_a_torn_file_in_a_bucket_is_told_from_an_unwell_bucket(
    unwell: UnwellBucket, tmp_path: Path
) -> None:
    warehouse = Warehouse(URL)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 and no more")
    warehouse.store.put(torn, TARGET.file)
    assert state(warehouse) == "failed"
    (passage,) = Gate(warehouse).judge(BARS, {TUESDAY: {TARGET: 1}})
    assert READABLE in {e.claim for e in passage.expectations if not e.passed}


def test_late_answers_are_waited_for(unwell: UnwellBucket) -> None:
    warehouse = Warehouse(URL)
    unwell.delayed, unwell.seconds = first(3, "PUT", "GET", "HEAD"), 0.7
    put(warehouse, TARGET, BAR)
    unwell.delayed = first(2, "GET", "HEAD")
    assert len(rows(warehouse)) == 1


def test_half_an_answer_is_no_file(unwell: UnwellBucket) -> None:
    warehouse = Warehouse(URL)
    put(warehouse, TARGET, BAR)
    unwell.cut = first(1, "GET", part="data.parquet")
    content = warehouse.store.read_bytes(TARGET.file)
    assert content is not None
    assert seal.check(content)
    assert unwell.faults == 1


def test_a_bucket_that_stays_unwell_keeps_the_old_rows(unwell: UnwellBucket, at_once: None) -> None:
    warehouse = Warehouse(URL)
    put(warehouse, TARGET, BAR, "old")
    unwell.refused = always
    with pytest.raises(S3UploadFailedError, match=r"SlowDown.*reached max retries"):
        put(warehouse, TARGET, f"{BAR} union all {BAR}", "new")
    unwell.recover()
    state = warehouse.state(TARGET)
    assert state is not None
    assert state.fingerprint == "old"
    assert len(rows(warehouse)) == 1


def backfill(landing: Path) -> tuple[int, str]:
    words = ["backfill", "--source", "landing", "--landing", str(landing), "--warehouse", URL]
    words += ["--tickers", ",".join(TICKERS), "--from", str(TUESDAY), "--to", str(TUESDAY)]
    result = CliRunner().invoke(app, [*words, "--select", "features.microstructure_1m"])
    return result.exit_code, f"{result.output}{result.exception or ''}"


def test_a_backfill_goes_through_a_bucket_that_refuses_every_ninth_request(
    unwell: UnwellBucket, at_once: None, tmp_path: Path
) -> None:
    small_day.land(tmp_path, TUESDAY, TICKERS)
    unwell.refused = every(9, "GET", "PUT", "HEAD", "DELETE")
    code, text = backfill(tmp_path)
    assert code == 0, text
    assert unwell.faults > 10
    unwell.recover()
    warehouse = Warehouse(URL)
    for table, count in ((raw.TRADES, 299), (features.MICROSTRUCTURE_1M, 390)):
        for ticker in TICKERS:
            state = warehouse.state(Partition(table, TUESDAY, ticker))
            assert state is not None
            assert state.rows == count
            content = warehouse.store.read_bytes(Partition(table, TUESDAY, ticker).file)
            assert content is not None
            assert seal.check(content)


def test_partitions_refused_for_long_fail_by_name_and_a_rerun_builds_them(
    unwell: UnwellBucket, at_once: None, tmp_path: Path
) -> None:
    small_day.land(tmp_path, TUESDAY, TICKERS)
    guilty = Partition(raw.TRADES, TUESDAY, "BBB")

    def refused(method: str, path: str) -> bool:
        return method == "PUT" and guilty.file in path and "quality" not in path

    unwell.refused = refused
    code, text = backfill(tmp_path)
    assert code == 1
    assert "raw.trades 2024-11-05 BBB" in text.replace("\n", " ")
    assert "SlowDown" in text.replace("\n", "")
    unwell.recover()
    code, text = backfill(tmp_path)
    assert code == 0, text
    state = Warehouse(URL).state(guilty)
    assert state is not None
    assert state.rows == 299
