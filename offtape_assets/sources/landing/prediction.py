"""Prediction contracts as Polymarket's public answers: the markets' terms and their price histories.

Only contracts whose payoff depends on the settlement price alone are read (range, above, below);
contracts on touching a price come apart with that reason.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from offtape_assets.sources.landing.contract_terms import contract_terms
from offtape_assets.sources.source import REJECT_SCHEMA, RawRows, SourceError

FOLDER = "polymarket"
VENUE = "polymarket"
MARKET_SCHEMA = pl.Schema(
    {
        "contract_id": pl.String(),
        "venue": pl.String(),
        "family": pl.String(),
        "question": pl.String(),
        "kind": pl.String(),
        "range_low": pl.Float64(),
        "range_high": pl.Float64(),
        "opens_ts": pl.Datetime("us"),
        "expires_ts": pl.Datetime("us"),
    }
)
PRICE_SCHEMA = pl.Schema(
    {"contract_id": pl.String(), "ts": pl.Datetime("us"), "price": pl.Float64()}
)


class Market(NamedTuple):
    """Terms of one contract, in the order of MARKET_SCHEMA."""

    contract_id: str
    venue: str
    family: str
    question: str
    kind: str
    range_low: float | None
    range_high: float | None
    opens_ts: datetime
    expires_ts: datetime

    def is_open(self, day: date) -> bool:
        """Whether any part of a UTC day lies in the contract's life."""
        return self.opens_ts.date() <= day <= self.expires_ts.date()


class _Folder:
    """The saved answers and the markets read from them."""

    def __init__(self, landing: Path) -> None:
        self.markets_file = landing / FOLDER / "markets.json"
        self._prices = landing / FOLDER / "prices-history"

    def markets(self, day: date) -> tuple[list[Market], list[tuple[str, str]]]:
        """Contracts open on a day, and answers that are none, with the reason."""
        if not self.markets_file.is_file():
            return [], []
        try:
            answers = json.loads(self.markets_file.read_bytes())
        except ValueError as error:
            raise SourceError(
                f"{self.markets_file}: not JSON ({error}); fetch the markets again"
            ) from error
        if not isinstance(answers, list):
            raise SourceError(f"{self.markets_file}: not a list of markets; fetch them again")
        found, rejects = [], []
        for answer in answers:
            try:
                market = read_market(answer)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                rejects.append((f"{type(error).__name__}: {error}", json.dumps(answer)))
                continue
            if market.is_open(day):
                found.append(market)
        return found, rejects

    def price_file(self, market: Market) -> Path:
        """Where the price history of a contract lies."""
        return self._prices / f"{market.contract_id}.json"


class MarketReader:
    """Reads raw.prediction_markets."""

    def __init__(self, landing: Path) -> None:
        self._folder = _Folder(landing)

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The file of all markets, on dates on which one of them is open."""
        markets, _ = self._folder.markets(day)
        return [self._folder.markets_file] if markets else []

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the contracts open on one UTC day.

        Raises
        ------
        SourceError
            If the file of markets cannot be read.
        """
        markets, rejects = self._folder.markets(day)
        if markets:
            yield RawRows(
                "",
                pl.DataFrame(markets, MARKET_SCHEMA, orient="row"),
                pl.DataFrame(rejects, REJECT_SCHEMA, orient="row"),
            )


class PriceReader:
    """Reads raw.prediction_prices."""

    def __init__(self, landing: Path) -> None:
        self._folder = _Folder(landing)

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The price histories of the contracts open on a day."""
        markets, _ = self._folder.markets(day)
        paths = [self._folder.price_file(market) for market in markets]
        return sorted(path for path in paths if path.is_file())

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield the prices of one UTC day.

        Raises
        ------
        SourceError
            If a price history is not the vendor's JSON.
        """
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        first, last = start.timestamp(), (start + timedelta(days=1)).timestamp()
        rows: list[tuple] = []
        rejects: list[tuple[str, str]] = []
        for path in self.files(day):
            for point in _history(path):
                try:
                    stamp, price = float(point["t"]), float(point["p"])
                    ts = datetime.fromtimestamp(stamp, UTC).replace(tzinfo=None)
                except (TypeError, ValueError, KeyError, OverflowError) as error:
                    rejects.append((f"{path.name}: {error!r}", json.dumps(point)))
                    continue
                if first <= stamp < last:
                    rows.append((path.stem, ts, price))
        if rows:
            yield RawRows(
                "",
                pl.DataFrame(rows, PRICE_SCHEMA, orient="row"),
                pl.DataFrame(rejects, REJECT_SCHEMA, orient="row"),
            )


def read_market(answer: dict) -> Market:
    """One market object of the gamma interface.

    `outcomes` and `clobTokenIds` are JSON inside JSON; the token of "Yes" is found by name. Long
    token ids stay text.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the object lacks a field or its payoff is not a range, above or below.
    """
    outcomes = json.loads(answer["outcomes"])
    tokens = json.loads(answer["clobTokenIds"])
    yes = [token for word, token in zip(outcomes, tokens, strict=True) if word.lower() == "yes"]
    if len(yes) != 1:
        raise ValueError(f"outcomes are {outcomes}, not one Yes and one No")
    question = answer["question"]
    kind, low, high = contract_terms(answer.get("groupItemTitle") or "", question)
    events = answer.get("events") or [{}]
    family = events[0].get("slug") or answer["slug"]
    opens, expires = (_instant(answer[name]) for name in ("startDate", "endDate"))
    return Market(str(yes[0]), VENUE, family, question, kind, low, high, opens, expires)


def _instant(text: str) -> datetime:
    stamp = datetime.fromisoformat(text)
    if stamp.tzinfo is None:
        raise ValueError(f"{text} names no time zone")
    return stamp.astimezone(UTC).replace(tzinfo=None)


def _history(path: Path) -> list[dict]:
    try:
        return list(json.loads(path.read_bytes())["history"])
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{path}: not a price history ({error!r}); fetch the token again"
        ) from error
