"""Bad rows are set aside with a reason, none is lost, and NULL is a violation."""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.storage.claims import judge, set_aside, verdicts_of_arrival
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.table import Claim, Column, Partitions, Table

DAY = date(2024, 11, 5)
TICKS = Table(
    "raw",
    "ticks",
    "one tick",
    (Column("number", "BIGINT", "", "key"), Column("price", "DOUBLE", "USD", "price")),
    Partitions.DAY_AND_TICKER,
    key=("number",),
    claims=(Claim("price_is_positive", "price > 0", "law", quarantines=True),),
)
JUDGED = Table(
    "features",
    "ticks",
    "one tick",
    TICKS.columns,
    Partitions.DAY_AND_TICKER,
    key=("number",),
    claims=(Claim("price_is_positive", "price > 0", "law"),),
)
TARGET = Partition(TICKS, DAY, "SPY")
PRICES = st.one_of(st.none(), st.floats(-2, 2))


@given(st.lists(st.tuples(st.integers(0, 5), PRICES), max_size=30))
@settings(deadline=None, max_examples=40)
def test_every_row_is_kept_once_or_set_aside_with_a_reason(rows: list[tuple[int, float]]) -> None:
    frame = pl.DataFrame(
        rows, schema={"number": pl.Int64, "price": pl.Float64}, orient="row", strict=False
    )
    with duckdb.connect() as connection:
        connection.register("given", frame.to_arrow())
        query, arrived, aside = set_aside(connection, "select * from given", TARGET)
        kept = connection.execute(f"select number, price from ({query})").fetchall()
    good = [(number, price) for number, price in rows if price is not None and price > 0]
    assert arrived == len(rows) == len(kept) + aside.height
    assert all(price > 0 for _, price in kept)
    assert len({number for number, _ in kept}) == len(kept)
    assert set(kept) <= set(good)
    assert {number for number, _ in kept} == _first_good_numbers(rows)
    assert set(aside["reason"]) <= {"price_is_positive", "key_is_not_repeated"}


def _first_good_numbers(rows: list[tuple[int, float]]) -> set[int]:
    """A key is kept when its first row is good; later rows of the key are repeats."""
    first: dict[int, float] = {}
    for number, price in rows:
        first.setdefault(number, price)
    return {number for number, price in first.items() if price is not None and price > 0}


def test_null_violates_a_claim(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pl.DataFrame({"number": [1, 2, 2], "price": [1.0, None, -1.0]}).write_parquet(file)
    with duckdb.connect() as connection:
        verdicts = judge(connection, file, Partition(JUDGED, DAY, "SPY"))
    assert {verdict.claim: verdict.violations for verdict in verdicts} == {
        "key_is_unique": 1,
        "price_is_positive": 2,
    }


@given(st.lists(st.integers(0, 5), max_size=12))
@settings(deadline=None, max_examples=40)
def test_a_key_is_found_repeated_in_files_of_any_order(numbers: list[int]) -> None:
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = Path(folder) / "rows.parquet"
        frame = pl.DataFrame({"number": numbers}, schema={"number": pl.Int64})
        frame.with_columns(price=pl.lit(1.0)).write_parquet(file)
        unique, _ = judge(connection, file, Partition(JUDGED, DAY, "SPY"))
    assert unique.violations == len(numbers) - len(set(numbers))


def test_a_lost_row_is_a_blocking_violation() -> None:
    nothing = pl.DataFrame(schema={"reason": pl.String, "row_json": pl.String})
    verdicts = verdicts_of_arrival(TICKS, arrived=10, stored=9, bad=nothing, rejects=nothing)
    lost = {verdict.claim: verdict for verdict in verdicts}["rows_in_are_kept_or_set_aside"]
    assert lost.violations == 1
    assert lost.is_blocking


def test_a_file_of_mostly_bad_rows_is_refused() -> None:
    bad = pl.DataFrame({"reason": ["price_is_positive"] * 6, "row_json": ["{}"] * 6})
    nothing = bad.clear()
    verdicts = verdicts_of_arrival(TICKS, arrived=10, stored=4, bad=bad, rejects=nothing)
    mostly = {verdict.claim: verdict for verdict in verdicts}["most_rows_are_kept"]
    assert not mostly.passed
    assert mostly.is_blocking
