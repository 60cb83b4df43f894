"""What goes into one joint law: the names' states at an instant and the funds' holdings.

Picks snapshots, turns densities into equiprobable states, checks that holdings and forwards
agree. Solving is in joint.py.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.quant.joint_feasibility import reconcile_forwards
from offtape_assets.quant.joint_law import JointProblem
from offtape_assets.quant.joint_quantiles import centre_states, density_quantiles, state_levels

Floats = NDArray[np.float64]

FORWARD_TOLERANCE = 0.01
"""Largest relative move of a forward that reconciling holdings may take: option forwards carry
errors of basis points; more means stale holdings."""
COVERAGE_TOLERANCE = 0.05
"""A fund whose known holdings are worth less or more than its forward by this is not imposed."""


class Snapshot(NamedTuple):
    """One instant and expiry: the laws of all names, and the baskets to impose."""

    ts: datetime
    expiry: date
    tickers: tuple[str, ...]
    """Names, then funds with a basket: the columns of `states`."""
    states: Floats
    """(n, tickers) ascending prices at expiry (USD), with the reconciled forward as mean."""
    forwards: Floats
    discounts: Floats
    tau_years: float
    weights: Floats
    """(names, funds) shares of a name in one share of a fund."""
    origins: tuple[str, ...]
    """Per fund where its holdings come from: 'basket' or 'replication'."""
    forward_gaps: Floats
    """Per fund, holdings at forwards over the fund's forward, minus one."""
    refused: Mapping[str, str]
    """Funds with holdings that are not imposed, and why; 'all' where the whole law is refused."""
    levered: tuple["Levered", ...]
    """Funds that only multiply another column's return: placed in its order, not solved for."""

    @property
    def names(self) -> int:
        """Number of columns that are names; the rest are funds."""
        return self.weights.shape[0]

    def problem(self) -> JointProblem:
        """The rearrangement problem of the snapshot."""
        return JointProblem(
            self.states[:, : self.names], self.states[:, self.names :], self.weights
        )


class Levered(NamedTuple):
    """A fund that returns a multiple of another's return."""

    ticker: str
    parent: str
    sign: float
    states: Floats
    """(n,) ascending prices at expiry (USD)."""


class Holdings(NamedTuple):
    """Shares per share of one fund, and where they come from."""

    shares: Mapping[str, float]
    origin: str


def snapshot_times(instants: Sequence[datetime], wanted: Sequence[datetime]) -> list[datetime]:
    """Latest instant at or before each wanted one, each once; the first if all are later."""
    listed = sorted(set(instants))
    picked = [max((ts for ts in listed if ts <= goal), default=None) for goal in wanted]
    found = sorted({ts for ts in picked if ts is not None})
    return found or listed[:1]


def common_expiry(fits: pl.DataFrame) -> date | None:
    """The expiry for which most names have a law; the earliest of several such."""
    usable = fits.filter(pl.col("status") == "ok")
    counts = usable.group_by("expiry").agg(pl.col("ticker").n_unique().alias("names"))
    if counts.is_empty():
        return None
    best: date = counts.sort(["names", "expiry"], descending=[True, False])["expiry"][0]
    return best


def fund_holdings(baskets: pl.DataFrame, replications: pl.DataFrame) -> dict[str, Holdings]:
    """Holdings per fund: its basket, or replication weights where no basket of any fund is known.

    Replication matches factor exposures, not the fund: it is a fallback and labelled as such.
    Of its two portfolios the one of least variance is taken; its weights are shares of value and
    stay so until forwards are known.
    """
    if not baskets.is_empty():
        latest = baskets.filter(pl.col("as_of") == pl.col("as_of").max().over("etf"))
        return {
            str(etf): Holdings(
                dict(zip(own["ticker"], own["shares_per_share"], strict=True)), "basket"
            )
            for (etf,), own in latest.group_by("etf", maintain_order=True)
        }
    usable = replications.filter(method="min_variance", status="ok").drop_nulls("weight_normalized")
    return {
        str(etf): Holdings(
            dict(zip(own["ticker"], own["weight_normalized"], strict=True)), "replication"
        )
        for (etf,), own in usable.group_by("etf", maintain_order=True)
    }


