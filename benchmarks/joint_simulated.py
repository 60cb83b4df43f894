"""The joint problem of the simulated event day with the laws the simulator knows.

What an arrangement reaches on them is free of the options' noise and of fitted smiles.
"""

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import polars as pl
from scipy.special import ndtr

from offtape_assets.market.universe import EQUITIES, ETFS
from offtape_assets.quant.joint_feasibility import reconcile_forwards
from offtape_assets.quant.joint_law import JointProblem
from offtape_assets.quant.joint_quantiles import centre_states, state_levels
from offtape_assets.sources.simulator import chain
from offtape_assets.sources.simulator.factors import members
from offtape_assets.sources.simulator.joint import covariance_over_forwards, horizon
from offtape_assets.sources.simulator.laws import aftermaths, conditional_laws
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.sources.simulator.world import SessionWorld
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)
LOG_SPAN = 1.2
"""Half-width in logs of the grid on which a true law is inverted."""


class SimulatedDay(NamedTuple):
    """True marginals and holdings, and what they imply."""

    problem: JointProblem
    correlation: np.ndarray
    """Of the names' prices at the expiry."""
    dollars: np.ndarray
    """(names, 5) forward value of a name in each factor's portfolio."""
    factor_sd: np.ndarray
    """(5,) true standard deviation of each factor's value."""


def simulated_day(states: int) -> SimulatedDay:
    """The close of the event day: 20 stocks, and the funds whose holdings are known."""
    source = SimulatorSource()
    market = source.session(DAY)
    second, expiry = market.close, horizon(market)
    names = sorted(name.ticker for name in EQUITIES)
    tickers = [name.ticker for name in EQUITIES + ETFS]
    with TemporaryDirectory() as scratch:
        read = source.read(raw.ETF_BASKETS, DAY, tickers, Path(scratch))
        baskets = pl.concat([delivered.rows for delivered in read])
    shares = baskets.pivot("etf", index="ticker", values="shares_per_share").fill_null(0.0)
    shares = pl.DataFrame({"ticker": names}).join(shares, on="ticker", how="left").fill_null(0.0)
    funds = shares.columns[1:]
    weights = shares.select(funds).to_numpy().astype(float)
    forwards = {t: _forward(market, t, second, expiry) for t in [*names, *funds]}
    agreed = reconcile_forwards([forwards[t] for t in names], [forwards[t] for t in funds], weights)
    columns = [
        centre_states(_states(market, t, second, expiry, states), forward)
        for t, forward in zip([*names, *funds], [*agreed.names, *agreed.baskets], strict=True)
    ]
    laws = np.column_stack(columns)
    covariance = covariance_over_forwards(market, names, expiry, second)
    sd = np.sqrt(np.diag(covariance))
    everyone = members(market.world.market_names)
    held = everyone.weights[:, [list(everyone.tickers).index(t) for t in names]]
    dollars = (held * agreed.names).T
    return SimulatedDay(
        JointProblem(laws[:, : len(names)], laws[:, len(names) :], weights),
        covariance / np.outer(sd, sd),
        dollars,
        np.sqrt(np.einsum("if,ij,jf->f", dollars, covariance, dollars)),
    )


def _forward(market: SessionWorld, ticker: str, second: int, expiry: date) -> float:
    """Forward of a name."""
    spot = market.price(ticker)[[second]]
    return float(chain.forward_price(market, spot, (expiry - DAY).days)[0])


def _states(market: SessionWorld, ticker: str, second: int, expiry: date, count: int) -> np.ndarray:
    """Equiprobable prices over the forward of a mixture of lognormals over outcomes and falls."""
    law = conditional_laws(market, ticker, np.array([second]), expiry)
    grid = np.linspace(-LOG_SPAN, LOG_SPAN, 200_001)
    cdf = np.zeros(len(grid))
    chance = law.probability[0]
    for share, gain, variance, fall in (
        (chance, law.gain_yes[0], law.variance_yes[0], law.fall_yes),
        (1.0 - chance, law.gain_no[0], law.variance_no[0], law.fall_no),
    ):
        for part, factor in zip(*aftermaths(fall), strict=True):
            centre = np.log(gain * factor) - variance / 2.0
            cdf += share * part * ndtr((grid - centre) / np.sqrt(variance))
    return np.exp(np.interp(state_levels(count), cdf, grid))
