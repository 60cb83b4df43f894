"""Acceptance of the contract models: laws against paths, the rule on planted and fair markets, calibration.

The last part needs recorded hourly bars and index values (OFFTAPE_TEST_LANDING, or ../shared/data/landing
beside the project): weekly ranges are laid around each Friday's price and every forecast is scored.
"""

import csv
import os
import sys
import time
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent))
from harness import arguments
from rich.console import Console
from rich.table import Table

from offtape_assets.estimates.contract_trading import HALF_SPREAD_USD
from offtape_assets.quant.contract_backtest import hourly_profit, threshold_positions
from offtape_assets.quant.contract_simulation import (
    simulate_merton_intervals,
    simulate_riskmetrics_intervals,
)
from offtape_assets.quant.contract_transform import riskmetrics_interval_probabilities
from offtape_assets.quant.dislocation import bootstrap_threshold
from offtape_assets.quant.forecast_scores import score_forecasts
from offtape_assets.quant.merton import (
    lognormal_interval_probabilities,
    merton_interval_probabilities,
)
from offtape_assets.quant.riskmetrics import (
    HOURS_PER_YEAR,
    SEED_DECAY,
    VARIANCE_HALF_LIFE_HOURS,
    ewma_variance,
    jump_statistics,
    variance_to_expiry,
)
from offtape_assets.sources.landing import crypto
from offtape_assets.sources.simulator.contracts import TICK_USD, VOLATILITY, CoinMarket
from offtape_assets.sources.simulator.settings import World

HALF_LIVES = (1.0, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0)
CHOSEN_ON = date(2024, 1, 1)
"""The half-life is chosen on expiries before, shown on those after."""


class Line(NamedTuple):
    """One row of the acceptance table."""

    quantity: str
    goal: str
    reached: str
    ok: bool | None


