"""What the event's estimates reach on simulated truth: calibration, coverage, clocks, jumps.

Days and nights are of seeds from FIRST on, used for nothing else.
"""

import csv
import sys
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
import polars as pl
from harness import arguments
from rich.console import Console
from rich.table import Table

from offtape_assets.estimates.event import filter_probabilities
from offtape_assets.estimates.event_clocks import event_clocks
from offtape_assets.quant.event_clock_fit import fit_digital_clock, fit_taleb_clock
from offtape_assets.quant.kalman_event import event_tape
from offtape_assets.quant.kalman_event_fit import filter_event_causally
from offtape_assets.quant.ucbm import add_jumps, digital_clock, simulate_ucbm, taleb_clock
from offtape_assets.sources.simulator import truth as planted
from offtape_assets.sources.simulator.event import Event
from offtape_assets.sources.simulator.kalshi import trades
from offtape_assets.sources.simulator.settings import World

CONTRACTS = ("YES", "NO")
EVENT_DATE = date(2024, 11, 5)
NIGHT = date(2024, 11, 6)
SETTLED_HOUR = 26.0
FIRST = 700


class Finding(NamedTuple):
    """One line of the acceptance table; ok is empty where nothing was demanded."""

    quantity: str
    goal: str
    reached: str
    ok: str


def verdict(quantity: str, goal: str, reached: str, ok: bool | None) -> Finding:
    """A finding with its verdict as a word."""
    return Finding(quantity, goal, reached, "" if ok is None else ("yes" if ok else "NO"))


@cache
def filtered_day(seed: int, day: date) -> tuple[pl.DataFrame, np.ndarray, Event, World]:
    """Model rows of one simulated day and the truth at each."""
    world = World(seed=seed)
    event = Event(world)
    rows, _ = filter_probabilities(trades(world, event, day, CONTRACTS), *CONTRACTS)
    rows = rows.filter(pl.col("method") != "seed")
    seconds = rows["ts"].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy() // 1_000_000
    return rows, event.probability(seconds - world.prediction_market_lag), event, world


def market_days(seeds: range, day: date, label: str, demanded: bool) -> list[Finding]:
    """z and coverage by method, pooled over seeds and their range over seeds."""
    gathered: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"continuous": [], "probit": []}
    for seed in seeds:
        rows, truth, _, _ = filtered_day(seed, day)
        rows = rows.with_columns(pl.Series("truth", truth)).filter(status="ok")
        for method, found in gathered.items():
            own = rows.filter(method=method)
            error = (own["probability"] - own["truth"]).abs()
            inside = error < 1.6449 * own["variance"].sqrt()
            found.append((own["standardized_innovation"].to_numpy(), inside.to_numpy()))
    findings = []
    for method, found in gathered.items():
        z = np.concatenate([z for z, _ in found])
        each = [float(z.var()) for z, _ in found]
        covers = [float(inside.mean()) for _, inside in found]
        pooled = float(np.concatenate([inside for _, inside in found]).mean())
        name = f"{label}, {method}, {len(seeds)} days"
        is_mean, is_variance = abs(z.mean()) <= 0.02, abs(z.var() - 1) <= 0.05
        findings += [
            verdict(f"{name}: mean of z", "0 +- .02", f"{z.mean():.4f}", is_mean),
            verdict(
                f"{name}: variance of z",
                "1 +- .05",
                f"{z.var():.3f} ({min(each):.3f} .. {max(each):.3f} by day)",
                is_variance,
            ),
            verdict(
                f"{name}: 90 % band covers",
                ".88 .. .92" if demanded else "none",
                f"{pooled:.3f} ({min(covers):.3f} .. {max(covers):.3f} by day)",
                0.88 <= pooled <= 0.92 if demanded else None,
            ),
        ]
    return findings


