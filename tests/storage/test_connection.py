"""Whether rows are in order is told in one pass, over chunks, files and missing values."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.storage.connection import ascends, only_row, prepare
from offtape_assets.storage.store import LocalStore

NUMBERS = st.one_of(st.none(), st.integers(0, 3))
PAIRS = st.lists(st.tuples(NUMBERS, NUMBERS), max_size=6)


def test_cursors_of_a_prepared_connection_are_prepared(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("set global timezone = 'America/New_York'")
        prepare(connection, LocalStore(str(tmp_path)))
        with connection.cursor() as cursor:
            assert only_row(cursor, "select current_setting('timezone')") == ("UTC",)


def order(pair: tuple[int | None, ...]) -> list[tuple[bool, int]]:
    return [(value is None, value or 0) for value in pair]


@given(PAIRS, st.booleans())
@settings(deadline=None, max_examples=200)
def test_order_is_that_of_sorting(
    pairs: list[tuple[int | None, int | None]], is_sorted: bool
) -> None:
    if is_sorted:
        pairs = sorted(pairs, key=order)
    with duckdb.connect() as connection:
        connection.execute("create table t (a integer, b integer)")
        for pair in pairs:
            connection.execute("insert into t values (?, ?)", pair)
        assert ascends(connection, "t", ["a", "b"]) == (pairs == sorted(pairs, key=order))
        assert ascends(connection, "t", ["a", "b"], strictly=True) == (
            pairs == sorted(set(pairs), key=order)
        )
        firsts = [(a,) for a, _ in pairs]
        assert ascends(connection, "t", ["a"]) == (firsts == sorted(firsts, key=order))


@pytest.mark.parametrize("at", [2_048, 122_880, 250_000, 299_999])
def test_one_row_out_of_order_is_found_wherever_it_is(tmp_path: Path, at: int) -> None:
    number = f"case range when {at} then {at} - 1 else range end as number"
    files = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    with duckdb.connect() as connection:
        for file, begin in zip(files, (0, 250_000), strict=True):
            rows = f"range({begin}, {begin + 250_000})"
            connection.execute(f"copy (select {number} from {rows}) to '{file}'")
        both = f"read_parquet(['{files[0]}', '{files[1]}'])"
        turned = f"read_parquet(['{files[1]}', '{files[0]}'])"
        assert ascends(connection, both, ["number"])
        assert not ascends(connection, both, ["number"], strictly=True)
        assert not ascends(connection, turned, ["number"])
