"""Partitions are replaced whole, read with the declared types, and know how they were made."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from offtape_assets.storage.catalog import build_catalog, open_catalog
from offtape_assets.storage.warehouse import Lineage, Partition, Warehouse
from offtape_assets.tables import features, raw
from offtape_assets.tables.table import Column, Partitions, Table

DAY = date(2024, 11, 5)
BARS = Table(
    "raw",
    "test_bars",
    "one bar",
    (Column("ts", "TIMESTAMP_NS", "UTC", "start"), Column("price", "DECIMAL(18,6)", "USD", "last")),
    Partitions.DAY_AND_TICKER,
    key=("ts",),
)


def put(warehouse: Warehouse, partition: Partition, query: str, fingerprint: str = "f") -> None:
    lineage = Lineage("run", "code", "test", fingerprint, {"in": "put"}, 1)
    with duckdb.connect() as connection:
        scratch = warehouse.store.scratch()
        file = warehouse.write(connection, query, partition, lineage, scratch)
        warehouse.publish(file, partition)


def rows(warehouse: Warehouse, table: Table) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(warehouse.source_sql(table) + " order by all").fetchall()


BAR = "select make_timestamp_ns(1730817000000000001) as ts, 1.25 as price"


@pytest.mark.parametrize("ticker", ["NULL", "NA", "TRUE", "007", "BRK.B", "BApA", "A B", "50%"])
def test_a_ticker_survives_its_path(tmp_path: Path, ticker: str) -> None:
    warehouse = Warehouse(str(tmp_path))
    put(warehouse, Partition(BARS, DAY, ticker), BAR)
    with duckdb.connect() as connection:
        query = f"select date, ticker, epoch_ns(ts), price from ({warehouse.source_sql(BARS)})"
        found = connection.execute(query).fetchall()
    assert [(day, name, ns, str(price)) for day, name, ns, price in found] == [
        (DAY, ticker, 1730817000000000001, "1.250000")
    ]
    assert warehouse.state(Partition(BARS, DAY, ticker)) is not None


@pytest.mark.parametrize("numbers", [[], [3], [1, 2, 3], [1, 1, 2], [3, 1, 2], [2, 1, 1]])
def test_rows_are_stored_in_the_declared_order(tmp_path: Path, numbers: list[int]) -> None:
    warehouse, target = Warehouse(str(tmp_path)), Partition(BARS, DAY, "SPY")
    given = f"unnest({numbers}::bigint[]) as number"
    put(
        warehouse,
        target,
        f"select make_timestamp_ns(number) as ts, number as price from (select {given})",
    )
    with duckdb.connect() as connection:
        url = warehouse.store.url(target.file)
        found = connection.execute(f"select price::integer from read_parquet('{url}')").fetchall()
    assert [number for (number,) in found] == sorted(numbers)


def test_a_second_write_replaces_the_first(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    target = Partition(BARS, DAY, "SPY")
    put(warehouse, target, f"{BAR} union all {BAR}", "old")
    put(warehouse, target, BAR, "new")
    state = warehouse.state(target)
    assert state is not None
    assert (state.status, state.fingerprint, state.inputs) == ("done", "new", {"in": "put"})
    assert len(rows(warehouse, BARS)) == 1


def test_a_column_declared_later_is_null_in_older_files(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    put(warehouse, Partition(BARS, DAY, "SPY"), BAR)
    wider = Table(
        BARS.schema,
        BARS.name,
        BARS.grain,
        (*BARS.columns, Column("volume", "DOUBLE", "shares", "volume")),
        BARS.partitions,
        BARS.key,
    )
    put(warehouse, Partition(wider, DAY, "QQQ"), f"select *, 7.0 as volume from ({BAR})")
    assert [(row[1], row[-1]) for row in rows(warehouse, wider)] == [("QQQ", 7.0), ("SPY", None)]


def test_a_missing_column_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(duckdb.BinderException, match="price"):
        put(Warehouse(str(tmp_path)), Partition(BARS, DAY, "SPY"), "select now() as ts")


def test_a_note_tells_of_failure_until_rows_come(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    target = Partition(BARS, DAY, "SPY")
    warehouse.note(target, "failed", "because", warehouse.store.scratch())
    state = warehouse.state(target)
    assert state is not None
    assert (state.status, state.reason) == ("failed", "because")
    put(warehouse, target, BAR)
    state = warehouse.state(target)
    assert state is not None
    assert state.status == "done"


def test_a_corrupt_file_is_a_failed_partition_and_others_are_read(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    for ticker in ("SPY", "QQQ"):
        put(warehouse, Partition(BARS, DAY, ticker), BAR)
    (tmp_path / Partition(BARS, DAY, "QQQ").file).write_bytes(b"PAR1 torn")
    states = warehouse.states([BARS], DAY)
    assert states[Partition(BARS, DAY, "SPY")].status == "done"
    assert states[Partition(BARS, DAY, "QQQ")].status == "failed"


def test_scratch_files_are_in_no_view(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    put(warehouse, Partition(BARS, DAY, "SPY"), BAR)
    stray = warehouse.store.scratch() / "data.parquet"
    pl.DataFrame({"ts": [1]}).write_parquet(stray)
    assert len(rows(warehouse, BARS)) == 1


def test_an_empty_warehouse_has_empty_views_of_the_declared_columns(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    build_catalog(warehouse)
    with open_catalog(warehouse) as connection:
        for table in (raw.TRADES, raw.DAILY_BARS, features.MICROSTRUCTURE_1M):
            found = connection.execute(f"describe {table.full_name}").fetchall()
            declared = [(column.name, column.dtype) for column in table.all_columns]
            assert [(name, dtype) for name, dtype, *_ in found] == declared
            assert connection.execute(f"from {table.full_name}").fetchall() == []


def test_the_catalog_survives_a_move_after_rebuilding(tmp_path: Path) -> None:
    first = Warehouse(str(tmp_path / "here"))
    bar = (
        "select 'SPY' as ticker, now() as ts, 1 as open, 1 as high, 1 as low, 1 as close,"
        " 5 as volume"
    )
    put(first, Partition(raw.DAILY_BARS, DAY), bar)
    build_catalog(first)
    (tmp_path / "here").rename(tmp_path / "there")
    moved = Warehouse(str(tmp_path / "there"))
    build_catalog(moved)
    with open_catalog(moved) as connection:
        found = connection.execute("select ticker, volume::int from raw.daily_bars").fetchall()
    assert found == [("SPY", 5)]


def test_comments_and_dictionary_come_from_the_declarations(tmp_path: Path) -> None:
    warehouse = Warehouse(str(tmp_path))
    build_catalog(warehouse)
    with open_catalog(warehouse) as connection:
        comment = connection.execute(
            "select comment from duckdb_columns() where schema_name = 'raw'"
            " and table_name = 'trades' and column_name = 'size'"
        ).fetchone()
        meaning = connection.execute(
            "select dtype, unit from mart.data_dictionary"
            " where (schema_name, table_name, column_name) = ('raw', 'trades', 'size')"
        ).fetchone()
    assert comment is not None
    assert "shares" in comment[0]
    assert meaning == ("DECIMAL(18,6)", "shares")
