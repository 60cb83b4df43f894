"""Acceptance of factors: simulated whole markets with planted loadings, names going missing.

Each seed is one session of 520 stocks at one second; betas of the 40 study names by every method
are compared with the planted loadings, factor returns with the planted ones.
"""

import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from harness import Row, arguments, report

from offtape_assets.estimates import factors as estimates
from offtape_assets.estimates.factor_betas import BETAS, measure_betas
from offtape_assets.estimates.factor_days import reconcile
from offtape_assets.market.calendar import session, sessions_before
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.sources.simulator import truth
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw
from offtape_assets.tables.columns_factors import FACTOR_NAMES

DAY = date(2024, 11, 5)
MISSING = 0.02
METHODS = ("kalman", "rolling_ols")
INTERVALS = (1, 5, 30, 60, 300)
"""Seconds at which one least squares a day shows what late prices do."""


class Session(NamedTuple):
    """What one seed showed."""

    scores: np.ndarray
    """z of the session betas, shape (names, 5)."""
    slopes: dict[str, np.ndarray]
    """Mean beta over the day by method, shape (names, 5)."""
    planted: np.ndarray
    gap: np.ndarray
    """Cumulated factor returns less the planted ones, shape (5,)."""
    moved: np.ndarray
    """The same once 2 % of the names are missing, less the gap with all, shape (5,)."""
    naive: np.ndarray
    """Largest error of dividing by the weight sum, in standard deviations of a second, (5,)."""
    residue: float
    """Largest error of the decomposition."""


def run(seed: int) -> Session:
    """Simulate, measure, compare."""
    source = SimulatorSource(seed=seed, event_date=DAY)
    hours, market = session(DAY), source.session(DAY)
    with tempfile.TemporaryDirectory() as folder:
        (quotes,) = source.read(raw.QUOTES_1S, DAY, (), Path(folder))
        frame = pl.read_parquet(quotes.rows).with_columns(
            pl.col("bid_price", "ask_price").cast(pl.Float64)
        )
    (held,) = source.read(raw.FACTOR_WEIGHTS, DAY, (), Path())
    weights = held.rows
    returns = estimates.measure_factors(frame, weights, hours, DAY, 300, 0.8)[0]
    others = sorted(set(weights["ticker"]) - set(STUDY_TICKERS))
    gone = np.random.default_rng(seed).choice(others, round(MISSING * len(others)), replace=False)
    thinned = frame.filter(~pl.col("ticker").is_in(gone.tolist()))
    fewer = estimates.measure_factors(thinned, weights, hours, DAY, 300, 0.8)[0]
    base, less = (f.select(FACTOR_NAMES).fill_null(0).to_numpy() for f in (returns, fewer))
    path = market.factor_paths
    planted_moves = path[market.close] - path[market.open + 1]
    tickers, matrix = estimates.weight_matrix(weights, DAY)
    kept = np.where(np.isin(tickers, gone), 0.0, matrix)
    naive = (np.abs(kept).sum(axis=1) / np.abs(kept.sum(axis=1))) / 2
    scores, planted, residue = [], [], 0.0
    slopes: dict[str, list[np.ndarray]] = {method: [] for method in METHODS}
    slopes |= {_sampled(seconds): [] for seconds in INTERVALS}
    for ticker in STUDY_TICKERS:
        true = truth.factor_loadings(source.levels, source.levels.name(ticker)).to_numpy()[0]
        own = frame.filter((pl.col("ticker") == ticker) & (pl.col("bid_price") > 0))
        ticks = own.select(
            (pl.col("ts").cast(pl.Datetime("ns")) - pl.duration(milliseconds=1)).alias("ts"),
            ((pl.col("bid_price") + pl.col("ask_price")) / 2).log().alias("log_mid_price"),
        ).drop_nulls()
        betas, parts, exposures = measure_betas(ticks, returns, hours, 300, "kalman")
        stated = exposures.select([f"{name}_sd" for name in BETAS]).to_numpy()[0]
        scores.append((exposures.select(BETAS).to_numpy()[0] - true) / stated)
        planted.append(true)
        for method in METHODS:
            mean = betas.filter((pl.col("method") == method) & (pl.col("status") == "ok"))
            slopes[method].append(mean.select(BETAS).mean().to_numpy()[0])
        for seconds in INTERVALS:
            own_moves = parts["return_total"].fill_null(0).to_numpy()
            slopes[_sampled(seconds)].append(sampled_betas(own_moves, base, seconds))
        whole = parts["return_systematic"] + parts["return_idiosyncratic"] - parts["return_total"]
        residue = max(residue, float(whole.abs().max() or 0.0))
    return Session(
        np.array(scores, float),
        {method: np.array(found, float) for method, found in slopes.items()},
        np.array(planted),
        base.sum(axis=0) - planted_moves,
        less.sum(axis=0) - base.sum(axis=0),
        naive,
        residue,
    )


def _sampled(seconds: int) -> str:
    return f"least squares at {seconds} s"


