"""Options on several names, priced on every arrangement of a snapshot's states.

All underlyings are prices over their forwards, so that strikes are comparable. The price is the
default arrangement's; the band runs over the priors, the deviation over the default's restarts.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.joint import Solved
from offtape_assets.quant.joint_options import basket_calls, best_of_calls

Floats = NDArray[np.float64]
Pricer = Callable[[Floats, float], Floats]

BASKET_STRIKES = np.array([0.9, 0.95, 1.0, 1.05, 1.1])
SPREAD_STRIKES = np.array([0.0, 0.05])
PAIRED_NAMES = 3
"""Spread and best-of options are on the first names of the configured order, those most traded."""

OPTION_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "expiry": pl.Date(),
        "option_kind": pl.String(),
        "underlyings": pl.String(),
        "relative_strike": pl.Float64(),
        "option_price": pl.Float64(),
        "option_price_low": pl.Float64(),
        "option_price_high": pl.Float64(),
        "option_price_sd": pl.Float64(),
    }
)


def option_rows(solved: Solved, stocks: Sequence[str]) -> pl.DataFrame:
    """Rows of model.joint_options on the stocks that have a law, in the order given."""
    snapshot = solved.snapshot
    names = snapshot.tickers[: snapshot.names]
    listed = [ticker for ticker in stocks if ticker in names]
    discount = float(np.median(snapshot.discounts))
    rows = []
    for kind, underlyings, strikes, columns, pricer in _options(listed):
        held = [names.index(ticker) for ticker in columns]
        forwards = snapshot.forwards[held]
        prices = {
            prior: [pricer(run.law.names[:, held] / forwards, discount) for run in solved.of(prior)]
            for prior in solved.unconditional
        }
        means = np.array([np.mean(found, axis=0) for found in prices.values()])
        default = np.array(prices[solved.default])
        price = default.mean(axis=0)
        spread = default.std(axis=0, ddof=1) if len(default) > 1 else None
        for k, strike in enumerate(strikes):
            rows.append(
                {
                    "ts": snapshot.ts,
                    "expiry": snapshot.expiry,
                    "option_kind": kind,
                    "underlyings": underlyings,
                    "relative_strike": float(strike),
                    "option_price": float(price[k]),
                    "option_price_low": float(means[:, k].min()),
                    "option_price_high": float(means[:, k].max()),
                    "option_price_sd": None if spread is None else float(spread[k]),
                }
            )
    return pl.DataFrame(rows, schema=OPTION_SCHEMA)


def _options(
    stocks: Sequence[str],
) -> Iterator[tuple[str, str, Floats, Sequence[str], Pricer]]:
    """Kind, label, strikes, tickers and pricer of each option."""
    if len(stocks) < 2:
        return
    equal = np.full(len(stocks), 1.0 / len(stocks))
    yield (
        "basket",
        "+".join(stocks),
        BASKET_STRIKES,
        stocks,
        lambda states, discount: basket_calls(states, equal, BASKET_STRIKES, discount),
    )
    leaders = stocks[:PAIRED_NAMES]
    for first, second in combinations(leaders, 2):
        yield (
            "spread",
            f"{first}-{second}",
            SPREAD_STRIKES,
            (first, second),
            lambda states, discount: basket_calls(states, [1.0, -1.0], SPREAD_STRIKES, discount),
        )
    yield (
        "best_of",
        ",".join(leaders),
        BASKET_STRIKES,
        leaders,
        lambda states, discount: best_of_calls(states, BASKET_STRIKES, discount),
    )