def name_states(densities: pl.DataFrame, count: int) -> dict[str, Floats]:
    """Equiprobable states of each name's density; names without a usable one are left out."""
    levels = state_levels(count)
    found = {}
    for (ticker,), own in densities.sort("ticker", "strike").group_by(
        "ticker", maintain_order=True
    ):
        strikes, density, cdf = (
            own[column].to_numpy().astype(float) for column in ("strike", "density", "cdf")
        )
        if len(own) < 3 or not (np.isfinite(density) & np.isfinite(cdf)).all():
            continue
        states = density_quantiles(
            strikes,
            np.maximum(density, 0.0),
            levels,
            mass_below=float(np.clip(cdf[0], 0.0, 0.4)),
            mass_above=float(np.clip(1.0 - cdf[-1], 0.0, 0.4)),
        )
        if np.ptp(states) > 0:
            found[str(ticker)] = states
    return found


def take_snapshot(
    ts: datetime,
    densities: pl.DataFrame,
    fits: pl.DataFrame,
    holdings: Mapping[str, Holdings],
    leverage: Mapping[str, tuple[str, float]],
    count: int,
) -> Snapshot | None:
    """Everything one joint law needs; None where fewer than two names have a law.

    `densities` and `fits` are the rows of the instant, of all names and expiries; `leverage` has
    the parent and the multiple of funds that only multiply another's return.
    """
    expiry = common_expiry(fits)
    if expiry is None:
        return None
    rows = fits.filter((pl.col("expiry") == expiry) & (pl.col("status") == "ok"))
    facts = {row["ticker"]: row for row in rows.iter_rows(named=True)}
    chosen = densities.filter((pl.col("expiry") == expiry) & pl.col("ticker").is_in(list(facts)))
    laws = name_states(chosen, count)
    if len(laws) < 2:
        return None
    forward = {ticker: float(facts[ticker]["forward"]) for ticker in laws}
    levered = tuple(
        Levered(fund, parent, np.sign(multiple), centre_states(laws.pop(fund), forward[fund]))
        for fund, (parent, multiple) in sorted(leverage.items())
        if fund in laws and parent in laws and fund not in holdings
    )
    imposed, refused = _imposed(holdings, forward)
    names = tuple(sorted(ticker for ticker in laws if ticker not in imposed))
    funds = tuple(sorted(imposed))
    weights = np.array([[imposed[f].shares.get(n, 0.0) for f in funds] for n in names])
    weights = weights.reshape(len(names), len(funds))
    agreed, gaps = _agreed([forward[ticker] for ticker in names + funds], weights)
    if agreed is None:
        refused["all"] = "inconsistent_forwards"
        agreed = np.array([forward[ticker] for ticker in names + funds])
    tickers = names + funds
    return Snapshot(
        ts,
        expiry,
        tickers,
        np.column_stack([centre_states(laws[t], f) for t, f in zip(tickers, agreed, strict=True)]),
        agreed,
        np.array([float(facts[ticker]["discount"]) for ticker in tickers]),
        float(rows["tau_years"].median()),  # type: ignore[arg-type]
        weights,
        tuple(imposed[f].origin for f in funds),
        gaps,
        refused,
        levered,
    )


def _agreed(forwards: Sequence[float], weights: Floats) -> tuple[Floats | None, Floats]:
    """Forwards at which every fund is worth its holdings, None if too far; the gaps before."""
    before = np.array(forwards)
    outcome = reconcile_forwards(before[: len(weights)], before[len(weights) :], weights)
    if outcome.largest_move > FORWARD_TOLERANCE:
        return None, outcome.gaps
    return np.concatenate([outcome.names, outcome.baskets]), outcome.gaps


def _imposed(
    holdings: Mapping[str, Holdings], forward: Mapping[str, float]
) -> tuple[dict[str, Holdings], dict[str, str]]:
    """Funds whose holdings are all known and worth the fund, in shares; the others with a reason."""
    imposed: dict[str, Holdings] = {}
    refused: dict[str, str] = {}
    for fund, held in holdings.items():
        if fund not in forward or any(ticker not in forward for ticker in held.shares):
            refused[fund] = "missing_marginal"
            continue
        if any(ticker in holdings for ticker in held.shares):
            refused[fund] = "fund_of_funds"
            continue
        shares = dict(held.shares)
        if held.origin == "replication":
            shares = {t: w * forward[fund] / forward[t] for t, w in shares.items()}
        worth = sum(number * forward[ticker] for ticker, number in shares.items())
        if abs(worth / forward[fund] - 1.0) > COVERAGE_TOLERANCE:
            refused[fund] = "inconsistent_forwards"
            continue
        imposed[fund] = Holdings(shares, held.origin)
    return imposed, refused
