"""One joint law of all names per snapshot: start after start solved, spreads kept apart.

The band over priors is what the baskets leave undetermined; the spread over restarts of one
prior is only the noise of the arrangement. Laws of factors are in factor_laws.py, options on
several names in joint_options.py.
"""

import time
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from zlib import crc32

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.joint_marginals import Snapshot
from offtape_assets.estimates.joint_starts import (
    EVENT,
    FALLBACK_CORRELATION,
    GIVEN_NO,
    GIVEN_YES,
    MIXED,
    REALIZED,
    Start,
    event_laws,
    event_starts,
    gaussian_starts,
    previous_snapshot,
)
from offtape_assets.quant.joint_law import JointLaw, solve_joint
from offtape_assets.quant.joint_starts import arrange_by, equicorrelation

Floats = NDArray[np.float64]


UNCONSTRAINED = "no holdings imposed: the start is the answer"


class Plan(NamedTuple):
    """What is solved at each snapshot."""

    restarts: int
    equal: tuple[float, ...]
    """Equal prior correlations swept."""
    seed: int
    day: date


class Run(NamedTuple):
    """One arrangement."""

    prior: str
    restart: int
    law: JointLaw
    funds: tuple[str, ...]
    """Funds imposed in this run."""
    variance_gaps: Floats
    solve_ms: float
    tickers: tuple[str, ...]
    states: Floats
    """(n, tickers) prices: names, imposed funds, levered funds in their parent's order."""


class Solved(NamedTuple):
    """All arrangements of a snapshot."""

    snapshot: Snapshot
    runs: tuple[Run, ...]
    default: str
    """The prior whose first arrangement stands for the snapshot."""

    def of(self, prior: str) -> list[Run]:
        """Runs of one prior."""
        return [run for run in self.runs if run.prior == prior]

    @property
    def unconditional(self) -> list[str]:
        """Priors of laws that have the observed marginals, in the order solved."""
        return [
            name
            for name in dict.fromkeys(run.prior for run in self.runs)
            if name not in (GIVEN_YES, GIVEN_NO)
        ]


def solve_snapshot(
    snapshot: Snapshot,
    plan: Plan,
    realized: Floats | None,
    conditional: pl.DataFrame,
    probability: float | None,
    last: "Solved | None" = None,
) -> Solved:
    """Every start of a snapshot, `plan.restarts` times; `last` is the snapshot before."""
    starts = gaussian_starts(snapshot, plan.equal, realized)
    default = REALIZED if realized is not None else f"equal_{FALLBACK_CORRELATION:g}"
    if default not in {start.prior for start in starts}:
        default = starts[-1].prior
    if probability is not None and conditional["ticker"].n_unique() >= 2:
        prior = realized
        if prior is None:
            prior = equicorrelation(snapshot.names, FALLBACK_CORRELATION)
        laws = event_laws(snapshot, conditional, probability)
        starts += event_starts(snapshot, laws, prior)
        default = EVENT
    if last is not None:
        states = last.of(last.default)[0].states
        starts += previous_snapshot(snapshot, last.snapshot, states)
    runs = [
        _run(snapshot, start, restart, plan) for start in starts for restart in range(plan.restarts)
    ]
    return Solved(snapshot, tuple(runs), default)


def _run(snapshot: Snapshot, start: Start, restart: int, plan: Plan) -> Run:
    """Draw a start and impose the baskets."""
    label = f"{plan.day}|{snapshot.ts}|{start.prior}|{restart}"
    rng = np.random.default_rng([plan.seed, crc32(label.encode())])
    begun = time.perf_counter()
    law = solve_joint(start.problem, start.draw(rng), rng, tilted=start.tilted)
    spent = 1e3 * (time.perf_counter() - begun)
    gaps = np.full(law.baskets.shape[1], np.nan)
    if start.tilted is not None:
        gaps = start.tilted.variance_gaps
    tickers = snapshot.tickers[: snapshot.names] + start.funds
    states = np.hstack([law.names, law.baskets])
    if start.prior not in (GIVEN_YES, GIVEN_NO):
        for fund in snapshot.levered:
            scores = fund.sign * states[:, [tickers.index(fund.parent)]]
            states = np.hstack([states, arrange_by(scores, fund.states[:, None])])
            tickers += (fund.ticker,)
    return Run(start.prior, restart, law, start.funds, gaps, spent, tickers, states)


def state_rows(solved: Solved) -> pl.DataFrame:
    """Rows of model.joint_states: the first arrangement of the default prior."""
    snapshot, run = solved.snapshot, solved.of(solved.default)[0]
    count, width = run.states.shape
    return pl.DataFrame(
        {
            "ts": [snapshot.ts] * (count * width),
            "expiry": [snapshot.expiry] * (count * width),
            "state": np.tile(np.arange(1, count + 1), width),
            "ticker": np.repeat(np.array(run.tickers), count),
            "price": run.states.T.ravel(),
        }
    )


