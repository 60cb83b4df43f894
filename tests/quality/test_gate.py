"""A gate sees all published rows of a date and names the partitions that are guilty."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from offtape_assets.quality import gate as gates
from offtape_assets.quality.data_docs import Entry, write_index, write_page
from offtape_assets.quality.gate import READABLE, Gate, Passage
from offtape_assets.quality.suites import COLUMNS, COUNT
from offtape_assets.storage.claims import UNIQUE
from offtape_assets.storage.warehouse import Lineage, Partition, Warehouse
from offtape_assets.tables import model_options, raw

TUESDAY, MONDAY = date(2024, 11, 5), date(2024, 11, 4)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    return Warehouse(str(tmp_path_factory.mktemp("gate")))


@pytest.fixture(scope="module")
def gate(warehouse: Warehouse) -> Gate:
    return Gate(warehouse)


def write(
    warehouse: Warehouse,
    ticker: str,
    day: date = TUESDAY,
    price: str = "100",
    number: str = "range",
) -> None:
    """Publish ten trades of a ticker; `price` and `number` are SQL over `range`."""
    query = (
        f"select timestamp_ns '{day} 15:00:00' as ts, timestamp_ns '{day} 15:00:00' as participant_ts,"
        f" {number} as sequence_number, {price} as price, 1 as size, 1 as exchange,"
        " []::smallint[] as conditions, 0 as correction, 't' as trade_id from range(10)"
    )
    target, scratch = Partition(raw.TRADES, day, ticker), warehouse.store.scratch()
    with duckdb.connect() as connection:
        lineage = Lineage("r", "c", "s", "f", {}, 10)
        warehouse.publish(warehouse.write(connection, query, target, lineage, scratch), target)


def judge(gate: Gate, warehouse: Warehouse, day: date = TUESDAY) -> tuple[Passage, dict]:
    (passage,) = gate.judge(raw.TRADES, {day: warehouse.rows_written(raw.TRADES, day)})
    violated = {e.claim: (e.violations, e.guilty) for e in passage.expectations if not e.passed}
    return passage, violated


@pytest.fixture(autouse=True)
def good_rows(warehouse: Warehouse) -> None:
    for ticker in ("AAA", "BBB"):
        write(warehouse, ticker)


def test_good_rows_pass_every_expectation(gate: Gate, warehouse: Warehouse) -> None:
    passage, violated = judge(gate, warehouse)
    assert violated == {}
    assert {e.rows for e in passage.expectations} == {20}
    assert {COLUMNS, COUNT, UNIQUE, "price_is_positive"} <= {e.claim for e in passage.expectations}


def test_a_claim_on_a_row_names_its_ticker(gate: Gate, warehouse: Warehouse) -> None:
    write(warehouse, "BBB", price="case when range < 3 then -1 else 100 end")
    _, violated = judge(gate, warehouse)
    assert violated == {"price_is_positive": (3, ("BBB",))}


def test_a_repeated_key_names_its_ticker(gate: Gate, warehouse: Warehouse) -> None:
    write(warehouse, "AAA", number="range // 2")
    _, violated = judge(gate, warehouse)
    assert violated == {UNIQUE: (5, ("AAA",))}


def test_rows_lost_after_writing_are_missed(gate: Gate, warehouse: Warehouse) -> None:
    """A file replaced by one with fewer rows but the same footer."""
    file = warehouse.store.url(Partition(raw.TRADES, TUESDAY, "AAA").file)
    with duckdb.connect() as connection:
        (footer,) = connection.execute(
            "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'offtape'", [file]
        ).fetchone()
        connection.execute(
            f"create table fewer as select * from read_parquet('{file}', hive_partitioning=false) limit 7"
        )
        connection.execute(
            f"copy fewer to '{file}' (format parquet, kv_metadata {{offtape: '{footer}'}})"
        )
    _, violated = judge(gate, warehouse)
    assert violated == {COUNT: (3, ("AAA",))}


def test_a_column_nobody_declared_is_seen(gate: Gate, warehouse: Warehouse) -> None:
    file = warehouse.store.url(Partition(raw.TRADES, TUESDAY, "AAA").file)
    with duckdb.connect() as connection:
        (footer,) = connection.execute(
            "select decode(value) from parquet_kv_metadata(?) where decode(key) = 'offtape'", [file]
        ).fetchone()
        connection.execute(
            f"create table wider as select *, 1 as extra from read_parquet('{file}', hive_partitioning=false)"
        )
        connection.execute(
            f"copy wider to '{file}' (format parquet, kv_metadata {{offtape: '{footer}'}})"
        )
    _, violated = judge(gate, warehouse)
    assert violated == {COLUMNS: (1, ("AAA",))}


def test_a_torn_file_is_guilty_and_the_others_are_judged(gate: Gate, warehouse: Warehouse) -> None:
    file = Path(warehouse.store.url(Partition(raw.TRADES, TUESDAY, "AAA").file))
    file.write_bytes(file.read_bytes()[:200])
    passage, violated = judge(gate, warehouse)
    assert violated[READABLE][1] == ("AAA",)
    assert set(violated) == {READABLE}
    assert {e.rows for e in passage.expectations if e.claim == COUNT} == {10}


def test_dates_are_judged_apart(gate: Gate, warehouse: Warehouse) -> None:
    write(warehouse, "AAA", MONDAY, price="-1")
    assert judge(gate, warehouse, MONDAY)[1] == {"price_is_positive": (10, ("AAA",))}
    assert judge(gate, warehouse, TUESDAY)[1] == {}


def test_good_dates_are_judged_together_and_a_bad_one_parts_them(
    gate: Gate, warehouse: Warehouse
) -> None:
    write(warehouse, "AAA", MONDAY)
    dates = {day: warehouse.rows_written(raw.TRADES, day) for day in (MONDAY, TUESDAY)}
    (together,) = gate.judge(raw.TRADES, dates)
    assert together.is_clean
    assert together.rows == {MONDAY: 10, TUESDAY: 20}
    assert {e.rows for e in together.expectations} == {30}
    assert write_page(warehouse, together).endswith("raw/2024-11-04..2024-11-05/trades.html")

    write(warehouse, "AAA", MONDAY, price="-1")
    monday, tuesday = gate.judge(raw.TRADES, dates)
    assert [e.guilty for e in monday.expectations if not e.passed] == [("AAA",)]
    assert tuesday.is_clean
    assert (monday.label, tuesday.label) == (str(MONDAY), str(TUESDAY))


def test_rows_too_few_on_one_date_and_too_many_on_another_are_seen(
    gate: Gate, warehouse: Warehouse
) -> None:
    write(warehouse, "AAA", MONDAY)
    dates = {day: warehouse.rows_written(raw.TRADES, day) for day in (MONDAY, TUESDAY)}
    for day, error in ((MONDAY, 1), (TUESDAY, -1)):
        dates[day][Partition(raw.TRADES, day, "AAA")] += error
    monday, tuesday = gate.judge(raw.TRADES, dates)
    for passage in (monday, tuesday):
        assert [(e.claim, e.violations) for e in passage.expectations if not e.passed] == [
            (COUNT, 1)
        ]


def write_laws(warehouse: Warehouse, day: date, last: float) -> None:
    """Publish two instants' densities on three strikes; the last distribution ends at `last`."""
    table = model_options.RISK_NEUTRAL_DENSITIES
    query = f"""
        from ({table.empty_select()}) union all by name
        select timestamp '{day} 15:00:00' + interval (instant) minute as ts, date '2024-11-15' as expiry,
            100.0 + point as strike, 0.2 as implied_vol, 0.5 as density,
            case when instant = 1 and point = 2 then {last} else point / 2 end as cdf
        from range(2) instants (instant), range(3) points (point)
    """
    target, scratch = Partition(table, day, "AAA"), warehouse.store.scratch()
    with duckdb.connect() as connection:
        lineage = Lineage("r", "c", "s", "f", {}, 6)
        warehouse.publish(warehouse.write(connection, query, target, lineage, scratch), target)