def quoted_tape(seed: int) -> tuple[np.ndarray, ...]:
    """A still day quoted in cents: every trade half a cent to either side, then rounded."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.uniform(0, 6 * 3600, 15_000))
    steps = np.diff(seconds, prepend=0.0)
    truth = 0.55 + 2e-4 * np.cumsum(np.sqrt(steps) * rng.standard_normal(seconds.size))
    is_yes = rng.random(seconds.size) < 0.5
    prices = np.where(is_yes, truth, 1 - truth) + 0.005 + 0.005 * rng.choice([-1, 1], truth.size)
    return seconds, is_yes, np.round(prices * 100) / 100, truth


def ticks(seeds: range) -> list[Finding]:
    """Coverage where the cent hides the level for minutes."""
    covers, variances = [], []
    for seed in seeds:
        seconds, is_yes, prices, truth = quoted_tape(seed)
        tape = event_tape(seconds, is_yes, prices, np.full(truth.size, 50.0))
        found = filter_event_causally(tape).filtered
        inside = np.abs(found.probability - truth) < 1.6449 * np.sqrt(found.variance)
        covers.append(inside.mean())
        variances.append(found.standardized_innovation[1:].var())
    cover, variance = float(np.mean(covers)), float(np.mean(variances))
    name = f"cent quotes on a still day, {len(seeds)} days"
    return [
        verdict(f"{name}: 90 % band covers", ".88 .. .92", f"{cover:.3f}", 0.88 <= cover <= 0.92),
        verdict(f"{name}: variance of z", "1 +- .05", f"{variance:.3f}", abs(variance - 1) < 0.05),
    ]


def martingale(paths: int) -> list[Finding]:
    """Largest mean drift over instants and clocks, in standard errors."""
    times, rng, worst = np.linspace(0.0, 1.0, 25), np.random.default_rng(1), 0.0
    atoms = np.where(np.isin(np.arange(25), (5, 18)), 0.6, 0.0)
    clocks = (
        digital_clock(times, 1.0),
        taleb_clock(times, 1.0, 1.5),
        add_jumps(digital_clock(times, 1.0, 0.7), atoms),
    )
    for start in (0.05, 0.5, 0.9):
        for clock in clocks:
            b = simulate_ucbm(start, clock, paths, rng)
            error = b.std(axis=1)[1:] / np.sqrt(paths)
            worst = max(worst, float((np.abs(b.mean(axis=1)[1:] - start) / error).max()))
    # 216 correlated looks: the largest of as many normal draws exceeds 3 in four cases of ten
    return [
        verdict("martingale: largest drift of 9 x 24", "<= 3.5 se", f"{worst:.2f}", worst < 3.5)
    ]


def recovered(
    name: str, truth: float, paths: np.ndarray, times: np.ndarray, fit: Callable, goal: float
) -> list[Finding]:
    """Mean estimate, its own spread and whether the stated error knows it."""
    fits = [fit(times, path, 1.0) for path in paths.T]
    good = [found for found in fits if found.status == "ok"]
    estimates = np.array([found.parameter for found in good])
    z = (estimates - truth) / np.array([found.standard_error for found in good])
    off = abs(estimates.mean() / truth - 1)
    text = f"mean {estimates.mean():.4f}, sd {estimates.std():.4f}, sd of z {z.std():.2f}"
    return [verdict(f"{name} = {truth}, {len(good)} fits", f"within {goal:.0%}", text, off <= goal)]


def night_clocks(seeds: range) -> list[Finding]:
    """c and the logarithms of the rates at 02:00, 04:00 and 06:00, from trades alone.

    As `mart.recovery` has it: the truth is the mean over the two hours before.
    """
    scores: dict[str, list[float]] = {"digital": [], "bipower": [], "local_variance": []}
    for seed in seeds:
        rows, _, event, world = filtered_day(seed, NIGHT)
        path = planted.event_path(world, event, NIGHT)
        left = (pl.col("ts").max() - pl.col("ts")).dt.total_microseconds() / 1e6
        truth = (
            path.with_columns(strength=pl.col("clock_rate") * left)
            .group_by(ts=pl.col("ts").dt.truncate("2h") + pl.duration(hours=2))
            .agg(pl.col("clock_rate", "jump_information", "strength").mean())
        )
        clocks = event_clocks(rows, NIGHT, EVENT_DATE, SETTLED_HOUR).filter(status="ok")
        for row in clocks.join(truth, on="ts").iter_rows(named=True):
            if (method := row["method"]) == "digital":
                error = row["clock_parameter"] - row["strength"] ** 0.5
                scores[method].append(error / row["clock_parameter_error"])
            elif method in scores:
                share = row["clock_rate_error"] / row["clock_rate"]
                counted = row["jump_information"] if method == "local_variance" else 0.0
                ratio = row["clock_rate"] / (row["clock_rate_right"] + counted)
                scores[method].append((np.log(ratio) + np.log1p(share**2) / 2) / share)
    findings = []
    for method, found in scores.items():
        z = np.array(found)
        name = "c" if method == "digital" else f"log rate, {method}"
        cover = float((np.abs(z) < 1.6449).mean())
        text = f"mean {z.mean():.2f}, sd {z.std():.2f}; covers {cover:.2f}"
        findings.append(
            verdict(
                f"{name}, from trades, {len(seeds)} nights, {len(z)} values: z",
                "mean within .5, sd <= 1.2; >= .85",
                text,
                abs(z.mean()) <= 0.5 and z.std() <= 1.2 and cover >= 0.85,
            )
        )
    return findings


def findings(quick: bool) -> list[Finding]:
    """The whole table."""
    days = range(FIRST, FIRST + (2 if quick else 8))
    nights = range(FIRST, FIRST + (2 if quick else 20))
    times = np.linspace(0.0, 0.98, 1000)
    rng = np.random.default_rng(2)
    paths = 40 if quick else 200
    one = simulate_ucbm(0.55, digital_clock(times, 1.0), paths, rng)
    taleb = simulate_ucbm(0.55, taleb_clock(times, 1.0, 1.5), paths, rng)
    return [
        *market_days(days, EVENT_DATE, "event day", True),
        *market_days(nights, NIGHT, "election night", True),
        *market_days(days, date(2024, 10, 28), "quiet day", False),
        *ticks(days),
        *martingale(20_000 if quick else 100_000),
        *recovered("digital clock c", 1.0, one, times, fit_digital_clock, 0.05),
        *recovered("Taleb clock sigma", 1.5, taleb, times, fit_taleb_clock, 0.05),
        *night_clocks(nights),
    ]


if __name__ == "__main__":
    given = arguments(__doc__)
    table = findings(given.quick)
    if given.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(Finding._fields)
        writer.writerows(table)
    else:
        grid = Table(*Finding._fields, title="event: what is reached on simulated truth")
        for finding in table:
            grid.add_row(*finding)
        Console(width=140).print(grid)
