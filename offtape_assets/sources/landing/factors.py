"""Factor weights, characteristics to make them from, and the official daily library.

Weights are JSON, factor to ticker to weight; a date is in the file (`as_of`) or in its name
(`factor_weights_tickers_2024-11-04.json`). The library's CSV is percent a day between prose.
"""

import csv
import json
import logging
import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from offtape_assets.market.calendar import sessions_before
from offtape_assets.quant.factor_portfolio import FACTORS, five_factor_weights
from offtape_assets.sources.source import RawRows, SourceError

logger = logging.getLogger(__name__)

WEIGHT_SCHEMA = {
    "as_of": pl.Date,
    "factor": pl.String,
    "ticker": pl.String,
    "weight": pl.Float64,
}
LIBRARY_SCHEMA = {"vintage": pl.String, **dict.fromkeys([*FACTORS, "rf"], pl.Float64)}
CHARACTERISTICS = (
    *("ticker", "exchange", "market_cap", "book_to_market", "profitability", "investment"),
    "growth",
)
"""Columns of `characteristics_2024-11-04.csv`; growth is the price over that at the formation."""
MISSING_PERCENT = -99.0
"""The library writes -99.99 or -999 for no value."""
_STAMP = re.compile(r"(\d{4}-\d{2}-\d{2})\.(?:json|csv)$")
_DAY = re.compile(r"\s*(\d{8})\s*,")
_HEADER = ["", "Mkt-RF", "SMB", "HML", "RMW", "CMA", "RF"]
_VINTAGE = re.compile(r"\b(\d{6}) CRSP")


class WeightReader:
    """Reads raw.factor_weights: of the files known before a date, the latest."""

    def __init__(self, landing: Path) -> None:
        self._folder = landing / "factors"

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The file in force on `day`; one from the future if there is no other."""
        dated = [(_as_of(path), path) for path in self._candidates()]
        known = [(stamp, path) for stamp, path in dated if stamp is not None and stamp < day]
        undated = [path for stamp, path in dated if stamp is None]
        if known:
            return [max(known)[1]]
        return (undated or [path for _, path in dated])[:1]

    def _candidates(self) -> list[Path]:
        patterns = ("factor_weights_tickers*.json", "characteristics_*.csv")
        return [path for pattern in patterns for path in sorted(self._folder.glob(pattern))]

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield one row a factor and ticker; a ticker written twice gives two rows.

        Raises
        ------
        SourceError
            If the only file is dated after the evening before, or cannot be read.
        """
        for path in self.files(day):
            as_of = _as_of(path)
            if as_of is None:
                as_of = sessions_before(day, 1)[0]
                logger.warning("%s has no as_of: taken as known on %s", path, as_of)
            if as_of >= day:
                raise SourceError(
                    f"{path}: as_of {as_of} is not before the session of {day}; land weights that "
                    "were known the evening before"
                )
            made = _characteristic_rows if path.suffix == ".csv" else _weight_rows
            rows = [(as_of, *row) for row in made(path)]
            yield RawRows("", pl.DataFrame(rows, WEIGHT_SCHEMA, orient="row"))


def _as_of(path: Path) -> date | None:
    """The date in the file's name, else the one written in the file, else None."""
    named = _STAMP.search(path.name)
    if named:
        return date.fromisoformat(named[1])
    written = dict(_pairs(path)).get("as_of") if path.suffix == ".json" else None
    try:
        return date.fromisoformat(str(written)) if written is not None else None
    except ValueError as error:
        raise SourceError(f"{path}: as_of is {written!r}; write it as 2024-11-04") from error


def _pairs(path: Path) -> list[tuple[str, object]]:
    """The file's factors in order; the weights of each as pairs too, so that none is lost."""
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)
def _parsed(path: Path, mtime_ns: int, size: int) -> list[tuple[str, object]]:
    try:
        content = json.loads(path.read_text(), object_pairs_hook=list)
    except ValueError as error:
        raise SourceError(f"{path}: {error}; write one JSON object of factors") from error
    if not isinstance(content, list) or not all(isinstance(item, tuple) for item in content):
        raise SourceError(f"{path}: not an object of factors, each an object of tickers")
    return content


