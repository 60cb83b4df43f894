"""Flat files with every trap of the vendor's layout: right rows, or an error with the remedy."""

import gzip
import os
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.sources.landing import flat_file
from offtape_assets.sources.landing.flat_file import QUOTES, TRADES, read_lines
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw
from tests.sources.landing.vendor_files import (
    DAY,
    OPEN_NS,
    bar,
    content,
    put,
    quote,
    read,
    trade,
)


def ns(frame: pl.DataFrame, column: str = "ts") -> list[int]:
    return frame[column].cast(pl.Int64).to_list()


def test_a_trade_keeps_every_field_exactly(tmp_path: Path) -> None:
    put(tmp_path, "trades_v1", content("trades_v1", [trade("IBM", 7)]))
    rows, rejects = read(tmp_path, raw.TRADES, ["IBM"])["IBM"]
    assert rows.columns == [column.name for column in raw.TRADES.columns]
    assert ns(rows) == [OPEN_NS + 8]
    assert ns(rows, "participant_ts") == [OPEN_NS + 7]
    assert rows.drop("ts", "participant_ts").row(0) == (
        7,
        Decimal("142.99"),
        Decimal(5),
        11,
        [12, 37],
        0,
        "529835250357",
    )
    assert rejects.is_empty()


def test_nanoseconds_survive(tmp_path: Path) -> None:
    """Numbers that a float would round by up to 128 ns."""
    odd = 1730817000123456789
    lines = [trade("A", 1, sip_timestamp=odd), trade("A", 2, participant_timestamp="")]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    rows, _ = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert ns(rows)[0] == odd
    assert rows["participant_ts"].to_list()[1] is None


def test_conditions_are_lists_and_blank_is_empty(tmp_path: Path) -> None:
    texts = ["", "14", '"12,37"', '""', '"14, 41"', '"12,37"']
    lines = [trade("A", i, conditions=text) for i, text in enumerate(texts)]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    rows, _ = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert rows["conditions"].to_list() == [[], [14], [12, 37], [], [14, 41], [12, 37]]
    assert rows.schema["conditions"] == pl.List(pl.Int16)


def test_decimal_sizes_of_2026(tmp_path: Path) -> None:
    trades = [trade("A", 1, size="10.000000"), trade("A", 2, size="0.001500", correction="")]
    quotes = [quote("A", 1, bid_size="300.000000", ask_size="100.000000", bid_price="164.280000")]
    put(tmp_path, "trades_v1", content("trades_v1", trades))
    put(tmp_path, "quotes_v1", content("quotes_v1", quotes))
    rows, _ = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert rows["size"].to_list() == [Decimal("10"), Decimal("0.0015")]
    assert rows["correction"].to_list() == [0, 0]
    book, _ = read(tmp_path, raw.QUOTES, ["A"])["A"]
    assert book.select("bid_size", "ask_size", "bid_price").row(0) == (300, 100, Decimal("164.28"))


def test_part_of_a_share_in_a_quote_is_set_aside(tmp_path: Path) -> None:
    put(tmp_path, "quotes_v1", content("quotes_v1", [quote("A", 1, bid_size="0.5")]))
    rows, rejects = read(tmp_path, raw.QUOTES, ["A"])["A"]
    assert rows.is_empty()
    assert rejects["reason"].to_list() == ["line 2: bid_size is '0.5', not BIGINT"]


def test_price_zero_is_an_absent_side(tmp_path: Path) -> None:
    lines = [quote("A", 1, bid_price="0.0", bid_size=0), quote("A", 2, ask_price="0", ask_size=0)]
    put(tmp_path, "quotes_v1", content("quotes_v1", lines))
    rows, rejects = read(tmp_path, raw.QUOTES, ["A"])["A"]
    assert rows["bid_price"].to_list() == [None, Decimal("164.28")]
    assert rows["ask_price"].to_list() == [Decimal("180"), None]
    assert rejects.is_empty()


def test_negative_crossed_duplicate_and_disordered_quotes_pass_through(tmp_path: Path) -> None:
    """Judging them is the business of the table's claims."""
    lines = [
        quote("A", 9),
        quote("A", 3, bid_price="-1", bid_size=-100),
        quote("A", 3, bid_price="200"),
        quote("A", 9),
        quote("A", 5, sip_timestamp=1),
    ]
    put(tmp_path, "quotes_v1", content("quotes_v1", lines))
    rows, rejects = read(tmp_path, raw.QUOTES, ["A"])["A"]
    assert rows["sequence_number"].to_list() == [9, 3, 3, 9, 5]
    assert rows["bid_price"].to_list()[1:3] == [Decimal(-1), Decimal(200)]
    assert ns(rows)[4] == 1
    assert rejects.is_empty()


