"""A date's joint laws: which snapshots are taken, and the rows they give.

The only place that knows all inputs of the joint law; each step is in its own module.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import NamedTuple

import polars as pl

from offtape_assets.estimates.joint import (
    Plan,
    Solved,
    correlation_rows,
    empty_fit,
    fit_rows,
    solve_snapshot,
    state_rows,
)
from offtape_assets.estimates.joint_marginals import (
    Snapshot,
    fund_holdings,
    snapshot_times,
    take_snapshot,
)
from offtape_assets.estimates.joint_options import OPTION_SCHEMA, option_rows
from offtape_assets.estimates.joint_starts import realized_correlation
from offtape_assets.market.calendar import NEW_YORK
from offtape_assets.market.groups import Group

EQUAL_PRIORS = (0.2, 0.4, 0.6)
"""Equal prior correlations swept beside maximum entropy: the range of large US stocks."""

STATE_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "expiry": pl.Date(),
        "state": pl.Int32(),
        "ticker": pl.String(),
        "price": pl.Float64(),
    }
)
CORRELATION_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "expiry": pl.Date(),
        "prior": pl.String(),
        "is_default": pl.Boolean(),
        "ticker_a": pl.String(),
        "ticker_b": pl.String(),
        "correlation": pl.Float64(),
        "correlation_sd": pl.Float64(),
    }
)
REPLICATION_SCHEMA = pl.Schema(
    {
        "etf": pl.String(),
        "ticker": pl.String(),
        "method": pl.String(),
        "weight_normalized": pl.Float64(),
        "status": pl.String(),
    }
)
CONDITIONAL_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "ticker": pl.String(),
        "expiry": pl.Date(),
        "method": pl.String(),
        "strike": pl.Float64(),
        "density_yes": pl.Float64(),
        "density_no": pl.Float64(),
    }
)
CONDITIONAL_FIT_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "ticker": pl.String(),
        "expiry": pl.Date(),
        "method": pl.String(),
        "status": pl.String(),
        "probability": pl.Float64(),
    }
)


class JointInputs(NamedTuple):
    """Frames of one date, of all names; only the first two must have rows."""

    densities: pl.DataFrame
    """ts, ticker, expiry, strike, density, cdf."""
    fits: pl.DataFrame
    """ts, ticker, expiry, status, forward, discount, tau_years."""
    baskets: pl.DataFrame
    """as_of, etf, ticker, shares_per_share."""
    log_mids: pl.DataFrame
    """ticker, bucket, log_mid."""
    replications: pl.DataFrame = pl.DataFrame(schema=REPLICATION_SCHEMA)
    """etf, ticker, method, weight_normalized, status: the fallback where no basket is known."""
    conditional: pl.DataFrame = pl.DataFrame(schema=CONDITIONAL_SCHEMA)
    """ts, ticker, expiry, method, strike, density_yes, density_no."""
    conditional_fits: pl.DataFrame = pl.DataFrame(schema=CONDITIONAL_FIT_SCHEMA)
    """ts, ticker, expiry, method, status, probability."""


class JointPlan(NamedTuple):
    """What is asked for."""

    day: date
    times: str
    """New York times of the snapshots, comma-separated, as 10:00,16:00."""
    states: int
    restarts: int
    seed: int
    stocks: tuple[str, ...]
    """Stocks in the order of trading volume, for options on several of them."""
    leverage: Mapping[str, tuple[str, float]] = {}
    """Parent and multiple of funds that only multiply another's return."""


def joint_day(read: JointInputs, plan: JointPlan) -> tuple[pl.DataFrame, ...]:
    """Rows of model.joint_states, joint_fits, joint_correlations and joint_options of a date."""
    states, fits = [pl.DataFrame(schema=STATE_SCHEMA)], []
    correlations, options = (
        [pl.DataFrame(schema=CORRELATION_SCHEMA)],
        [pl.DataFrame(schema=OPTION_SCHEMA)],
    )
    wanted = wanted_times(plan.day, plan.times)
    holdings = fund_holdings(read.baskets, read.replications)
    usable = read.fits.filter(pl.col("status") == "ok")
    instants = usable["ts"].to_list() or read.fits["ts"].to_list()
    solved: Solved | None = None
    for ts in snapshot_times(instants, wanted):
        at = [frame.filter(pl.col("ts") == ts) for frame in (read.densities, read.fits)]
        snapshot = take_snapshot(ts, at[0], at[1], holdings, plan.leverage, plan.states)
        if snapshot is None:
            fits.append(empty_fit([ts], "too_few_names"))
            continue
        solved = _solve(read, snapshot, plan, solved)
        states.append(state_rows(solved).cast(STATE_SCHEMA))
        fits.append(fit_rows(solved))
        correlations.append(correlation_rows(solved).cast(CORRELATION_SCHEMA))
        options.append(option_rows(solved, plan.stocks))
    fits = fits or [empty_fit([], "")]
    return pl.concat(states), pl.concat(fits), pl.concat(correlations), pl.concat(options)


def leverage_of(groups: Sequence[Group]) -> dict[str, tuple[str, float]]:
    """Parent and multiple of every levered fund of groups like QQQ,TQQQ:3,SQQQ:-3."""
    found = {}
    for group in groups:
        parents = [m.ticker for m in group.members if m.leverage == 1 and not m.fund]
        for member in group.members:
            if member.leverage != 1 and not member.fund and parents:
                found[member.ticker] = parents[0], member.leverage
    return found


def wanted_times(day: date, times: str) -> list[datetime]:
    """The snapshot times of a date as naive UTC instants.

    Raises
    ------
    ValueError
        If a part is not a time of day.
    """
    try:
        clock = [time.fromisoformat(part.strip()) for part in times.split(",") if part.strip()]
    except ValueError as error:
        raise ValueError(
            f"{times!r} are not times of day; write for example 10:00,16:00"
        ) from error
    local = [datetime.combine(day, at, NEW_YORK) for at in clock]
    return [at.astimezone(UTC).replace(tzinfo=None) for at in local]


def _solve(read: JointInputs, snapshot: Snapshot, plan: JointPlan, last: Solved | None) -> Solved:
    """All starts of a snapshot."""
    realized = realized_correlation(read.log_mids, _names(snapshot), snapshot.ts)
    here = (pl.col("ts") == snapshot.ts) & (pl.col("expiry") == snapshot.expiry)
    split = here & (pl.col("method") == "panel") & pl.col("ticker").is_in(list(snapshot.tickers))
    identified = read.conditional_fits.filter(split & (pl.col("status") == "ok"))
    conditional = read.conditional.filter(split).join(identified.select("ticker"), on="ticker")
    chance = identified["probability"].median()
    return solve_snapshot(
        snapshot,
        Plan(plan.restarts, EQUAL_PRIORS, plan.seed, plan.day),
        realized,
        conditional,
        None if chance is None else float(chance),  # type: ignore[arg-type]
        last,
    )


def _names(snapshot: Snapshot) -> Sequence[str]:
    """Columns of a snapshot that are no funds with holdings."""
    return snapshot.tickers[: snapshot.names]