def sampled_betas(returns: np.ndarray, factors: np.ndarray, seconds: int) -> np.ndarray:
    """Least squares of one day on sums over `seconds`, shape (5,)."""
    rows = len(returns) // seconds * seconds
    x = factors[:rows].reshape(-1, seconds, factors.shape[1]).sum(axis=1)
    return np.linalg.lstsq(x, returns[:rows].reshape(-1, seconds).sum(axis=1), rcond=None)[0]


def reconciled_days(count: int, quotes: float = 0.2) -> pl.DataFrame:
    """Rows of model.factor_reconciliations of the event day from `count` whole markets before it.

    `quotes` scales the study names' messages; a day's first and last mids hardly feel it.
    """
    source = SimulatorSource(event_date=DAY, message_scale=quotes)
    mids, ours, official = [], [], []
    for day in (*sessions_before(DAY, count), DAY):
        with tempfile.TemporaryDirectory() as folder:
            (delivery,) = source.read(raw.QUOTES_1S, day, (), Path(folder))
            frame = pl.read_parquet(delivery.rows).with_columns(
                pl.col("bid_price", "ask_price").cast(pl.Float64)
            )
        dated = pl.lit(day).alias("date")
        (held,), (told,) = (
            list(source.read(table, day, (), Path()))
            for table in (raw.FACTOR_WEIGHTS, raw.FACTOR_LIBRARY)
        )
        ends = estimates.measure_factors(frame, held.rows, session(day), day, 300, 0.8)[2]
        mids.append(ends.with_columns(dated))
        known = estimates.daily_factor_returns(pl.concat(mids[-2:]), held.rows, day)
        ours.append(known.with_columns(dated))
        official.append(told.rows.with_columns(dated))
        print(day, flush=True, file=sys.stderr)
    return reconcile(pl.concat(ours), pl.concat(official), DAY)


def library_rows(count: int) -> list[Row]:
    """Slope and R2 of each factor on the library over days of the simulated whole market."""
    nothing, answer = float("nan"), []
    for row in reconciled_days(count).iter_rows(named=True):
        told = f"{row['factor']} on the library, {row['n_days']} days, {row['basis']}"
        for name, goal in (("beta_to_official", ".95 to 1.05"), ("r_squared", ">= .95")):
            value = row[name] if row[name] is not None else nothing
            good = row["status"] != "ok" or 0.95 <= value <= 1.05
            answer.append(Row(f"{told}, {name}", value, nothing, "", nothing, "", goal, good))
    return answer


def shrinkage(found: list[Session], method: str, factor: int) -> float:
    """Slope through the origin of mean estimated on planted betas."""
    planted = np.concatenate([one.planted[:, factor] for one in found])
    mean = np.concatenate([one.slopes[method][:, factor] for one in found])
    good = np.isfinite(mean)
    return float(planted[good] @ mean[good] / (planted[good] @ planted[good]))


def rows(found: list[Session]) -> list[Row]:
    """The acceptance table."""
    scores = np.concatenate([one.scores for one in found])
    scores = scores[np.isfinite(scores).all(axis=1)]
    table: list[tuple[str, float, str, bool]] = []
    for k, name in enumerate(FACTOR_NAMES):
        mean, spread = scores[:, k].mean(), scores[:, k].std()
        table.append((f"z of session beta_{name}, mean", mean, "|.| <= .3", abs(mean) <= 0.3))
        table.append((f"z of session beta_{name}, sd", spread, ".8 to 1.25", 0.8 < spread < 1.25))
    inside = float((np.abs(scores) < 1.645).mean())
    table.append(("session betas within the 90 % band", inside, ">= .85", inside >= 0.85))
    for name, attribute, goal in (
        ("factor return of the day less planted, largest, bp", "gap", 5.0),
        ("change when 2 % of names go missing, largest, bp", "moved", 25.0),
    ):
        worst = 1e4 * max(float(np.abs(getattr(one, attribute)).max()) for one in found)
        table.append((name, worst, f"<= {goal:g}", worst <= goal))
    naive = float(np.median([one.naive[1:].max() for one in found]))
    table.append(("naive division by the weight sum, times too large", naive, "> 10", naive > 10))
    worst = max(one.residue for one in found)
    table.append(("decomposition adds up, largest gap", worst, "<= 1e-12", worst <= 1e-12))
    for method in found[0].slopes:
        for k in range(len(FACTOR_NAMES)):
            slope = shrinkage(found, method, k)
            told = f"{method}: mean over planted beta_{FACTOR_NAMES[k]}"
            table.append((told, slope, "reported", True))
    nothing = float("nan")
    return [Row(name, value, nothing, "", nothing, "", goal, ok) for name, value, goal, ok in table]


if __name__ == "__main__":
    flags = arguments(__doc__.splitlines()[0])
    seeds = (1,) if flags.quick else tuple(range(1, 11))
    table = rows([run(seed) for seed in seeds]) + library_rows(3 if flags.quick else 21)
    report(f"factors, {len(seeds)} sessions", table, flags.format)
