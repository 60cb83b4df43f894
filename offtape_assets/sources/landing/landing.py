"""The landing source: a folder in the vendors' own layouts, one reader per table.

A further subject adds its reader in a module beside this one and one line to `READERS`.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from functools import partial
from pathlib import Path

from offtape_assets.sources.landing import (
    baskets,
    conditions,
    crypto,
    factors,
    flat_file,
    fred,
    kalshi,
    option_chains,
    prediction,
)
from offtape_assets.sources.landing.reader import Reader
from offtape_assets.sources.source import Arriving, RawRows, SourceError
from offtape_assets.tables import raw
from offtape_assets.tables.table import Table


def _second_quotes(folder: Path) -> Reader:
    from offtape_assets.sources.landing import second_quotes  # its kernels take numba, 60 MB

    return second_quotes.SecondQuoteReader(folder)


READERS: dict[str, Callable[[Path], Reader]] = {
    raw.TRADES.full_name: partial(flat_file.FlatFileReader, flat_file.TRADES),
    raw.QUOTES.full_name: partial(flat_file.FlatFileReader, flat_file.QUOTES),
    raw.MINUTE_BARS.full_name: partial(flat_file.FlatFileReader, flat_file.MINUTE_BARS),
    raw.DAILY_BARS.full_name: partial(flat_file.FlatFileReader, flat_file.DAILY_BARS),
    raw.KALSHI_TRADES.full_name: kalshi.DailyReportReader,
    raw.PREDICTION_MARKETS.full_name: prediction.MarketReader,
    raw.PREDICTION_PRICES.full_name: prediction.PriceReader,
    raw.VOLATILITY_INDEX.full_name: partial(
        crypto.HourlyBarReader, "deribit/volatility_index", crypto.index_records
    ),
    raw.CRYPTO_BARS.full_name: partial(crypto.HourlyBarReader, "btc", crypto.chart_records),
    raw.OPTION_QUOTES.full_name: partial(option_chains.OptionReader, raw.OPTION_QUOTES.full_name),
    raw.OPEN_INTEREST.full_name: partial(option_chains.OptionReader, raw.OPEN_INTEREST.full_name),
    raw.TREASURY_BILLS.full_name: fred.BillReader,
    raw.QUOTES_1S.full_name: _second_quotes,
    raw.FACTOR_WEIGHTS.full_name: factors.WeightReader,
    raw.FACTOR_LIBRARY.full_name: factors.LibraryReader,
    raw.ETF_BASKETS.full_name: baskets.BasketReader,
    raw.VENDOR_CONDITIONS.full_name: conditions.ConditionReader,
}
"""Table to the reader of its files, built with the landing folder."""


class LandingSource:
    """Raw rows from files that a vendor delivered into a folder.

    Raises
    ------
    SourceError
        If `folder` is not a folder.
    """

    name = "landing"
    reads_day_files = True

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SourceError(
                f"{folder} is not a folder: name the landing folder with --landing or "
                "OFFTAPE_LANDING"
            )
        self.folder = folder
        self._readers: dict[str, Reader] = {}

    def arrive(self, table: Table, day: date, tickers: Sequence[str], progress: Arriving) -> None:
        """Nothing: the files were put there."""

    def fingerprint(self, table: Table, day: date, ticker: str = "") -> str | None:
        """Path, size and modification time of the files behind one partition; reads none."""
        reader = self._reader(table)
        files = reader.files(day, ticker) if reader else []
        return " ".join(map(self._identity, files)) or None

    def read(
        self, table: Table, day: date, tickers: Sequence[str], scratch: Path
    ) -> Iterator[RawRows]:
        """Yield the partitions of one table and date; nothing for a table without a reader."""
        reader = self._reader(table)
        if reader:
            yield from reader.read(day, tickers, scratch)

    def _reader(self, table: Table) -> Reader | None:
        """The table's reader, made when it is first asked for."""
        name = table.full_name
        if name in READERS and name not in self._readers:
            self._readers[name] = READERS[name](self.folder)
        return self._readers.get(name)

    def _identity(self, file: Path) -> str:
        status = file.stat()
        return f"{file.relative_to(self.folder)}:{status.st_size}:{status.st_mtime_ns}"
