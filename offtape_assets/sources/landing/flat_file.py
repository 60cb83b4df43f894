"""Massive (Polygon) flat files of US stocks: one gzipped CSV per dataset and day.

A day's file is read once for all tickers: decompressed, filtered by ticker as bytes, typed and
staged as one Parquet file per ticker, with memory bounded by a batch. Nothing is handed on before
the file has been read to its end, so a torn download lands nothing.
"""

import csv
import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import chain
from pathlib import Path
from typing import cast

import polars as pl
from isal import igzip_lib, igzip_threaded

from offtape_assets.sources.inflation import check_growth
from offtape_assets.sources.landing.line_filter import kept_lines, whole_lines
from offtape_assets.sources.landing.size_unit import SizeUnit, count_sizes, size_unit
from offtape_assets.sources.landing.staging import Staging
from offtape_assets.sources.landing.typed_lines import Layout, TypedLines, numbers, typed_lines
from offtape_assets.sources.manifest import Manifest
from offtape_assets.sources.source import REJECT_SCHEMA, RawRows, SourceError
from offtape_assets.tables import raw

FOLDER = Path("massive", "us_stocks_sip")
CHUNK_BYTES = 1 << 18
BATCH_BYTES = 1 << 19
"""Kept text that is typed at once; decides the memory a day needs."""
REJECT_LIMIT = 10_000
"""Unreadable rows of wanted tickers; more of them are another layout, not stray cells."""
AGAIN = "remove it and download it again"
UNREADABLE: tuple[type[Exception], ...] = (
    *(EOFError, OSError, ValueError),
    cast("type[Exception]", igzip_lib.IsalError),  # its stub declares an instance
)
"""What decompression, decoding and the line filter raise on a damaged file."""

logger = logging.getLogger(__name__)

TRADES = Layout(
    raw.TRADES,
    (
        *("ticker", "conditions", "correction", "exchange", "id", "participant_timestamp"),
        *("price", "sequence_number", "sip_timestamp", "size", "tape", "trf_id", "trf_timestamp"),
    ),
    {"ts": "sip_timestamp", "participant_ts": "participant_timestamp", "trade_id": "id"},
    zero_when_blank=("correction",),
)
QUOTES = Layout(
    raw.QUOTES,
    (
        *("ticker", "ask_exchange", "ask_price", "ask_size", "bid_exchange", "bid_price"),
        *("bid_size", "conditions", "indicators", "participant_timestamp", "sequence_number"),
        *("sip_timestamp", "tape", "trf_timestamp"),
    ),
    {"ts": "sip_timestamp"},
    decimal_text=("bid_size", "ask_size"),
    absent_when_zero=("bid_price", "ask_price"),
)
_BAR_HEADER = ("ticker", "volume", "open", "close", "high", "low", "window_start", "transactions")
MINUTE_BARS = Layout(raw.MINUTE_BARS, _BAR_HEADER, {"ts": "window_start"})
DAILY_BARS = Layout(raw.DAILY_BARS, _BAR_HEADER, {"ts": "window_start"})

DATASETS: Mapping[str, str] = {
    raw.TRADES.full_name: "trades_v1",
    raw.QUOTES.full_name: "quotes_v1",
    raw.MINUTE_BARS.full_name: "minute_aggs_v1",
    raw.DAILY_BARS.full_name: "day_aggs_v1",
}


