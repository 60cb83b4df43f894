"""Hourly bars of coins and of volatility indices, as Deribit's public answers saved one file a month.

A bar is stamped at its start. Deduplication, ranges and hours are judged by the table's claims.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from offtape_assets.sources.source import REJECT_SCHEMA, RawRows, SourceError

BAR_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "ts": pl.Datetime("us"),
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
    }
)
AGAIN = "fetch the month again"


class HourlyBarReader:
    """Reads `FOLDER/SYMBOL-YYYY-MM.json` files whose answers `records` takes apart."""

    def __init__(
        self, folder: str, records: Callable[[dict], list[Sequence[object]]], landing: Path
    ) -> None:
        self._folder = landing / folder
        self._records = records

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The month's files of every symbol."""
        return sorted(self._folder.glob(f"*-{day:%Y-%m}.json"))

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the bars that start on one UTC day; nothing where there are none.

        Raises
        ------
        SourceError
            If a file is not the vendor's JSON.
        """
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        first, last = (int(t.timestamp() * 1000) for t in (start, start + timedelta(days=1)))
        rows: list[tuple] = []
        rejects: list[tuple[str, str]] = []
        for path in self.files(day):
            symbol = path.stem[: -len("-YYYY-MM")]
            for record in self._answer(path):
                try:
                    stamp, *prices = (float(str(value)) for value in record)
                    if not all(map(math.isfinite, (stamp, *prices))) or len(prices) != 4:
                        raise ValueError(f"{len(record)} values, or one that is not a number")
                except (TypeError, ValueError) as error:
                    rejects.append((f"{path.name}: {error}", json.dumps(record)))
                    continue
                if first <= stamp < last:
                    ts = datetime.fromtimestamp(stamp / 1000, UTC).replace(tzinfo=None)
                    rows.append((symbol, ts, *prices))
        if rows:
            frame = pl.DataFrame(rows, BAR_SCHEMA, orient="row")
            yield RawRows("", frame, pl.DataFrame(rejects, REJECT_SCHEMA, orient="row"))

    def _answer(self, path: Path) -> list[Sequence[object]]:
        try:
            return self._records(json.loads(path.read_bytes())["result"])
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{path}: not an answer of Deribit ({error!r}); {AGAIN}") from error


def index_records(result: dict) -> list[Sequence[object]]:
    """Bars of get_volatility_index_data: [ts_ms, open, high, low, close]."""
    return list(result["data"])


def chart_records(result: dict) -> list[Sequence[object]]:
    """Bars of get_tradingview_chart_data, which come as one list a field."""
    if result.get("status") == "no_data":
        return []
    fields = [result[name] for name in ("ticks", "open", "high", "low", "close")]
    return list(zip(*fields, strict=True))
