"""raw.quotes_1s out of a quotes flat file: all tickers of the market in one streaming pass.

The file is decompressed, parsed and reduced to seconds block by block. What is kept in memory is
one open second per ticker and a row group of output, however long the day's file is.
"""

import csv
import json
import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from offtape_assets.market.calendar import NEW_YORK
from offtape_assets.quant.second_quotes import (
    SECOND_NS,
    OpenSeconds,
    SecondQuotes,
    last_of_seconds,
    still_open,
)
from offtape_assets.sources.landing import flat_file
from offtape_assets.sources.landing.quote_lines import NAME_LIMIT, Names, parse_quote_lines
from offtape_assets.sources.landing.typed_lines import DECIMAL, arrow_array
from offtape_assets.sources.source import REJECT_SCHEMA, RawRows, SourceError

ROW_GROUP = 1 << 17
"""Seconds that wait in memory until they are written together."""
SCHEMA = pa.schema([
    ("ticker", pa.string()),
    ("ts", pa.timestamp("us")),
    ("bid_price", DECIMAL),
    ("ask_price", DECIMAL),
])  # fmt: skip

logger = logging.getLogger(__name__)


class SecondQuoteReader:
    """Reads raw.quotes_1s; the configured tickers do not matter, every ticker is kept."""

    def __init__(self, landing: Path) -> None:
        self._quotes = flat_file.FlatFileReader(flat_file.QUOTES, landing)

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The day's quotes file."""
        return self._quotes.files(day)

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the day's seconds in one Parquet file.

        Raises
        ------
        SourceError
            If the file is torn, its header moved, or more than `REJECT_LIMIT` of its lines are
            unreadable or of a second that was closed before.
        """
        for path in self.files(day):
            staged = scratch / f"quotes_1s-{day}.parquet"
            try:
                rejects = _reduce(path, staged, day)
            except flat_file.UNREADABLE as error:
                staged.unlink(missing_ok=True)
                raise SourceError(f"{path}: {error}; {flat_file.AGAIN}") from error
            except SourceError:
                staged.unlink(missing_ok=True)
                raise
            yield RawRows("", staged, pl.DataFrame(rejects, REJECT_SCHEMA, orient="row"))


def _reduce(path: Path, staged: Path, day: date) -> list[tuple[str, str]]:
    """Write the seconds of a file to `staged`; return the lines that gave none, with reasons."""
    names, state = Names(), OpenSeconds.of(NAME_LIMIT)
    midnights = [
        int(datetime.combine(at, time(), NEW_YORK).timestamp()) * SECOND_NS
        for at in (day, day + timedelta(days=1))
    ]
    rejects: list[tuple[str, str]] = []
    waiting: list[SecondQuotes] = []
    with pq.ParquetWriter(staged, SCHEMA, compression="snappy") as writer:
        for block in flat_file.text_blocks(path, flat_file.QUOTES.header):
            lines = parse_quote_lines(block, names)
            is_of_day = (lines.ts >= midnights[0]) & (lines.ts < midnights[1])
            sent = (lines.ts, lines.sequence, lines.bid, lines.ask)
            ts, sequence, bid, ask = (column[is_of_day] for column in sent)
            closed, is_late = last_of_seconds(lines.name[is_of_day], ts, sequence, bid, ask, state)
            rejects += [_reject(block, at) for at in lines.unreadable.tolist()]
            rejects += [
                _reject(block, at, "of a second that was closed by a later quote of its ticker")
                for at in lines.start[is_of_day][is_late].tolist()
            ]
            strays = lines.start[~is_of_day].tolist()
            rejects += [_reject(block, at, "of another date") for at in strays]
            if len(rejects) > flat_file.REJECT_LIMIT:
                raise SourceError(
                    f"{path}: more than {flat_file.REJECT_LIMIT} rows cannot be used, the last "
                    f"because it is {rejects[-1][0]}; {flat_file.AGAIN}, or tell the reader of its "
                    "new layout"
                )
            waiting.append(closed)
            if sum(len(part.name) for part in waiting) >= ROW_GROUP:
                writer.write_table(_rows(waiting, names))
                waiting.clear()
        waiting.append(still_open(state))
        writer.write_table(_rows(waiting, names))
    logger.info("%s: %d tickers, %d lines set aside", path, names.count, len(rejects))
    return rejects


def _rows(parts: Sequence[SecondQuotes], names: Names) -> pa.Table:
    """Seconds as rows of raw.quotes_1s; the label is the right end of the second."""
    name, second, bid, ask = (np.concatenate(column) for column in zip(*parts, strict=True))
    texts = names.texts()
    tickers = pa.array(texts, pa.string()).take(arrow_array(name)) if texts else pa.array([])
    stamps = arrow_array((second + 1) * 1_000_000).view(pa.timestamp("us"))
    return pa.table([tickers.cast(pa.string()), stamps, _prices(bid), _prices(ask)], schema=SCHEMA)


def _prices(millionths: np.ndarray) -> pa.Array:
    """DECIMAL(18,6) from whole millionths; NULL where 0."""
    words = np.zeros((len(millionths), 2), np.int64)
    words[:, 0] = millionths
    valid = pa.py_buffer(np.packbits(millionths != 0, bitorder="little"))
    return pa.Array.from_buffers(DECIMAL, len(millionths), [valid, pa.py_buffer(words)])


def _reject(block: bytes, start: int, reason: str = "") -> tuple[str, str]:
    """A line that gave no row: why, and its cells as JSON."""
    line = block[start : block.index(b"\n", start)].decode(errors="replace").rstrip("\r")
    header = flat_file.QUOTES.header
    try:
        cells = next(csv.reader([line]), [])
    except csv.Error as error:
        return f"not one row of CSV: {error}", json.dumps({"line": line})
    if len(cells) != len(header):
        return (
            f"a line of {len(cells)} columns where {len(header)} are expected",
            json.dumps({"line": line}),
        )
    return (
        reason or "a line whose ticker, time, sequence number, price or size cannot be read",
        json.dumps(dict(zip(header, cells, strict=True))),
    )