def test_tickers_are_text_and_case_counts(tmp_path: Path) -> None:
    names = ["NA", "NULL", "TRUE", "nan", "BApA", "BAPA", "BRK.B", "1E5"]
    lines = [trade(name, i) for i, name in enumerate(names)] + [trade('"NMCOr"', 99)]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    wanted = ["NULL", "NA", "TRUE", "BApA", "BRK.B", "1E5", "NMCOr", "GONE"]
    found = read(tmp_path, raw.TRADES, wanted)
    assert {name: rows["sequence_number"].to_list() for name, (rows, _) in found.items()} == {
        "NULL": [1],
        "NA": [0],
        "TRUE": [2],
        "BApA": [4],
        "BRK.B": [6],
        "1E5": [7],
        "NMCOr": [99],
    }


def test_tickers_need_not_be_grouped(tmp_path: Path) -> None:
    lines = [trade("ABC"[i % 3], i) for i in range(999)]
    put(tmp_path, "trades_v1", content("trades_v1", lines))
    found = read(tmp_path, raw.TRADES, ["C", "A", "C"])
    assert list(found) == ["C", "A"]
    assert found["A"][0]["sequence_number"].to_list() == list(range(0, 999, 3))
    assert found["C"][0]["sequence_number"].to_list() == list(range(2, 999, 3))


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", None])
def test_line_ends_and_compression(tmp_path: Path, suffix: str, end: str, last: str | None) -> None:
    lines = [trade("A", 1), trade("B", 2), trade("A", 3)]
    put(tmp_path, "trades_v1", content("trades_v1", lines, end, last), suffix)
    found = read(tmp_path, raw.TRADES, ["A", "B"])
    assert [found[name][0]["sequence_number"].to_list() for name in "AB"] == [[1, 3], [2]]
    assert all(rejects.is_empty() for _, rejects in found.values())


