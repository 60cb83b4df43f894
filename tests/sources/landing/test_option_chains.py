"""Option files in the vendors' layouts: typed, in UTC, nothing lost."""

import gzip
from datetime import date, datetime

import polars as pl
import pytest

from offtape_assets.sources.landing.fred import BillReader, bond_equivalent
from offtape_assets.sources.landing.option_chains import OptionReader
from offtape_assets.sources.source import SourceError

DAY = date(2024, 11, 4)
QUOTES, INTEREST = "raw.option_quotes", "raw.open_interest"
HEADER = (
    "symbol,expiration,strike,right,timestamp,bid_size,bid_exchange,bid,bid_condition,"
    "ask_size,ask_exchange,ask,ask_condition"
)


def _csv(folder, dataset, lines):
    path = folder / "thetadata" / "option" / "history" / dataset / DAY.isoformat()
    path.mkdir(parents=True)
    with gzip.open(path / "AAPL.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")


def _read(table, folder, ticker="AAPL"):
    return list(OptionReader(table, folder).read(DAY, [ticker], folder))


def test_quotes_are_typed_and_stamped_in_utc(tmp_path):
    _csv(
        tmp_path,
        "quote",
        [
            HEADER,
            "AAPL,2024-11-08,220.000,CALL,2024-11-04T09:31:00,598,5,4.55,50,424,9,4.70,50",
            "AAPL,2024-11-08,220.500,PUT,2024-11-04T09:31:00.250,0,5,0.00,50,3,9,0.05,50",
        ],
    )
    (found,) = _read(QUOTES, tmp_path)
    assert found.ticker == "AAPL"
    assert found.rejects.is_empty()
    assert found.rows["ts"].to_list() == [
        datetime(2024, 11, 4, 14, 31),
        datetime(2024, 11, 4, 14, 31, 0, 250_000),
    ]
    assert found.rows["option_right"].to_list() == ["C", "P"]
    assert found.rows["bid_price"].to_list() == [4.55, None]
    assert found.rows["ask_size"].to_list() == [424, 3]
    assert found.rows["strike"].to_list() == [220.0, 220.5]
    assert found.rows["expiry"].to_list() == [date(2024, 11, 8)] * 2


def test_summer_time_is_four_hours(tmp_path):
    path = tmp_path / "thetadata" / "option" / "history" / "quote" / "2024-11-01"
    path.mkdir(parents=True)
    line = "AAPL,2024-11-08,220.000,CALL,2024-11-01T09:31:00,1,5,4.55,50,4,9,4.70,50"
    with gzip.open(path / "AAPL.csv.gz", "wt") as file:
        file.write(f"{HEADER}\n{line}\n")
    (found,) = OptionReader(QUOTES, tmp_path).read(date(2024, 11, 1), ["AAPL"], tmp_path)
    assert found.rows["ts"].to_list() == [datetime(2024, 11, 1, 13, 31)]


def test_unreadable_rows_come_apart_with_the_column_named(tmp_path):
    _csv(
        tmp_path,
        "quote",
        [
            HEADER,
            "AAPL,2024-11-08,220.000,CALL,2024-11-04T09:31:00,598,5,4.55,50,424,9,4.70,50",
            "AAPL,2024-11-08,220.000,CALL,noon,598,5,4.55,50,424,9,4.70,50",
            "AAPL,2024-11-08,220.000,X,2024-11-04T09:31:00,598,5,4.55,50,424,9,4.70,50",
            "AAPL,2024-11-08,220.000,CALL,2024-11-04T09:31:00,598,5,four,50,424,9,4.70,50",
        ],
    )
    (found,) = _read(QUOTES, tmp_path)
    assert found.rows.height == 1
    assert found.rejects["reason"].to_list() == [
        "ts is unreadable",
        "option_right is unreadable",
        "bid_price is unreadable",
    ]
    assert "noon" in found.rejects["row_json"][0]