def agreement(rows: int) -> list[Line]:
    """Simulation against series and transform over random contracts."""
    rng = np.random.default_rng(20250307)
    ratios: dict[str, list[np.ndarray]] = {"RiskMetrics": [], "Merton": []}
    chances: dict[str, list[np.ndarray]] = {"RiskMetrics": [], "Merton": []}
    for _ in range(rows // 16):
        steps, volatility = int(rng.integers(1, 169)), rng.uniform(0.3, 0.9)
        variance = volatility**2 / HOURS_PER_YEAR
        centre = 100.0 * np.exp(rng.normal(0.0, 2.0 * np.sqrt(variance * steps)))
        edges = np.r_[0.0, centre + rng.uniform(0.5, 3.0) * np.arange(-3, 4), np.inf]
        args = (edges[:-1], edges[1:], 100.0, variance, SEED_DECAY, 5e-6, steps)
        ours = simulate_riskmetrics_intervals(*args, rng)
        exact = riskmetrics_interval_probabilities(*args)
        ratios["RiskMetrics"].append((ours.probability - exact) / ours.standard_error)
        chances["RiskMetrics"].append(exact)
        jumps = (rng.uniform(0, 1000), rng.normal(0, 0.003), rng.uniform(0, 0.02))
        other = (*args[:3], volatility, 0.05, *jumps, steps / HOURS_PER_YEAR)
        ours, exact = simulate_merton_intervals(*other, rng), merton_interval_probabilities(*other)
        ratios["Merton"].append((ours.probability - exact) / ours.standard_error)
        chances["Merton"].append(exact)
    lines = []
    for name, found in ratios.items():
        size = np.abs(np.concatenate(found))
        share, most = (size <= 3).mean(), size.max()
        chance = np.concatenate(chances[name])
        likely = size[(chance > 0.02) & (chance < 0.98)]
        lines.append(
            Line(
                f"{name}: {size.size} rows, 50,000 paths, within 3 se / largest",
                ">= 99 % / < 5",
                f"{share:.2%} / {most:.2f}; root mean square {np.sqrt(np.mean(size**2)):.2f}, "
                f"of chances from .02 to .98 {np.sqrt(np.mean(likely**2)):.2f}",
                bool(share >= 0.99 and most < 5),
            )
        )
    return lines


def rule_on_simulated_weeks(weeks: int) -> list[Line]:
    """Profit of the article's rule where the market strays as planted, and where it is fair.

    The third row quotes the fair market in ticks of half a cent: the rounding itself is an error
    that returns, worth less than the least cost, half a tick a unit traded.
    """
    lines = []
    for kind, tick in (("standard", TICK_USD), ("null", 0.0), ("null", TICK_USD)):
        market = CoinMarket(World(seed=77, kind=kind))
        weekly = np.array([_one_week(market, week, tick) for week in range(weeks)])
        gross, planted, costs = weekly.T
        mean, error = gross.mean(), gross.std(ddof=1) / np.sqrt(weeks)
        gap = gross - planted
        same = abs(gap.mean()) < 3 * gap.std(ddof=1) / np.sqrt(weeks)
        found = mean > 3 * error if kind == "standard" else tick or abs(mean) < 3 * error
        net = gross - costs
        net_error = net.std(ddof=1) / np.sqrt(weeks)
        no_gain = kind == "standard" or net.mean() < 3 * net_error
        name = "planted error" if kind == "standard" else "fair market"
        ticks = f"in ticks of {tick}" if tick else "not rounded"
        lines.append(
            Line(
                f"{name} {ticks}, {weeks} weeks, dollars a week",
                "0 within 3 se" if kind == "null" and not tick else "= planted within 3 se",
                f"{mean:.3f} +- {error:.3f}, planted {planted.mean():.3f}, costs at a cent "
                f"{costs.mean():.3f}, after them {net.mean():.3f} +- {net_error:.3f}; "
                f"costs at half a tick {costs.mean() * TICK_USD / 2 / HALF_SPREAD_USD:.3f}",
                bool(same and found and no_gain),
            )
        )
    return lines


def _one_week(market: CoinMarket, week: int, tick: float) -> tuple[float, float, float]:
    """Profit before costs, its part from the market's error, and the costs of one expiry."""
    family = market._family(date(2021, 1, 1) + timedelta(days=7 * week))
    fair, stray = market._values(family)
    price = fair + stray
    if tick:
        price = np.clip(np.round(price / tick) * tick, 0.0005, 0.9995)
    rng = np.random.default_rng(week)
    gap = price - _model(market, family, VOLATILITY * (1 + 0.02 * rng.standard_normal()))
    gap[0] = np.nan
    unit = np.column_stack([bootstrap_threshold(column, rng) for column in gap.T])
    position = threshold_positions(gap, unit)
    spot = market.closes(int((family.expires - datetime(2020, 1, 1)) / timedelta(hours=1)))[-1]
    paid = ((family.low <= spot) & (spot < family.high)).astype(float)
    profit, cost = hourly_profit(position, price, paid, HALF_SPREAD_USD, np.zeros(paid.size))
    error = np.vstack([price - fair, np.zeros(paid.size)])
    return profit.sum(), float((position * np.diff(error, axis=0)).sum()), cost.sum()


def _model(market: CoinMarket, family: object, volatility: float) -> np.ndarray:
    """Model prices of every hour with a slightly wrong volatility, as an index would give it."""
    first, last = (
        int((instant - datetime(2020, 1, 1)) / timedelta(hours=1))
        for instant in (family.opens, family.expires)  # type: ignore[attr-defined]
    )
    spots = market.closes(last)[first - 1 :]
    return np.stack(
        [
            lognormal_interval_probabilities(
                family.low,  # type: ignore[attr-defined]
                family.high,  # type: ignore[attr-defined]
                spots[hour],
                volatility,
                0.05,
                (last - first - hour) / HOURS_PER_YEAR,
            )
            for hour in range(last - first)
        ]
    )


class History(NamedTuple):
    """Recorded hours: element t is known at the start of hour t."""

    first: datetime
    close: np.ndarray
    implied: np.ndarray
    realised: np.ndarray
    jumps: tuple[np.ndarray, np.ndarray, np.ndarray]


def recorded(landing: Path) -> History:
    """Bars and index values of a landing folder on one hourly axis."""
    bars = _bars(landing, "btc", crypto.chart_records)
    index = _bars(landing, "deribit/volatility_index", crypto.index_records)
    first = bars["ts"].min()
    axis = pl.datetime_range(first, bars["ts"].max(), "1h", eager=True).alias("ts").to_frame()
    joined = axis.join(bars, on="ts", how="left").join(index, on="ts", how="left", suffix="_index")
    close = joined["close"].to_numpy()
    implied = joined["close_index"].forward_fill(24).to_numpy() / 100.0
    moves = np.diff(np.log(close), prepend=np.nan)
    variance = ewma_variance(moves)
    found = jump_statistics(moves, variance)
    known = np.r_[np.nan, implied[:-1]]
    jumps = (found.intensity[:-1] * HOURS_PER_YEAR, found.mean[:-1], found.sd[:-1])
    realised = np.sqrt(ewma_variance(moves, 0.5 ** (1 / 24))[:-1] * HOURS_PER_YEAR)
    return History(first, close, known, realised, jumps)


def _bars(landing: Path, folder: str, records: object) -> pl.DataFrame:
    reader = partial(crypto.HourlyBarReader, folder, records)(landing)  # type: ignore[arg-type]
    rows = []
    for path in sorted((landing / folder).glob("BTC-*.json")):
        rows += [(int(r[0]), float(r[4])) for r in reader._answer(path)]  # type: ignore[arg-type]
    frame = pl.DataFrame(rows, {"ms": pl.Int64, "close": pl.Float64}, orient="row")
    stamps = pl.from_epoch("ms", "ms").cast(pl.Datetime("us")).alias("ts")
    return frame.select(stamps, "close").unique("ts").sort("ts")


class Forecasts(NamedTuple):
    """All forecasts of all recorded weeks."""

    expiry: np.ndarray
    hours_left: np.ndarray
    outcome: np.ndarray
    probability: dict[str, np.ndarray]


def forecast_weeks(history: History, every: int) -> Forecasts:
    """Weekly ranges of 2.5 % around each Friday's price, forecast every few hours."""
    rows: dict[str, list[np.ndarray]] = {}
    expiry, left, outcome = [], [], []
    friday = history.first + timedelta(days=35)
    friday += timedelta(days=(4 - friday.weekday()) % 7) - timedelta(hours=friday.hour - 17)
    while True:
        opens = int((friday - timedelta(days=7) - history.first) / timedelta(hours=1)) + 2
        ends = opens + 166
        if ends >= history.close.size:
            break
        start, settled = history.close[opens - 1], history.close[ends - 1]
        edges = start * (1 + 0.025 * np.arange(-2.5, 3))
        low, high = np.r_[0.0, edges], np.r_[edges, np.inf]
        for hour in sorted({*range(opens, ends, every), *range(ends - 6, ends)}):
            spot, implied = history.close[hour - 1], history.implied[hour]
            if not np.isfinite([spot, implied, settled]).all():
                continue
            horizon = ends - hour
            for name, values in _laws(history, hour, low, high, horizon).items():
                rows.setdefault(name, []).append(values)
            expiry.append(np.full(low.size, friday.toordinal()))
            left.append(np.full(low.size, horizon))
            outcome.append(((low <= settled) & (settled < high)).astype(float))
        friday += timedelta(days=7)
    return Forecasts(
        np.concatenate(expiry),
        np.concatenate(left),
        np.concatenate(outcome),
        {name: np.concatenate(values) for name, values in rows.items()},
    )


def _laws(
    history: History, hour: int, low: np.ndarray, high: np.ndarray, horizon: int
) -> dict[str, np.ndarray]:
    spot, implied, realised = (
        series[place]
        for series, place in (
            (history.close, hour - 1),
            (history.implied, hour),
            (history.realised, hour),
        )
    )
    years = horizon / HOURS_PER_YEAR
    levels = [value**2 / HOURS_PER_YEAR for value in (implied, realised)]
    found = {}
    for half_life in HALF_LIVES:
        hourly = variance_to_expiry(*map(np.asarray, (*levels, float(horizon))), half_life)
        scaled = float(np.sqrt(hourly * HOURS_PER_YEAR))
        found[f"scaled {half_life:g} h"] = lognormal_interval_probabilities(
            low, high, spot, scaled, 0.04, years
        )
        if half_life == VARIANCE_HALF_LIFE_HOURS:
            jumps = [series[hour] for series in history.jumps]
            for name, volatility in (("", implied), (" scaled", scaled)):
                found[f"merton{name}"] = merton_interval_probabilities(
                    low, high, spot, volatility, 0.04, *jumps, years
                )
                found[f"gbm_riskmetrics{name}"] = riskmetrics_interval_probabilities(
                    *(low, high, spot, volatility**2 / HOURS_PER_YEAR, SEED_DECAY),
                    drift=0.04 / HOURS_PER_YEAR,
                    steps=horizon,
                )
    return found


def calibration(landing: Path, every: int) -> list[Line]:
    """Log and Brier scores of recorded weeks by hours left."""
    found = forecast_weeks(recorded(landing), every)
    early = found.expiry < CHOSEN_ON.toordinal()
    lines = []
    choice = {
        half_life: score_forecasts(
            found.probability[f"scaled {half_life:g} h"][early],
            found.outcome[early],
            found.expiry[early],
        ).log_score
        for half_life in HALF_LIVES
    }
    text = ", ".join(f"{half_life:g}: {score:.4f}" for half_life, score in choice.items())
    lines.append(Line("log score by half-life (h), expiries before 2024", "choose", text, None))
    for title, low, high in (
        ("0-6 h", 0, 6),
        ("6-24 h", 6, 24),
        ("1-3 d", 24, 72),
        ("3-7 d", 72, 168),
        ("all", 0, 168),
    ):
        part = ~early & (found.hours_left > low) & (found.hours_left <= high)
        for name in ("gbm_riskmetrics", "gbm_riskmetrics scaled", "merton", "merton scaled"):
            score = score_forecasts(
                found.probability[name][part], found.outcome[part], found.expiry[part]
            )
            lines.append(
                Line(
                    f"from 2024, {title}: {name}",
                    "",
                    f"log {score.log_score:.4f} +- {score.log_score_se:.4f}, "
                    f"Brier {score.brier:.4f} +- {score.brier_se:.4f} "
                    f"({score.n_forecasts} forecasts, {score.n_clusters} expiries)",
                    None,
                )
            )
        lines.append(_difference(found, part, title))
    return lines


def _difference(found: Forecasts, part: np.ndarray, title: str) -> Line:
    """Paired gain of scaling over expiries: what the difference of two scores is worth."""
    losses = []
    for name in ("gbm_riskmetrics", "gbm_riskmetrics scaled"):
        kept = np.clip(found.probability[name][part], 1e-4, 1 - 1e-4)
        losses.append(-np.where(found.outcome[part] > 0.5, np.log(kept), np.log1p(-kept)))
    gain = losses[0] - losses[1]
    _, place = np.unique(found.expiry[part], return_inverse=True)
    means = np.bincount(place, gain) / np.bincount(place)
    error = means.std(ddof=1) / np.sqrt(means.size)
    return Line(
        f"from 2024, {title}: log score gained by scaling",
        "> 0 near expiry",
        f"{means.mean():.4f} +- {error:.4f}",
        bool(means.mean() > 0) if title == "0-6 h" else None,
    )


def main() -> None:
    """Print the acceptance table."""
    options = arguments(__doc__ or "")
    start = time.perf_counter()
    lines = agreement(1_600 if options.quick else 16_000)
    lines += rule_on_simulated_weeks(20 if options.quick else 150)
    project = Path(__file__).resolve().parent.parent
    landing = Path(
        os.environ.get("OFFTAPE_TEST_LANDING", project.parent / "shared" / "data" / "landing")
    )
    if (landing / "btc").is_dir():
        lines += calibration(landing, 12 if options.quick else 3)
    else:
        lines.append(Line("calibration on recorded weeks", "", f"no recordings at {landing}", None))
    if options.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerows([Line._fields, *lines])
        return
    table = Table(title="Prediction contracts: acceptance")
    for name in Line._fields:
        table.add_column(name)
    for line in lines:
        table.add_row(*line[:3], "" if line.ok is None else str(line.ok))
    Console(width=170).print(table)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
