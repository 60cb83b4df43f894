"""Small files in the vendor's flat-file layout, written by the tests that read them."""

import gzip
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.tables.table import Table

DAY = date(2024, 11, 5)
OPEN_NS = 1730817000000000000
"""09:30 in New York on `DAY`."""

HEADERS = {
    "trades_v1": "ticker,conditions,correction,exchange,id,participant_timestamp,price,"
    "sequence_number,sip_timestamp,size,tape,trf_id,trf_timestamp",
    "quotes_v1": "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,"
    "conditions,indicators,participant_timestamp,sequence_number,sip_timestamp,tape,trf_timestamp",
    "minute_aggs_v1": "ticker,volume,open,close,high,low,window_start,transactions",
    "day_aggs_v1": "ticker,volume,open,close,high,low,window_start,transactions",
}


def trade(ticker: str, number: int, **cells: object) -> str:
    """One line of a trades file."""
    row: dict[str, object] = {
        "ticker": ticker,
        "conditions": '"12,37"',
        "correction": 0,
        "exchange": 11,
        "id": f"52983525035{number}",
        "participant_timestamp": OPEN_NS + number,
        "price": "142.99",
        "sequence_number": number,
        "sip_timestamp": OPEN_NS + number + 1,
        "size": 5,
        "tape": 1,
        "trf_id": 0,
        "trf_timestamp": 0,
    }
    return _line(row | cells)


def quote(ticker: str, number: int, **cells: object) -> str:
    """One line of a quotes file."""
    row: dict[str, object] = {
        "ticker": ticker,
        "ask_exchange": 8,
        "ask_price": "180.0",
        "ask_size": 100,
        "bid_exchange": 11,
        "bid_price": "164.28",
        "bid_size": 300,
        "conditions": '"1,81"',
        "indicators": "",
        "participant_timestamp": OPEN_NS + number,
        "sequence_number": number,
        "sip_timestamp": OPEN_NS + number + 1,
        "tape": 1,
        "trf_timestamp": 0,
    }
    return _line(row | cells)


def bar(ticker: str, start_ns: int, **cells: object) -> str:
    """One line of a minute or day file; open, close, high, low in the vendor's order."""
    row: dict[str, object] = {
        "ticker": ticker,
        "volume": "33278552.153126",
        "open": "10.5",
        "close": "11",
        "high": "12.25",
        "low": "9.75",
        "window_start": start_ns,
        "transactions": "",
    }
    return _line(row | cells)


def content(dataset: str, lines: Sequence[str], end: str = "\n", last: str | None = None) -> bytes:
    """The text of a file: header and lines, each ended by `end`, the last by `last`."""
    text = end.join([HEADERS[dataset], *lines])
    return (text + (end if last is None else last)).encode()


def put(landing: Path, dataset: str, data: bytes, suffix: str = ".csv.gz", day: date = DAY) -> Path:
    """Write a day's file where the vendor's layout has it."""
    folder = landing / "massive/us_stocks_sip" / dataset / f"{day:%Y/%m}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{day}{suffix}"
    path.write_bytes(gzip.compress(data) if suffix == ".csv.gz" else data)
    return path


def read(
    landing: Path, table: Table, tickers: Sequence[str], day: date = DAY
) -> dict[str, tuple[pl.DataFrame, pl.DataFrame]]:
    """What the landing source yields: ticker to rows and rejects."""
    scratch = landing / "scratch"
    scratch.mkdir(exist_ok=True)
    answer = {}
    for rows in LandingSource(landing).read(table, day, tickers, scratch):
        assert isinstance(rows.rows, Path)
        assert rows.ticker not in answer
        answer[rows.ticker] = (pl.read_parquet(rows.rows), rows.rejects)
    return answer


def _line(row: dict[str, object]) -> str:
    return ",".join(map(str, row.values()))