def fit_rows(solved: Solved) -> pl.DataFrame:
    """Rows of model.joint_fits: each fund in each arrangement, then the funds not imposed.

    The latter have run 0: holdings that were refused, and levered funds, which follow their
    parent's order.
    """
    snapshot = solved.snapshot
    origins = dict(zip(snapshot.tickers[snapshot.names :], snapshot.origins, strict=True))
    gaps = dict(zip(origins, snapshot.forward_gaps, strict=True))
    inconsistent = snapshot.refused.get("all")
    rows = []
    for number, run in enumerate(solved.runs, 1):
        about = {
            "ts": snapshot.ts,
            "expiry": snapshot.expiry,
            "run": number,
            "prior": run.prior,
            "restart": run.restart,
            "is_default": run.prior == solved.default and run.restart == 0,
            "sweeps": run.law.sweeps,
            "solve_ms": run.solve_ms,
            "tau_years": snapshot.tau_years,
            "status": inconsistent or run.law.status,
        }
        for k, fund in enumerate(run.funds):
            rows.append(
                about
                | {
                    "constraint_name": fund,
                    "constraint_origin": origins[fund],
                    "relative_residual": float(run.law.relative_residuals[k]),
                    "is_feasible": bool(run.law.is_feasible[k]),
                    "forward_gap": float(gaps[fund]),
                    "variance_gap": _number(run.variance_gaps[k]),
                    "reason": run.law.reasons[k] or None,
                }
            )
        if not run.funds:
            rows.append(
                about | {"constraint_name": "", "is_feasible": True, "reason": UNCONSTRAINED}
            )
    return pl.DataFrame([*rows, *_not_imposed(snapshot)], schema=FIT_SCHEMA)


def _not_imposed(snapshot: Snapshot) -> list[dict[str, object]]:
    """Run 0: funds whose holdings were refused, and levered ones."""
    about = {"ts": snapshot.ts, "expiry": snapshot.expiry, "run": 0, "is_default": False}
    refused = [
        about | {"constraint_name": fund, "is_feasible": False, "status": reason}
        for fund, reason in snapshot.refused.items()
        if fund != "all"
    ]
    levered = [
        about
        | {"constraint_name": fund.ticker, "constraint_origin": "leverage", "is_feasible": True}
        | {"status": "ok", "reason": f"in the order of {fund.parent}"}
        for fund in snapshot.levered
    ]
    return refused + levered


FIT_SCHEMA = pl.Schema(
    {
        "ts": pl.Datetime("us"),
        "expiry": pl.Date(),
        "run": pl.Int32(),
        "prior": pl.String(),
        "restart": pl.Int32(),
        "is_default": pl.Boolean(),
        "constraint_name": pl.String(),
        "constraint_origin": pl.String(),
        "relative_residual": pl.Float64(),
        "is_feasible": pl.Boolean(),
        "forward_gap": pl.Float64(),
        "variance_gap": pl.Float64(),
        "sweeps": pl.Int32(),
        "solve_ms": pl.Float64(),
        "tau_years": pl.Float64(),
        "status": pl.String(),
        "reason": pl.String(),
    }
)


def correlation_rows(solved: Solved) -> pl.DataFrame:
    """Rows of model.joint_correlations: mean and standard deviation over the restarts."""
    snapshot = solved.snapshot
    arrangements = {
        prior: [run.states for run in solved.of(prior)]
        for prior in dict.fromkeys(run.prior for run in solved.runs)
    }
    tickers = {run.prior: run.tickers for run in solved.runs}
    if GIVEN_YES in arrangements:
        pairs = zip(arrangements[GIVEN_YES], arrangements[GIVEN_NO], strict=True)
        arrangements[MIXED] = [np.vstack(pair) for pair in pairs]
        tickers[MIXED] = tickers[GIVEN_YES]
    frames = [
        _correlations(arranged, tickers[prior]).select(
            pl.lit(snapshot.ts).alias("ts"),
            pl.lit(snapshot.expiry).alias("expiry"),
            pl.lit(prior).alias("prior"),
            pl.lit(prior == solved.default).alias("is_default"),
            "*",
        )
        for prior, arranged in arrangements.items()
    ]
    return pl.concat(frames)


def _correlations(arranged: Sequence[Floats], tickers: Sequence[str]) -> pl.DataFrame:
    """Correlation of every pair of columns, over several arrangements."""
    order = np.argsort(tickers)
    listed = np.array(tickers)[order]
    first, second = np.triu_indices(len(listed), 1)
    matrices = [np.atleast_2d(np.corrcoef(states[:, order].T)) for states in arranged]
    found = np.array([matrix[first, second] for matrix in matrices])
    spread = found.std(axis=0, ddof=1) if len(found) > 1 else np.full(len(first), np.nan)
    columns = {
        "ticker_a": listed[first],
        "ticker_b": listed[second],
        "correlation": np.clip(found.mean(axis=0), -1.0, 1.0),
        "correlation_sd": spread,
    }
    return pl.DataFrame(columns).with_columns(pl.col("correlation_sd").fill_nan(None))


def empty_fit(ts: Sequence[object], reason: str) -> pl.DataFrame:
    """A row of model.joint_fits for each instant without any joint law."""
    rows = [
        {"ts": instant, "run": 0, "constraint_name": "", "is_default": False}
        | {"is_feasible": False, "status": reason}
        for instant in ts
    ]
    return pl.DataFrame(rows, schema=FIT_SCHEMA)


def _number(value: float) -> float | None:
    """NULL for NaN."""
    return float(value) if np.isfinite(value) else None