class FlatFileReader:
    """Reads one dataset of the flat files out of a landing folder.

    Bars may be read for all tickers of the market by asking for none.
    """

    def __init__(self, layout: Layout, landing: Path) -> None:
        self.layout = layout
        self._landing = landing
        self._folder = landing / FOLDER / DATASETS[layout.table.full_name]

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The day's file, which holds every ticker; compressed if both kinds are there."""
        stem = self._folder / f"{day:%Y}" / f"{day:%m}" / f"{day}.csv"
        candidates = (stem.with_suffix(".csv.gz"), stem)
        return [path for path in candidates if path.is_file()][:1]

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the day's rows as staged Parquet files, one per partition.

        Raises
        ------
        SourceError
            If the file is torn, its header moved, its quote sizes are of no known unit, or
            more than `REJECT_LIMIT` of its rows are unreadable.
        """
        wanted = list(dict.fromkeys(tickers))
        by_ticker = self.layout.table.has_ticker
        for path in self.files(day) if wanted or not by_ticker else []:
            stem = scratch / f"{self.layout.table.name}-{day}"
            keys = wanted if by_ticker else [""]
            with Staging(stem, self.layout.schema) as staging:
                if not by_ticker:
                    staging.open(0)
                self._stage(path, day, wanted, staging)
            for code, staged in sorted(staging.files.items()):
                rejects = pl.DataFrame(staging.rejects[code], REJECT_SCHEMA, orient="row")
                yield RawRows(keys[code], staged, rejects)

    def _stage(self, path: Path, day: date, wanted: Sequence[str], staging: Staging) -> None:
        """Read the whole file into `staging`, sizes in shares."""
        sizes: Counter[int] = Counter()
        for typed in read_lines(path, self.layout, wanted):
            if not self.layout.table.has_ticker:
                typed = typed.of_one_partition()
            staging.add(typed)
            if self.layout.table is raw.QUOTES:
                sizes += _sizes(typed)
            if staging.reject_count > REJECT_LIMIT:
                raise SourceError(
                    f"{path}: more than {REJECT_LIMIT} rows cannot be read, the last because of "
                    f"{typed.rejects[-1].reason}; {AGAIN}, or tell the reader of its new layout"
                )
        if self.layout.table is raw.QUOTES:
            unit = self._recorded_unit(path) or quote_size_unit(path, sizes, day)
            if unit.shares_per_unit != 1:
                staging.multiply(("bid_size", "ask_size"), unit.shares_per_unit)

    def _recorded_unit(self, path: Path) -> SizeUnit | None:
        """The unit found when the file was fetched, from all its names; None for other files."""
        held = Manifest(self._landing).held(path.relative_to(self._landing).as_posix())
        if held is None or held.shares_per_unit is None or held.sizes_judged is None:
            return None
        if held.content_length != path.stat().st_size:  # another file was put in its place
            return None
        share = math.nan if held.share_of_lots is None else held.share_of_lots
        return SizeUnit(held.size_unit, held.shares_per_unit, held.sizes_judged, share)


def quote_size_unit(path: Path, sizes: Counter[int], day: date) -> SizeUnit:
    """The unit of a file's quote sizes, logged with its evidence.

    Raises
    ------
    SourceError
        If the sizes fit neither shares nor round lots.
    """
    try:
        unit = size_unit(sizes, day)
    except ValueError as error:
        raise SourceError(
            f"{path}: {error}; {AGAIN} (the vendor regenerated its history in shares)"
        ) from error
    logger.log(
        logging.WARNING if unit.is_assumed else logging.INFO,
        "%s: quote sizes %s %s (%d judged, %.2f%% whole lots)",
        *(path, "taken as" if unit.is_assumed else "are", unit.unit, unit.sizes),
        100 * unit.share_of_multiples,
    )
    return unit


def read_lines(path: Path, layout: Layout, tickers: Sequence[str]) -> Iterator[TypedLines]:
    """Typed rows of the wanted tickers (of all, where none is named) in the order of the file.

    Raises
    ------
    SourceError
        If the file cannot be decompressed or its header is not the layout's.
    """
    try:
        for lines in kept_lines(text_blocks(path, layout.header), tickers, 2, BATCH_BYTES):
            yield from typed_lines(lines, layout)
    except UNREADABLE as error:
        raise SourceError(f"{path}: {error}; {AGAIN}") from error


def text_blocks(path: Path, header: Sequence[str]) -> Iterator[bytes]:
    """Whole lines of a file after its header, decompressed, in blocks of about `CHUNK_BYTES`.

    Raises
    ------
    SourceError
        If the header is not the expected one; what decompression raises is among `UNREADABLE`.
    """
    blocks = whole_lines(_chunks(path))
    found, _, rest = next(blocks, b"").partition(b"\n")
    _check_header(path, found, header)
    return chain([rest], blocks)


def _chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, decompressed in a thread of its own where it is a .gz."""
    opened = (
        igzip_threaded.open(path, "rb", threads=1, block_size=CHUNK_BYTES)
        if path.suffix == ".gz"
        else path.open("rb")
    )
    compressed, inflated = path.stat().st_size, 0
    with opened as file:
        while chunk := file.read(CHUNK_BYTES):
            inflated += len(chunk)
            check_growth(path, compressed, inflated)
            yield chunk


def _check_header(path: Path, line: bytes, expected: Sequence[str]) -> None:
    """Refuse a file whose columns moved: their values would be taken for others'."""
    found = next(csv.reader([line.decode("utf-8-sig", errors="replace").rstrip("\r")]), [])
    if found == list(expected):
        return
    for number, name in enumerate(expected, 1):
        other = found[number - 1] if number <= len(found) else "nothing"
        if other != name:
            break
    else:
        number, name, other = len(expected) + 1, "nothing", found[len(expected)]
    raise SourceError(
        f"{path}: column {number} of the header is {other!r} where {name!r} is expected; {AGAIN}, "
        "or tell the reader of its new layout"
    )


def _sizes(typed: TypedLines) -> Counter[int]:
    """Occurrences of the sizes on both sides."""
    counts: Counter[int] = Counter()
    for side in ("bid", "ask"):
        counts += count_sizes(
            *(numbers(typed.rows[f"{side}_{what}"]) for what in ("price", "size"))
        )
    return counts
