"""Daily reports with every trap of the layout: all trades kept exactly, or an error with a remedy."""

import gzip
import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from offtape_assets.sources.landing.kalshi import DailyReportReader
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)


def record(**changes: object) -> dict[str, object]:
    return {
        "ticker_name": "PRES-2024-DJT",
        "report_ticker": "PRES",
        "date": "2024-11-05",
        "create_ts": "2024-11-05T14:30:00.123456Z",
        "contracts_traded": 10,
        "price": 57,
    } | changes


def put(folder: Path, records: object, suffix: str = ".json") -> Path:
    file = folder / "kalshi" / "reporting" / f"trade_data_{DAY}{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = records if isinstance(records, bytes) else json.dumps(records).encode()
    file.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    return file


def read(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    source = LandingSource(folder)
    (delivery,) = source.read(raw.KALSHI_TRADES, DAY, ["SPY"], folder)
    assert delivery.ticker == ""
    return pl.read_parquet(delivery.rows), delivery.rejects


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_trade_keeps_every_field_exactly(tmp_path: Path, suffix: str) -> None:
    put(tmp_path, [record()], suffix)
    rows, rejects = read(tmp_path)
    assert rows.columns == [column.name for column in raw.KALSHI_TRADES.columns]
    stamp = datetime(2024, 11, 5, 14, 30, 0, 123456)
    assert rows.row(0) == (stamp, "PRES-2024-DJT", Decimal(10), Decimal("0.57"))
    assert rejects.is_empty()


@pytest.mark.parametrize(
    ("price", "expected"),
    [(1, "0.01"), ("99", "0.99"), ("57.25", "0.5725"), (0, "0"), (100, "1"), ("5.0000", "0.05")],
)
def test_cents_come_as_numbers_strings_or_fractions(
    tmp_path: Path, price: object, expected: str
) -> None:
    put(tmp_path, [record(price=price)])
    rows, _ = read(tmp_path)
    assert rows["price"][0] == Decimal(expected)


def test_contracts_come_as_numbers_strings_or_fractions(tmp_path: Path) -> None:
    put(tmp_path, [record(contracts_traded=value) for value in (7, "7", "57.51", 7.0)])
    rows, _ = read(tmp_path)
    assert rows["contracts_traded"].to_list() == [
        Decimal(7),
        Decimal(7),
        Decimal("57.51"),
        Decimal(7),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2024-11-05T14:30:00Z",
        "2024-11-05T14:30:00+00:00",
        "2024-11-05 14:30:00",
        "2024-11-05T09:30:00-05:00",
        "2024-11-05T14:30:00.00000Z",
    ],
)
def test_instants_with_any_offset_are_utc_and_without_are_utc(tmp_path: Path, text: str) -> None:
    put(tmp_path, [record(create_ts=text)])
    rows, _ = read(tmp_path)
    assert rows["ts"][0] == datetime(2024, 11, 5, 14, 30)


def test_identical_records_are_different_trades(tmp_path: Path) -> None:
    put(tmp_path, [record()] * 5)
    rows, _ = read(tmp_path)
    assert rows.height == 5


def test_the_order_of_the_file_is_kept(tmp_path: Path) -> None:
    put(tmp_path, [record(price=price) for price in range(1, 90)])
    rows, _ = read(tmp_path)
    assert rows["price"].to_list() == [Decimal(price) / 100 for price in range(1, 90)]


def test_all_markets_and_unknown_fields_are_read(tmp_path: Path) -> None:
    put(tmp_path, [record(), record(ticker_name="OTHER", trade_id="x", taker="yes")])
    rows, _ = read(tmp_path)
    assert rows["contract"].to_list() == ["PRES-2024-DJT", "OTHER"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"create_ts": "yesterday"}, "create_ts is not an instant"),
        ({"contracts_traded": "many"}, "contracts_traded is not a number"),
        ({"price": None}, "price is not a number"),
        ({"ticker_name": None}, "ticker_name is missing"),
    ],
)
def test_unreadable_records_come_apart_with_the_reason(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    put(tmp_path, [record(), record(**change)])
    rows, rejects = read(tmp_path)
    assert rows.height == 1
    assert rejects["reason"].to_list() == [reason]
    assert json.loads(rejects["row_json"][0])["report_ticker"] == "PRES"


def test_a_day_without_trades_is_an_empty_table(tmp_path: Path) -> None:
    put(tmp_path, [])
    rows, rejects = read(tmp_path)
    assert (rows.height, rejects.height) == (0, 0)


def test_a_missing_day_is_absent(tmp_path: Path) -> None:
    source = LandingSource(tmp_path)
    assert source.fingerprint(raw.KALSHI_TRADES, DAY) is None
    assert list(source.read(raw.KALSHI_TRADES, DAY, [], tmp_path)) == []


def test_a_rewritten_report_has_another_fingerprint(tmp_path: Path) -> None:
    put(tmp_path, [record()])
    before = LandingSource(tmp_path).fingerprint(raw.KALSHI_TRADES, DAY)
    put(tmp_path, [record(), record()])
    assert LandingSource(tmp_path).fingerprint(raw.KALSHI_TRADES, DAY) != before


def test_the_gzipped_report_wins(tmp_path: Path) -> None:
    put(tmp_path, [record()])
    file = put(tmp_path, [record(), record()], ".json.gz")
    assert DailyReportReader(tmp_path).files(DAY) == [file]


@pytest.mark.parametrize(
    "text",
    [b"", b'{"a": 1}', b"<html>404</html>", json.dumps([record()] * 9).encode()[:700]],
)
def test_a_torn_or_foreign_file_is_an_error_with_a_remedy(tmp_path: Path, text: bytes) -> None:
    put(tmp_path, text)
    with pytest.raises(SourceError, match="download it again"):
        read(tmp_path)


def test_a_torn_gzip_is_an_error(tmp_path: Path) -> None:
    file = put(tmp_path, [record(price=k % 99) for k in range(5000)], ".json.gz")
    file.write_bytes(file.read_bytes()[:-50])
    with pytest.raises(SourceError, match="download it again"):
        read(tmp_path)


@pytest.mark.realdata
@pytest.mark.parametrize(("day", "count"), [(7, 84), (8, 149), (9, 833)])
def test_recorded_reports_are_read_whole(
    landing_folder: Path, tmp_path: Path, day: int, count: int
) -> None:
    reader = DailyReportReader(landing_folder)
    (delivery,) = reader.read(date(2022, 11, day), [], tmp_path)
    found = duckdb.sql(
        f"select count(*), min(price) >= 0.01, max(price) <= 0.99 from '{delivery.rows}'"
    ).fetchone()
    assert found == (count, True, True)
    assert delivery.rejects.is_empty()