def test_damaged_and_foreign_files_are_named(tmp_path):
    _csv(tmp_path, "quote", ["symbol,strike", "AAPL,1"])
    with pytest.raises(SourceError, match="lacks"):
        _read(QUOTES, tmp_path)
    path = tmp_path / "thetadata/option/history/quote/2024-11-04/MSFT.csv.gz"
    with gzip.open(path, "wt") as file:
        file.write(f"{HEADER}\nAAPL,2024-11-08,220,CALL,2024-11-04T09:31:00,1,5,4,50,4,9,5,50\n")
    with pytest.raises(SourceError, match="holds AAPL, not MSFT"):
        _read(QUOTES, tmp_path, "MSFT")
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(SourceError, match=r"cannot be read|lacks"):
        _read(QUOTES, tmp_path, "MSFT")


def test_open_interest_and_absence(tmp_path):
    _csv(
        tmp_path,
        "open_interest",
        [
            "symbol,expiration,strike,right,timestamp,open_interest",
            "AAPL,2024-11-08,220.000,CALL,2024-11-04T06:30:00,1200",
        ],
    )
    (found,) = _read(INTEREST, tmp_path)
    assert found.rows.row(0) == (date(2024, 11, 8), 220.0, "C", 1200)
    assert _read(QUOTES, tmp_path) == []
    assert OptionReader(QUOTES, tmp_path).files(DAY, "AAPL") == []


def test_snapshots_without_sizes(tmp_path):
    folder = tmp_path / "option_chains" / DAY.isoformat() / "SPY"
    folder.mkdir(parents=True)
    frame = pl.DataFrame(
        {
            "ticker": ["SPY241115C00580000"] * 2,
            "underlying": ["SPY"] * 2,
            "expiry": [date(2024, 11, 15)] * 2,
            "strike": [580.0] * 2,
            "right": ["C", "put"],
            "bid": [5.0, 0.0],
            "ask": [5.2, None],
            "open_interest": [10, None],
            "underlying_price": [579.5] * 2,
            "ts": [datetime(2024, 11, 4, 15, 0)] * 2,
        }
    )
    frame.write_parquet(folder / "150000Z.parquet")
    (found,) = _read(QUOTES, tmp_path, "SPY")
    assert found.rows["bid_price"].to_list() == [5.0, None]
    assert found.rows["bid_size"].to_list() == [None, None]
    assert found.rows["option_right"].to_list() == ["C", "P"]
    (interest,) = _read(INTEREST, tmp_path, "SPY")
    assert interest.rows["open_interest"].to_list() == [10]
    frame.drop("ts").write_parquet(folder / "160000Z.parquet")
    with pytest.raises(SourceError, match="no column ts"):
        _read(QUOTES, tmp_path, "SPY")


def test_bills_are_the_day_befores_and_bond_equivalent(tmp_path):
    folder = tmp_path / "fred"
    folder.mkdir()
    (folder / "DTB4WK.csv").write_text(
        "observation_date,DTB4WK\n2024-10-31,4.60\n2024-11-01,.\n2024-11-04,9.99\n"
    )
    (folder / "DGS1MO.csv").write_text("DATE,DGS1MO\n2024-11-01,4.75\n")
    (found,) = BillReader(tmp_path).read(DAY, [], tmp_path)
    assert found.rows["tenor_days"].to_list() == [28, 30]
    assert found.rows["rate"][0] == pytest.approx(365 * 0.046 / (360 - 28 * 0.046))
    assert found.rows["rate"][1] == pytest.approx(0.0475)
    assert BillReader(tmp_path).files(date(2024, 12, 24)) == []
    (folder / "DTB3.csv").write_text("observation_date,DTB3\nyesterday,1\n")
    with pytest.raises(SourceError, match="is not 'date,percent'"):
        BillReader(tmp_path).files(DAY)


def test_bond_equivalent_by_price():
    price = 1 - 0.05 * 91 / 360
    assert bond_equivalent(0.05, 91) == pytest.approx((1 / price - 1) * 365 / 91)


@pytest.mark.realdata
def test_recorded_files_lose_no_row(landing_folder):
    for table, day, ticker, rows in (
        (QUOTES, date(2014, 6, 6), "AAPL", 16_459),
        (INTEREST, date(2015, 12, 24), "GOOG", 2_058),
        (QUOTES, date(2026, 8, 14), "QQQ", 4_819),
    ):
        (found,) = OptionReader(table, landing_folder).read(day, [ticker], landing_folder)
        assert found.rows.height + found.rejects.height == rows
        assert found.rejects.is_empty()
