"""The simulator as a source of raw and truth tables, seeded by (seed, date, ticker).

It only knows which table is answered by which module; the market itself is in its neighbours.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple
from datetime import date
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import TypeVar

import polars as pl
from polars import selectors as cs

from offtape_assets.market.calendar import is_session, sessions_before
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.sources.simulator import (
    bars,
    chain,
    factors,
    joint,
    kalshi,
    tape_rows,
    truth,
    whole_market,
)
from offtape_assets.sources.simulator.contracts import CoinMarket
from offtape_assets.sources.simulator.event import Event, utc_midnight
from offtape_assets.sources.simulator.levels import Levels
from offtape_assets.sources.simulator.settings import VERSION, World
from offtape_assets.sources.simulator.world import SessionWorld
from offtape_assets.sources.source import Arriving, RawRows, SourceError
from offtape_assets.tables import raw
from offtape_assets.tables import truth as truth_tables
from offtape_assets.tables.table import Partitions, Table

T = TypeVar("T")
SESSIONS_KEPT = 2
DIGITS = 10
"""Significant digits of doubles: the last ones differ between processors."""


class SimulatorSource:
    """A market made up from a seed; see settings.World for what can be planted.

    Parameters
    ----------
    seed, world, event_date, rates
        As in `settings.World` (`world` is its `kind`).
    event_yes, event_no
        The two contracts of the event.
    workers
        Names simulated at once; the rows do not depend on it.
    **planted
        Any other field of `settings.World`.
    """

    name = "simulator"
    reads_day_files = False

    def __init__(
        self,
        seed: int = World.seed,
        world: str = World.kind,
        event_date: date = World.event_date,
        rates: str = World.rates,
        event_yes: str = "PRES-2024-DJT",
        event_no: str = "PRES-2024-KH",
        workers: int = 1,
        **planted: float | str,
    ) -> None:
        self.world = World(
            seed=seed, kind=world, event_date=event_date, rates=rates, **planted  # type: ignore[arg-type]
        )  # fmt: skip
        self.event = Event(self.world)
        self.levels = Levels(self.world, self.event)
        coin = self.coin = CoinMarket(self.world)
        self._contracts = (event_yes, event_no)
        self._workers = max(1, workers)
        self.session = lru_cache(maxsize=SESSIONS_KEPT)(self._session)
        self._by_name: dict[Table, Callable[[date, str, Path], pl.DataFrame | Path]] = {
            raw.TRADES: self._trades,
            raw.QUOTES: self._quotes,
            raw.OPTION_QUOTES: lambda day, name, _: chain.option_quotes(self.session(day), name),
            raw.OPEN_INTEREST: lambda day, name, _: chain.open_interest(self.session(day), name),
            truth_tables.TRADE_INITIATORS: self._trade_initiators,
            truth_tables.ATTRIBUTION: self._attribution,
            truth_tables.FACTOR_LOADINGS: self._factor_loadings,
            truth_tables.CONDITIONAL_LAWS: (
                lambda day, name, _: chain.conditional_law_rows(self.session(day), name)
            ),
        }
        self._by_day: dict[Table, Callable[[date, Sequence[str]], pl.DataFrame]] = {
            raw.FACTOR_WEIGHTS: lambda day, _: factors.weight_rows(self.world.market_names, day),
            raw.FACTOR_LIBRARY: self._factor_library,
            raw.ETF_BASKETS: self._etf_baskets,
            truth_tables.JOINT_CORRELATIONS: self._joint_correlations,
            truth_tables.FACTOR_LAWS: self._factor_laws,
            raw.DAILY_BARS: self._daily_bars,
            raw.MINUTE_BARS: self._minute_bars,
            raw.KALSHI_TRADES: self._kalshi_trades,
            raw.TREASURY_BILLS: lambda day, _: chain.treasury_bills(),
            truth_tables.EVENT_PATH: self._event_path,
            truth_tables.LEADERS: self._leaders,
            truth_tables.PLANTED_DIRT: self._planted_dirt,
        }
        self._by_coin_day = _coin_tables(coin)

    def arrive(self, table: Table, day: date, tickers: Sequence[str], progress: Arriving) -> None:
        """Nothing: rows are made when they are read."""

    def fingerprint(self, table: Table, day: date, ticker: str = "") -> str | None:
        """Identity of the rows: settings, version, table, date and ticker."""
        if not self._has(table, day):
            return None
        parts = (VERSION, astuple(self.world), self._contracts, table.full_name, day, ticker)
        return sha256(repr(parts).encode()).hexdigest()

    def read(
        self, table: Table, day: date, tickers: Sequence[str], scratch: Path
    ) -> Iterator[RawRows]:
        """Yield the partitions of a table and date in the order asked."""
        if not self._has(table, day):
            return
        if table == raw.QUOTES_1S:
            others = self.world.market_names
            yield RawRows(
                "", whole_market.write(self.session(day), others, scratch, self._in_threads)
            )
            return
        if table in self._by_coin_day:
            yield RawRows("", _portable(self._by_coin_day[table](day)))
            return
        if table in self._by_day:
            yield RawRows("", _portable(self._by_day[table](day, tickers or STUDY_TICKERS)))
            return
        make = self._by_name[table]
        rows = self._in_threads(lambda ticker: make(day, ticker, scratch), tickers)
        for ticker, made in zip(tickers, rows, strict=True):
            yield RawRows(ticker, _portable(made) if isinstance(made, pl.DataFrame) else made)

    def _has(self, table: Table, day: date) -> bool:
        if table in self._by_coin_day:
            return self.coin.covers(day)
        if table not in {*self._by_name, *self._by_day, raw.QUOTES_1S}:
            return False
        if table.partitions is Partitions.CALENDAR_DAY:
            midnight = utc_midnight(day)
            return self.event.listed < midnight + 86_400 and midnight < self.event.settled
        return is_session(day)

    def _in_threads(self, make: Callable[[str], T], tickers: Sequence[str]) -> Iterator[T]:
        """Results in order, never more than the workers at once, so memory stays bounded."""
        with ThreadPoolExecutor(self._workers) as pool:
            names = iter(tickers)
            waiting: list[Future[T]] = [
                pool.submit(make, ticker) for ticker in islice(names, self._workers)
            ]
            while waiting:
                done = waiting.pop(0).result()
                waiting += [pool.submit(make, ticker) for ticker in islice(names, 1)]
                yield done

    def _session(self, day: date) -> SessionWorld:
        if not is_session(day):
            raise SourceError(f"{day} is not a trading day; ask for a date the exchange was open")
        return SessionWorld(self.world, self.event, self.levels, day)

    def _trades(self, day: date, ticker: str, scratch: Path) -> pl.DataFrame:
        return tape_rows.trades(self.session(day), ticker)

    def _quotes(self, day: date, ticker: str, scratch: Path) -> pl.DataFrame | Path:
        return tape_rows.quotes(self.session(day), ticker, scratch)

    def _trade_initiators(self, day: date, ticker: str, scratch: Path) -> pl.DataFrame:
        return tape_rows.initiators(self.session(day), ticker)

    def _attribution(self, day: date, ticker: str, scratch: Path) -> pl.DataFrame:
        return truth.attribution(self.levels, self.levels.name(ticker))

    def _factor_loadings(self, day: date, ticker: str, scratch: Path) -> pl.DataFrame:
        return truth.factor_loadings(self.levels, self.levels.name(ticker))

    def _kalshi_trades(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        return kalshi.trades(self.world, self.event, day, self._contracts)

    def _factor_library(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        yesterday = self.session(sessions_before(day, 1)[0])
        return factors.library_row(self.session(day), yesterday)

    def _etf_baskets(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        names = [self.levels.name(ticker) for ticker in tickers]
        return factors.basket_rows(self.levels, names, day)

    def _joint_correlations(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        return joint.correlation_rows(self.session(day), tickers)

    def _factor_laws(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        return joint.factor_rows(self.session(day), tickers)

    def _daily_bars(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        market = self.session(day)
        frames = self._in_threads(lambda ticker: bars.daily_bar(market, ticker), tickers)
        return bars.stacked(list(frames))

    def _minute_bars(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        market = self.session(day)
        frames = self._in_threads(lambda ticker: tape_rows.minute_bars(market, ticker), tickers)
        return bars.stacked(list(frames))

    def _event_path(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        return truth.event_path(self.world, self.event, day)

    def _leaders(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        return truth.leaders(self.world, self.levels, tickers, self._contracts[0])

    def _planted_dirt(self, day: date, tickers: Sequence[str]) -> pl.DataFrame:
        return truth.planted_dirt(self.world, day, tickers)


def _portable(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows with doubles as any machine makes them."""
    return rows.with_columns(cs.float().round_sig_figs(DIGITS))


def _coin_tables(coin: CoinMarket) -> dict[Table, Callable[[date], pl.DataFrame]]:
    """What the coin and its contracts answer, by UTC day."""
    return {
        raw.CRYPTO_BARS: coin.bars,
        raw.VOLATILITY_INDEX: coin.index,
        raw.PREDICTION_MARKETS: coin.markets,
        raw.PREDICTION_PRICES: coin.prices,
        truth_tables.CONTRACT_FAIR_VALUES: coin.fair_values,
    }
