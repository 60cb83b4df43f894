"""A simulated coin, its volatility index and weekly range contracts on it, with a planted mispricing.

The coin moves hourly with constant volatility, so that a contract's fair price is known exactly. The
market's price strays from it and returns; in the 'null' and 'constant' worlds it does not stray.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.signal import lfilter

from offtape_assets.quant.merton import lognormal_interval_probabilities
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.streams import indexed_normals, stream_key

SYMBOL, VENUE = "BTC", "simulated"
EPOCH = datetime(2020, 1, 1)
FIRST_SPOT_USD = 60_000.0
VOLATILITY = 0.55
DRIFT = 0.05
INDEX_NOISE_POINTS = 0.2
STRAY_SD_USD = 0.04
"""Standard deviation of the market's error at a fair price of one half; less towards 0 and 1."""
STRAY_HALF_LIFE_HOURS = 6.0
TICK_USD = 0.005
LEAST_PRICE_USD = 0.0005
PLACEHOLDER_USD = 0.35
SECONDS_AFTER_HOUR = 5
RANGES = 7
RANGE_WIDTH = 0.025
"""Width of a range over the spot price when the contracts open."""
HOURS_PER_YEAR = 8760.0
_NEW_YORK = ZoneInfo("America/New_York")


class Family(NamedTuple):
    """The contracts that settle at one expiry: ids and bounds, low to high (0 and inf: none)."""

    name: str
    opens: datetime
    expires: datetime
    contracts: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class CoinMarket:
    """The coin and its contracts in one simulated world."""

    def __init__(self, world: World) -> None:
        self._seed = world.seed
        self._stray = 0.0 if world.kind in ("null", "constant") else STRAY_SD_USD

    def covers(self, day: date) -> bool:
        """Whether the coin existed on a UTC day and the week before."""
        return day >= EPOCH.date() + timedelta(days=8)

    def closes(self, hours: int) -> NDArray[np.float64]:
        """Close of each hour since the epoch."""
        moves = indexed_normals(stream_key(self._seed, "coin"), np.arange(hours))
        variance = VOLATILITY**2 / HOURS_PER_YEAR
        steps = np.sqrt(variance) * moves + DRIFT / HOURS_PER_YEAR - variance / 2
        return FIRST_SPOT_USD * np.exp(np.cumsum(steps))

    def bars(self, day: date) -> pl.DataFrame:
        """Hourly bars of one UTC day, stamped at their start."""
        first = _hours_since_epoch(_midnight(day))
        path = self.closes(first + 24)[-25:]
        reach = np.abs(indexed_normals(stream_key(self._seed, "reach"), first + np.arange(24)))
        wick = 1.0 + 0.3 * VOLATILITY / np.sqrt(HOURS_PER_YEAR) * reach
        opened, closed = path[:-1], path[1:]
        return _bars(
            day,
            opened,
            np.maximum(opened, closed) * wick,
            np.minimum(opened, closed) / wick,
            closed,
        )

    def index(self, day: date) -> pl.DataFrame:
        """The volatility index: the true volatility in points, a little noisy."""
        first = _hours_since_epoch(_midnight(day))
        noise = indexed_normals(stream_key(self._seed, "index"), first + np.arange(-1, 24))
        points = 100.0 * VOLATILITY + INDEX_NOISE_POINTS * noise
        opened, closed = points[:-1], points[1:]
        return _bars(day, opened, np.maximum(opened, closed), np.minimum(opened, closed), closed)

    def families(self, day: date) -> Iterator[Family]:
        """Families any part of whose life lies in a UTC day."""
        friday = day - timedelta(days=(day.weekday() - 4) % 7)
        for settles in (friday, friday + timedelta(days=7)):
            family = self._family(settles)
            if family.opens.date() <= day <= family.expires.date():
                yield family

    def _family(self, friday: date) -> Family:
        expires, before = _noon(friday), _noon(friday - timedelta(days=7))
        opens = before + timedelta(hours=2, seconds=SECONDS_AFTER_HOUR)
        spot = self.closes(_hours_since_epoch(opens))[-1]
        width = max(round(spot * RANGE_WIDTH, -2), 100.0)
        edges = round(spot / width) * width + width * np.arange(-(RANGES // 2) + 0.5, RANGES // 2)
        name = f"simulated-bitcoin-price-on-{friday}"
        ids = tuple(
            str(stream_key(self._seed, name, place)).rjust(20, "1") for place in range(RANGES)
        )
        return Family(name, opens, expires, ids, np.r_[0.0, edges], np.r_[edges, np.inf])

    def markets(self, day: date) -> pl.DataFrame:
        """Terms of the contracts open on a day."""
        rows = []
        for family in self.families(day):
            for contract, low, high in zip(family.contracts, family.low, family.high, strict=True):
                kind = "below" if low == 0.0 else "above" if np.isinf(high) else "range"
                bounds = (low or None, None if np.isinf(high) else high)
                question = (
                    f"Bitcoin {kind} {bounds[0] or ''}-{bounds[1] or ''} on {family.expires}?"
                )
                rows.append(
                    (
                        *(contract, VENUE, family.name, question, kind),
                        *bounds,
                        family.opens,
                        family.expires,
                    )
                )
        return pl.DataFrame(
            rows,
            {
                **dict.fromkeys(("contract_id", "venue", "family", "question", "kind"), pl.String),
                **dict.fromkeys(("range_low", "range_high"), pl.Float64),
                **dict.fromkeys(("opens_ts", "expires_ts"), pl.Datetime("us")),
            },
            orient="row",
        )

    def prices(self, day: date) -> pl.DataFrame:
        """The market's hourly prices: fair plus stray, in ticks; placeholders in the first hour."""
        return self._hourly(day).select("contract_id", "ts", "price")

    def fair_values(self, day: date) -> pl.DataFrame:
        """True probabilities and planted errors at the stamps of the prices before the expiry."""
        return self._hourly(day).select("contract_id", "ts", "probability", "dislocation")

    def _hourly(self, day: date) -> pl.DataFrame:
        frames = [
            pl.DataFrame(
                schema={
                    "contract_id": pl.String,
                    "ts": pl.Datetime("us"),
                    "price": pl.Float64,
                    "probability": pl.Float64,
                    "dislocation": pl.Float64,
                }
            )
        ]
        for family in self.families(day):
            fair, stray = self._values(family)
            market = np.round((fair + stray) / TICK_USD) * TICK_USD
            market = np.clip(market, LEAST_PRICE_USD, 1.0 - LEAST_PRICE_USD)
            market[0] = PLACEHOLDER_USD
            stamps = [family.opens + timedelta(hours=hour) for hour in range(fair.shape[0])]
            frames += [
                pl.DataFrame(
                    {
                        "contract_id": contract,
                        "ts": pl.Series(stamps, dtype=pl.Datetime("us")),
                        "price": market[:, place],
                        "probability": fair[:, place],
                        "dislocation": stray[:, place],
                    }
                )
                for place, contract in enumerate(family.contracts)
            ]
        return pl.concat(frames).filter(pl.col("ts").dt.date() == day).sort("contract_id", "ts")

    def _values(self, family: Family) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Fair price and planted error of every hour of a family's life, (hours, contracts)."""
        first = _hours_since_epoch(family.opens)
        last = _hours_since_epoch(family.expires)
        spots = self.closes(last)[first - 1 :]
        hours = last - first
        fair = np.stack(
            [
                lognormal_interval_probabilities(
                    *(family.low, family.high, spots[hour], VOLATILITY, DRIFT),
                    years=(hours - hour) / HOURS_PER_YEAR,
                )
                for hour in range(hours)
            ]
        )
        keep = 0.5 ** (1.0 / STRAY_HALF_LIFE_HOURS)
        noise = np.stack(
            [
                indexed_normals(stream_key(self._seed, contract), np.arange(hours))
                for contract in family.contracts
            ],
            axis=1,
        )
        stray = lfilter([self._stray * np.sqrt(1.0 - keep**2)], [1.0, -keep], noise, axis=0)
        return fair, 4.0 * fair * (1.0 - fair) * stray


def _bars(
    day: date,
    opened: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    closed: NDArray[np.float64],
) -> pl.DataFrame:
    start = _midnight(day)
    return pl.DataFrame(
        {
            "symbol": SYMBOL,
            "ts": pl.Series(
                [start + timedelta(hours=hour) for hour in range(24)], dtype=pl.Datetime("us")
            ),
            "open": opened.round(2),
            "high": np.maximum(high, np.maximum(opened, closed)).round(2),
            "low": np.minimum(low, np.minimum(opened, closed)).round(2),
            "close": closed.round(2),
        }
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _noon(day: date) -> datetime:
    """Noon in New York as naive UTC."""
    return datetime.combine(day, time(12), _NEW_YORK).astimezone(UTC).replace(tzinfo=None)


def _hours_since_epoch(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(hours=1)
