"""A small day in the vendor's flat-file layout, written by tests that need a landing folder."""

import gzip
from datetime import date, datetime, timedelta
from pathlib import Path

from offtape_assets.market.calendar import session

TRADES_HEADER = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,"
    "sip_timestamp,size,tape,trf_id,trf_timestamp"
)
QUOTES_HEADER = (
    "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,conditions,indicators,"
    "participant_timestamp,sequence_number,sip_timestamp,tape,trf_timestamp"
)


def path_of(folder: Path, dataset: str, day: date) -> Path:
    """Where the vendor puts a day's file."""
    return folder / "massive/us_stocks_sip" / dataset / f"{day:%Y}" / f"{day:%m}" / f"{day}.csv.gz"


def nanoseconds(day: date, seconds: float) -> int:
    """Nanoseconds since the epoch, `seconds` after the opening bell."""
    instant: datetime = session(day).open + timedelta(seconds=seconds)
    return int(instant.timestamp()) * 10**9 + round(seconds % 1 * 1e9)


def trade(day: date, ticker: str, number: int, price: object = "100.01") -> str:
    """One regular print, one per second."""
    ts = nanoseconds(day, number + 0.5)
    return f"{ticker},,0,11,t{number},{ts},{price},{number},{ts},100,1,0,0"


def quote(day: date, ticker: str, number: int, bid: float = 100, ask: float = 100.02) -> str:
    """One quote change, one per second."""
    ts = nanoseconds(day, number)
    return f'{ticker},12,{ask:.2f},200,11,{bid:.2f},300,"1,81",,{ts},{number},{ts},1,0'


def write(folder: Path, dataset: str, day: date, lines: list[str]) -> Path:
    """Write one flat file with its header."""
    file = path_of(folder, dataset, day)
    file.parent.mkdir(parents=True, exist_ok=True)
    header = TRADES_HEADER if dataset == "trades_v1" else QUOTES_HEADER
    with gzip.open(file, "wt") as out:
        out.write("\n".join([header, *lines]) + "\n")
    return file


def land(folder: Path, day: date, tickers: list[str], ticks: int = 300) -> None:
    """Write both tick files of a day with `ticks` rows per ticker."""
    trades = [trade(day, ticker, number) for ticker in tickers for number in range(1, ticks)]
    quotes = [
        quote(day, ticker, number, 100 + number % 3 / 100, 100.02 + number % 3 / 100)
        for ticker in tickers
        for number in range(1, ticks)
    ]
    write(folder, "trades_v1", day, trades)
    write(folder, "quotes_v1", day, quotes)