def test_groups_of_several_dates_are_judged_together_and_found_by_date(
    gate: Gate, warehouse: Warehouse
) -> None:
    table = model_options.RISK_NEUTRAL_DENSITIES
    for day in (MONDAY, TUESDAY):
        write_laws(warehouse, day, 1.0)
    dates = {day: warehouse.rows_written(table, day) for day in (MONDAY, TUESDAY)}
    (together,) = gate.judge(table, dates)
    assert together.is_clean
    write_laws(warehouse, MONDAY, 0.25)
    monday, tuesday = gate.judge(table, dates)
    violated = {e.claim: (e.violations, e.guilty) for e in monday.expectations if not e.passed}
    assert violated == {"cdf_rises": (1, ("AAA",))}
    assert tuesday.is_clean


def test_many_rows_are_judged_date_by_date(
    gate: Gate, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(warehouse, "AAA", MONDAY)
    dates = {day: warehouse.rows_written(raw.TRADES, day) for day in (MONDAY, TUESDAY)}
    monkeypatch.setattr(gates, "ROWS_TOGETHER", 29)
    assert [passage.label for passage in gate.judge(raw.TRADES, dates)] == [
        str(MONDAY),
        str(TUESDAY),
    ]


def test_keys_are_compared_in_parts_where_there_are_many(
    gate: Gate, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gates, "CODES_AT_ONCE", 4)
    assert judge(gate, warehouse)[1] == {}
    write(warehouse, "AAA", number="range // 2")
    assert judge(gate, warehouse)[1] == {UNIQUE: (5, ("AAA",))}


def test_a_page_tells_the_verdict_and_asks_the_network_for_nothing(
    gate: Gate, warehouse: Warehouse
) -> None:
    write(warehouse, "BBB", price="-1")
    key = write_page(warehouse, judge(gate, warehouse)[0])
    page = Path(warehouse.store.url(key)).read_text()
    assert key == "quality/data_docs/raw/2024-11-05/trades.html"
    assert "price_is_positive" in page
    assert "raw.trades 2024-11-05" in page
    assert not [part for part in ("<script", "<img", 'href="http', "@import") if part in page]


def test_the_index_links_every_page_and_opens_on_what_stopped(warehouse: Warehouse) -> None:
    entries = [
        Entry("2024-11-05", "raw", "trades", "raw/2024-11-05/trades.html", 8, 1, 1),
        Entry("2024-11-05", "raw", "quotes", "raw/2024-11-05/quotes.html", 7, 0, 0),
        Entry("2024-11-04", "features", "universe", "features/2024-11-04/u.html", 4, 1, 0),
    ]
    page = Path(warehouse.store.url(write_index(warehouse, entries))).read_text()
    assert 'href="raw/2024-11-05/trades.html"' in page
    assert "2 tables, 1 stopped" in page
    assert "1 tables, 1 with warnings" in page
    assert page.index("trades.html") < page.index("quotes.html")