def test_members_of_a_gzip_are_joined(tmp_path: Path) -> None:
    data = content("trades_v1", [trade("A", i) for i in range(50)])
    path = put(tmp_path, "trades_v1", b"")
    path.write_bytes(b"".join(gzip.compress(data[i : i + 777]) for i in range(0, len(data), 777)))
    rows, _ = read(tmp_path, raw.TRADES, ["A"])["A"]
    assert rows["sequence_number"].to_list() == list(range(50))


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=12), st.integers(100, 3000))
@settings(deadline=None, max_examples=60)
def test_any_cut_of_the_bytes_gives_equal_rows(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[int], batch_bytes: int
) -> None:
    """Also through the middle of quoted lists, and with a bad cell among the rows."""
    lines = [trade("ABC"[i % 3], i, conditions='"12,14,37"') for i in range(40)]
    lines[9] = trade("A", 9, price="n/a")
    data = content("trades_v1", lines, "\r\n", "")
    folder = tmp_path_factory.mktemp("cut")

    def chunks(path: Path) -> list[bytes]:
        cut, rest = [], path.read_bytes()
        for size in pieces:
            cut, rest = [*cut, rest[:size]], rest[size:]
        return [*cut, rest]

    put(folder, "trades_v1", data, ".csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_file, "_chunks", chunks)
        patch.setattr(flat_file, "BATCH_BYTES", batch_bytes)
        found = read(folder, raw.TRADES, ["A", "C"])
    kept = [i for i in range(0, 40, 3) if i != 9]
    assert found["A"][0]["sequence_number"].to_list() == kept
    assert found["A"][1]["reason"].to_list() == ["line 11: price is 'n/a', not DECIMAL(18,6)"]
    assert found["C"][0]["sequence_number"].to_list() == list(range(2, 40, 3))
    assert found["C"][0]["conditions"].to_list() == [[12, 14, 37]] * 13


def test_bars_put_the_vendors_order_right(tmp_path: Path) -> None:
    midnight = 1730782800000000000
    put(tmp_path, "day_aggs_v1", content("day_aggs_v1", [bar("NA", midnight), bar("B", midnight)]))
    rows, _ = read(tmp_path, raw.DAILY_BARS, ["NA"])[""]
    assert rows.columns == [column.name for column in raw.DAILY_BARS.columns]
    assert rows.row(0) == (
        "NA",
        datetime(2024, 11, 5, 5),
        Decimal("10.5"),
        Decimal("12.25"),
        Decimal("9.75"),
        Decimal(11),
        Decimal("33278552.153126"),
    )
    assert len(rows) == 1


def test_bars_of_all_tickers_are_read_by_naming_none(tmp_path: Path) -> None:
    lines = [bar(f"T{i}", OPEN_NS) for i in range(30)] + ["", bar("T1", OPEN_NS, low="low")]
    put(tmp_path, "minute_aggs_v1", content("minute_aggs_v1", lines))
    rows, rejects = read(tmp_path, raw.MINUTE_BARS, [])[""]
    assert rows["ticker"].to_list() == [f"T{i}" for i in range(30)]
    assert rejects["reason"].to_list() == ["line 33: low is 'low', not DECIMAL(18,6)"]


def test_a_bar_file_without_the_wanted_is_an_empty_delivery(tmp_path: Path) -> None:
    put(tmp_path, "minute_aggs_v1", content("minute_aggs_v1", []))
    rows, rejects = read(tmp_path, raw.MINUTE_BARS, ["A"])[""]
    assert rows.is_empty()
    assert rejects.is_empty()


def test_an_absent_day_delivers_nothing(tmp_path: Path) -> None:
    put(tmp_path, "trades_v1", content("trades_v1", [trade("A", 1)]))
    assert read(tmp_path, raw.TRADES, ["A"], date(2024, 11, 6)) == {}
    assert read(tmp_path, raw.DAILY_BARS, ["A"]) == {}
    assert read(tmp_path, raw.TRADES, []) == {}


def test_the_fingerprint_follows_the_file_without_reading_it(tmp_path: Path) -> None:
    source = LandingSource(tmp_path)
    assert source.fingerprint(raw.TRADES, DAY, "A") is None
    path = put(tmp_path, "trades_v1", b"not a gzip", ".csv")
    first = source.fingerprint(raw.TRADES, DAY, "A")
    assert first is not None
    assert first.startswith("massive/us_stocks_sip/trades_v1/2024/11/2024-11-05.csv:10:")
    os.utime(path, ns=(1, 1))
    second = source.fingerprint(raw.TRADES, DAY, "A")
    assert second != first
    put(tmp_path, "trades_v1", b"x")
    assert source.fingerprint(raw.TRADES, DAY, "A") != second


def test_a_moved_folder_keeps_its_fingerprints(tmp_path: Path) -> None:
    put(tmp_path / "here", "trades_v1", b"x")
    before = LandingSource(tmp_path / "here").fingerprint(raw.TRADES, DAY)
    (tmp_path / "here").rename(tmp_path / "there")
    assert LandingSource(tmp_path / "there").fingerprint(raw.TRADES, DAY) == before


def test_a_table_without_a_reader_and_a_missing_folder(tmp_path: Path) -> None:
    source = LandingSource(tmp_path)
    assert source.fingerprint(raw.TRADE_CONDITIONS, DAY) is None
    assert list(source.read(raw.TRADE_CONDITIONS, DAY, [], tmp_path)) == []
    with pytest.raises(SourceError, match="OFFTAPE_LANDING"):
        LandingSource(tmp_path / "nowhere")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("day", "ticker", "quotes", "trades", "shares"),
    [
        (date(2013, 10, 7), "BAC", 238427, 88172, 64411712),
        (date(2013, 10, 7), "IBM", 54534, 24293, 3960352),
        (date(2013, 10, 8), "BAC", 288044, 125872, 92437597),
        (date(2013, 10, 8), "IBM", 62869, 33381, 5564671),
        (date(2018, 1, 2), "XXX", 42764, 39470, 5553205),
    ],
)
def test_recorded_days_are_counted_in_full(
    landing_folder: Path,
    tmp_path: Path,
    day: date,
    ticker: str,
    quotes: int,
    trades: int,
    shares: int,
) -> None:
    source = LandingSource(landing_folder)
    for table, count in ((raw.QUOTES, quotes), (raw.TRADES, trades)):
        (delivery,) = source.read(table, day, [ticker, "NONE"], tmp_path)
        rows = pl.read_parquet(delivery.rows)
        assert (delivery.ticker, len(rows), len(delivery.rejects)) == (ticker, count, 0)
        if table is raw.TRADES:
            assert rows["size"].sum() == shares
        else:
            assert rows.filter(pl.col("bid_size") % 100 != 0).is_empty()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("day", "ticker", "count"),
    [
        (date(2014, 6, 6), "AAPL", 783),
        (date(2014, 6, 9), "AAPL", 834),
        (date(2015, 12, 24), "GOOG", 227),
    ],
)
def test_recorded_minute_bars(
    landing_folder: Path, tmp_path: Path, day: date, ticker: str, count: int
) -> None:
    (delivery,) = LandingSource(landing_folder).read(raw.MINUTE_BARS, day, [ticker], tmp_path)
    rows = pl.read_parquet(delivery.rows)
    assert len(rows) == count
    assert (rows["high"] >= rows["low"]).all()


@pytest.mark.realdata
@pytest.mark.parametrize(("layout", "dataset"), [(TRADES, "trades_v1"), (QUOTES, "quotes_v1")])
def test_recorded_rows_equal_a_plain_csv_reader(
    landing_folder: Path, layout: flat_file.Layout, dataset: str
) -> None:
    path = landing_folder / f"massive/us_stocks_sip/{dataset}/2018/01/2018-01-02.csv.gz"
    text = pl.read_csv(path, infer_schema=False)
    pieces = [typed.rows for typed in read_lines(path, layout, ["XXX"])]
    rows = pl.concat([pl.DataFrame(piece) for piece in pieces])
    for column in layout.table.columns:
        cells = text[layout.origin.get(column.name, column.name)]
        mine = rows[column.name]
        if column.name == "conditions":
            assert mine.to_list() == [[int(x) for x in c.split(",")] if c else [] for c in cells]
        elif column.dtype.startswith("TIMESTAMP"):
            assert mine.cast(pl.Int64).to_list() == [int(c) for c in cells]
        elif column.dtype == "VARCHAR":
            assert mine.to_list() == cells.to_list()
        else:
            assert mine.cast(pl.Decimal(18, 6)).to_list() == [Decimal(c) for c in cells]