def _weight_rows(path: Path) -> Iterator[tuple[str, str, float]]:
    known = {factor.upper().replace("_", "-"): factor for factor in FACTORS}
    for label, members in _pairs(path):
        if label == "as_of":
            continue
        factor = known.get(label.upper().replace("_", "-"))
        if factor is None or not isinstance(members, list):
            raise SourceError(f"{path}: {label!r} is none of the factors {', '.join(known)}")
        for ticker, weight in members:
            try:
                yield factor, ticker, float(weight)
            except (TypeError, ValueError) as error:
                raise SourceError(
                    f"{path}: {label} {ticker} weighs {weight!r}; a weight is a number"
                ) from error


def _characteristic_rows(path: Path) -> Iterator[tuple[str, str, float]]:
    """Weights made from characteristics by the published sorts."""
    numbers = dict.fromkeys(CHARACTERISTICS[2:], pl.Float64)
    schema = {"ticker": pl.String, "exchange": pl.String, **numbers}
    try:
        frame = pl.read_csv(path, columns=list(CHARACTERISTICS), schema_overrides=schema)
        columns = {name: frame[name].fill_null(np.nan).to_numpy() for name in numbers}
        weights = five_factor_weights(
            is_nyse=(frame["exchange"] == "NYSE").fill_null(value=False).to_numpy(), **columns
        )
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise SourceError(
            f"{path}: {error}; the columns are {', '.join(CHARACTERISTICS)}"
        ) from error
    for factor, row in zip(FACTORS, weights, strict=True):
        for place in np.flatnonzero(row):
            yield factor, frame["ticker"][int(place)], float(row[place])


class LibraryReader:
    """Reads raw.factor_library: one row a vintage that holds the date.

    `french/*.csv` is named by the vintage in its prose, `french/VINTAGE/*.csv` by its folder.
    """

    def __init__(self, landing: Path) -> None:
        self._folder = landing / "french"

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """Daily five-factor files with a row of `day`."""
        paths = [
            path for path in sorted(self._folder.glob("**/*")) if path.suffix.lower() == ".csv"
        ]
        return [path for path in paths if day in _library(path)[1]]

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield one row a vintage, as decimals; two files of one vintage that agree are one.

        Raises
        ------
        SourceError
            If a line of a date is not six numbers.
        """
        rows = []
        for path in self.files(day):
            told, days = _library(path)
            vintage = told if path.parent == self._folder else path.parent.name
            rows.append((vintage, *(_decimal(path, text) for text in days[day])))
        if rows:
            unique = list(dict.fromkeys(rows))
            yield RawRows("", pl.DataFrame(unique, LIBRARY_SCHEMA, orient="row"))


def _library(path: Path) -> tuple[str, dict[date, list[str]]]:
    status = path.stat()
    return _library_days(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=16)
def _library_days(path: Path, mtime_ns: int, size: int) -> tuple[str, dict[date, list[str]]]:
    """Vintage and the cells of each date; no dates where it is not the daily five-factor file."""
    vintage, days, is_ours = "", {}, False
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            found = _VINTAGE.search(line)
            vintage = vintage or (found[1] if found else "")
            if not is_ours:
                is_ours = [cell.strip() for cell in next(csv.reader([line]), [])] == _HEADER
            elif stamp := _DAY.match(line):
                day = date(int(stamp[1][:4]), int(stamp[1][4:6]), int(stamp[1][6:]))
                days[day] = [cell.strip() for cell in line.split(",")[1:]]
    return vintage or path.stem, days


def _decimal(path: Path, text: str) -> float | None:
    try:
        percent = float(text)
    except ValueError as error:
        raise SourceError(f"{path}: {text!r} is not a percentage; fetch the file again") from error
    return None if percent <= MISSING_PERCENT else float(f"{text}e-2")
