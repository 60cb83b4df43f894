"""Factor portfolios of the simulated market: who is in them, with what weight and loading.

Characteristics (size, value, profitability, investment) sort the names into cap-weighted legs.
The loadings of the names outside the study are then adjusted the least that makes each portfolio
load one on its own factor and nothing on the others, so a portfolio's return is its factor's.
"""

from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl

from offtape_assets.market.calendar import sessions_before
from offtape_assets.market.universe import EQUITIES
from offtape_assets.sources.simulator.chain import discount_rate
from offtape_assets.sources.simulator.levels import Levels
from offtape_assets.sources.simulator.names import FACTORS, Planted, planted
from offtape_assets.sources.simulator.streams import generator
from offtape_assets.sources.simulator.world import SessionWorld

STUDY_SHARE = 0.25
"""Share of the study's stocks in the market's capitalisation."""
VINTAGE = "simulated"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Members(NamedTuple):
    """Every stock of the market, in alphabetical order; arrays over them, `weights` by factor."""

    tickers: np.ndarray
    is_study: np.ndarray
    weights: np.ndarray
    """Shape (5, names): long legs sum to 1, short legs to -1, the market has only a long one."""
    loadings: np.ndarray
    """Shape (names, 5)."""
    price: np.ndarray
    own_daily_sd: np.ndarray
    update_share: np.ndarray
    """Share of seconds in which the name's quote is renewed."""
    half_spread: np.ndarray
    """Dollars."""


@lru_cache(maxsize=8)
def members(others: int) -> Members:
    """The study's stocks and `others` more."""
    rng = generator("market members", others)
    study = sorted(name.ticker for name in EQUITIES)
    symbols = ["X" + _symbol(i) for i in range(others)]
    tickers = np.array(study + symbols)
    is_study = np.arange(len(tickers)) < len(study)
    traits = rng.standard_normal((len(tickers), 4))
    traits[is_study, 0] = 2.5
    size = np.exp(1.3 * traits[:, 0])
    size[is_study] *= STUDY_SHARE / (1 - STUDY_SHARE) * size[~is_study].sum() / size[is_study].sum()
    weights = _portfolios(size, traits)
    loadings = np.column_stack([
        1 + 0.25 * rng.standard_normal(len(tickers)),
        -0.45 * traits[:, 0] + 0.3 * rng.standard_normal(len(tickers)),
        *(0.35 * traits[:, k] + 0.3 * rng.standard_normal(len(tickers)) for k in (1, 2, 3)),
    ])  # fmt: skip
    loadings[is_study] = [planted(ticker).loadings for ticker in study]
    loadings[~is_study] += _correction(weights, is_study) @ (np.eye(5) - weights @ loadings)
    price = np.exp(rng.normal(3.7, 0.6, len(tickers)))
    rank = 1 / (1 + np.exp(-1.2 * traits[:, 0]))
    half_spread = price * np.exp(rng.normal(-7.6, 0.4, len(tickers))) * (1.6 - rank)
    return Members(
        tickers, is_study, weights, loadings, price,
        np.exp(rng.normal(np.log(0.019), 0.3, len(tickers))), 0.12 + 0.88 * rank**1.5, half_spread,
    )  # fmt: skip


def _symbol(index: int) -> str:
    text = ""
    for _ in range(3):
        index, letter = divmod(index, 26)
        text = _LETTERS[letter] + text
    return text


def _portfolios(size: np.ndarray, traits: np.ndarray) -> np.ndarray:
    """Cap-weighted market, small minus big at the median, high minus low at the 30 % tails."""
    rows = [size / size.sum()]
    big = traits[:, 0] > np.median(traits[:, 0])
    legs = [(~big, big)]
    for trait in traits[:, 1:].T:
        low, high = np.quantile(trait, (0.3, 0.7))
        legs.append((trait > high, trait < low))
    for long, short in legs:
        rows.append(long * size / (long * size).sum() - short * size / (short * size).sum())
    return np.array(rows)


def _correction(weights: np.ndarray, is_study: np.ndarray) -> np.ndarray:
    """What the other names must take for a gap of one in each portfolio; (others, 5)."""
    held = weights[:, ~is_study]
    return held.T @ np.linalg.inv(held @ held.T)


def offset(market: Members, gaps: np.ndarray) -> np.ndarray:
    """Moves of the other names that cancel `gaps` (instants, 5) in the five portfolios."""
    return -gaps @ _correction(market.weights, market.is_study).T


def weight_rows(others: int, day: date) -> pl.DataFrame:
    """Rows of raw.factor_weights."""
    market = members(others)
    as_of = sessions_before(day, 1)[0]
    frames = [
        pl.DataFrame({
            "as_of": [as_of] * int((row != 0).sum()),
            "factor": [factor] * int((row != 0).sum()),
            "ticker": market.tickers[row != 0],
            "weight": row[row != 0],
        })
        for factor, row in zip(FACTORS, market.weights, strict=True)
    ]  # fmt: skip
    return pl.concat(frames)


def library_row(market: SessionWorld, yesterday: SessionWorld) -> pl.DataFrame:
    """The row of raw.factor_library: simple returns from close to close."""
    logs = market.factor_paths[market.close] + (
        yesterday.factor_paths[-1] - yesterday.factor_paths[yesterday.close]
    )
    daily_rate = discount_rate(28) / 252
    values = {factor: [float(np.expm1(log))] for factor, log in zip(FACTORS, logs, strict=True)}
    return pl.DataFrame({"vintage": [VINTAGE], **values, "rf": [daily_rate]})


def basket_rows(levels: Levels, names: list[Planted], day: date) -> pl.DataFrame:
    """Rows of raw.etf_baskets: constant shares of each stock in each fund that holds stocks."""
    as_of = sessions_before(day, 1)[0]
    rows = [
        (as_of, fund.ticker, stock, weight * fund.price_usd / levels.name(stock).price_usd)
        for fund in names
        for stock, weight in fund.weights
    ]
    schema = {
        "as_of": pl.Date,
        "etf": pl.String,
        "ticker": pl.String,
        "shares_per_share": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")
