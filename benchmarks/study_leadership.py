"""Acceptance of the leadership estimates: size and power on simulated days, beside the goals.

Prints quantity, goal, reached, ok. Days are drawn from seeds of their own (--seed), never used while
the thresholds were chosen. `--quick` draws a tenth of the days.
"""

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from leadership_worlds import SESSION, name_day, panel_day, sticky_day, tracker_day, updates
from rich.console import Console
from rich.table import Table
from scipy.stats import false_discovery_control

from offtape_assets.quant.connectedness import connectedness, lagged_spillovers, remove_factors
from offtape_assets.quant.granger import granger_tests
from offtape_assets.quant.information_share import last_vector_share
from offtape_assets.quant.kalman import filter_local_level
from offtape_assets.quant.lead_lag_event import event_lead_test, market_adjusted, smooth_event
from offtape_assets.quant.lead_lag_test import (
    TickPart,
    confirm,
    find_leader,
    grid_lead_test,
    tick_lead_test,
)
from offtape_assets.quant.vecm import fit_vecm
from offtape_assets.quant.vecm_group import GroupShares, group_shares

SECOND = 1_000_000_000
EDGES = np.arange(0, SESSION + 1, 300) * SECOND
SIZE = 0.05


class Line(NamedTuple):
    """One row of the acceptance table; goal "" marks an artefact shown, not asked for."""

    quantity: str
    goal: str
    reached: float
    ok: bool


def ticks(times: np.ndarray, values: np.ndarray) -> tuple[TickPart, ...]:
    """One series as the instants at which its price changes."""
    moved = np.append(True, np.diff(values) != 0.0)
    return (TickPart(1.0, times[moved], values[moved]),)


def at_most(quantity: str, limit: float, reached: float) -> Line:
    return Line(quantity, f"<= {limit:g}", float(reached), bool(reached <= limit))


def at_least(quantity: str, limit: float, reached: float) -> Line:
    return Line(quantity, f">= {limit:g}", float(reached), bool(reached >= limit))


def shown(quantity: str, reached: float) -> Line:
    return Line(quantity, "", float(reached), True)


class Named(NamedTuple):
    """Leader of three by ticks alone, by the grid alone, and by both together."""

    ticks: int | None
    grid: int | None
    both: int | None


def named_leaders(grid: np.ndarray, times: list[np.ndarray], values: list[np.ndarray]) -> Named:
    """Leaders from a grid of prices and from the ticks behind it."""
    returns = np.diff(grid, axis=0)
    z, p_value = (np.full((3, 3, 3), np.nan) for _ in range(2))
    for i in range(3):
        for j in range(i):
            on_ticks = tick_lead_test(ticks(times[i], values[i]), ticks(times[j], values[j]), EDGES)
            on_grid = grid_lead_test(returns[:, i], returns[:, j], 10, 300)
            for k, test in enumerate((on_ticks, on_grid, confirm(on_ticks, on_grid))):
                z[k, i, j], z[k, j, i] = test.z, -test.z
                p_value[k, i, j] = p_value[k, j, i] = test.p_value
    return Named(*(find_leader(a, b) for a, b in zip(z, p_value, strict=True)))


def every_second(prices: np.ndarray) -> Named:
    return named_leaders(prices, [np.arange(SESSION) * SECOND] * 3, list(prices.T))


def group_cells(days: int, seed: int) -> Iterator[Line]:
    """No lead with unequal noise; stale followers; weak and strong leads."""
    for label, noise in ((".1/1/1", (0.1, 1.0, 1.0)), ("1/.3/.3", (1.0, 0.3, 0.3))):
        draws = [
            tracker_day(np.random.default_rng([seed, 1, d]), lag=0, noise=noise)
            for d in range(days)
        ]
        named = [every_second(prices) for prices in draws]
        yield from any_leader(f"no lead, noise {label}", named)
        shares = [group_shares(p, np.random.default_rng([seed, 2, d])) for d, p in enumerate(draws)]
        yield shown(
            f"no lead, noise {label}: IS band declares a leader",
            np.mean([declares(result) for result in shares]),
        )
    yield from stale_cells(days, seed)
    yield from lead_cells(days, seed)


def any_leader(label: str, named: list[Named]) -> Iterator[Line]:
    yield at_most(f"{label}: any leader", SIZE, np.mean([n.both is not None for n in named]))
    yield shown(f"{label}: any leader, ticks alone", np.mean([n.ticks is not None for n in named]))
    yield shown(f"{label}: any leader, grid alone", np.mean([n.grid is not None for n in named]))


def declares(result: GroupShares) -> bool:
    """Does the band of the largest mean share lie above all others? (What not to believe.)"""
    top = int(result.shares.mean.argmax())
    return bool(result.band_low[top] > np.delete(result.band_high, top).max())


def stale_cells(days: int, seed: int) -> Iterator[Line]:
    named, sticky = [], []
    for d in range(days):
        rng = np.random.default_rng([seed, 3, d])
        times, values, grid = updates(rng, tracker_day(rng, lag=0), (1.0, 0.5, 0.5))
        named.append(named_leaders(grid, times, values))
        times, values, grid = sticky_day(np.random.default_rng([seed, 13, d]))
        sticky.append(named_leaders(grid, times, values))
    yield from any_leader("no lead, stale followers", named)
    yield from any_leader("no lead, coarse followers that move late", sticky)
    for lag in (1, 2):
        found = []
        for d in range(days):
            rng = np.random.default_rng([seed, 4, lag, d])
            times, values, grid = updates(
                rng, tracker_day(rng, lag=lag, share=0.25), (0.7, 0.2, 0.2)
            )
            found.append(named_leaders(grid, times, values).both == 0)
        yield shown(f"share .25 at {lag} s, updates .7/.2: planted leader", np.mean(found))


def lead_cells(days: int, seed: int) -> Iterator[Line]:
    draws = [tracker_day(np.random.default_rng([seed, 5, d]), share=0.25) for d in range(days)]
    named = [every_second(prices) for prices in draws]
    yield at_least("share .25 at 1 s: planted leader", 0.95, np.mean([n.both == 0 for n in named]))
    wrong = [n.both in (1, 2) for n in named]
    yield at_most("share .25 at 1 s: wrong leader", 0.01, np.mean(wrong))
    minutes = [np.diff(prices[::60], axis=0) for prices in draws]
    blind = [
        all(grid_lead_test(r[:, 0], r[:, j], 10, 30).z > 2.24 for j in (1, 2)) for r in minutes
    ]
    yield shown("share .25 at 1 s: planted leader in 1-minute data", np.mean(blind))
    for lag in (1, 2, 5):
        top, width, seconds = [], [], []
        for d in range(days):
            rng = np.random.default_rng([seed, 6, lag, d])
            prices = tracker_day(rng, lag=lag)
            start = time.process_time()
            result = group_shares(prices, rng)
            seconds.append(time.process_time() - start)
            largest = (result.shares.mean.argmax(), result.shares.modified.argmax())
            top.append(result.status == "ok" and largest == (0, 0))
            width.append(result.shares.width[0])
        yield at_least(
            f"share 1 at {lag} s: IS and modified IS largest = planted", 0.98, np.mean(top)
        )
        yield shown(f"share 1 at {lag} s: mean width of the bounds", np.mean(width))
    yield at_most("group-day with bands, CPU ms (median)", 100.0, 1e3 * np.median(seconds))


def event_share(days: int, seed: list[int], **world: float) -> np.ndarray:
    """Shares of days on which the probability, then the name, is said to move first."""
    counts = np.zeros(2)
    for d in range(days):
        day = name_day(np.random.default_rng([*seed, d]), **world)  # type: ignore[arg-type]
        event = smooth_event(day.trade_seconds, day.trade_prices, SESSION)
        adjusted = market_adjusted(np.diff(day.name), np.diff(day.market))
        test = event_lead_test(adjusted, event.probability)
        if test.status == "ok" and test.p_value < SIZE:
            counts[int(test.z < 0)] += 1
    return counts / days


def event_cells(days: int, seed: int) -> Iterator[Line]:
    """Names against the probability, variances of the smoother estimated."""
    night, day = 2e-3, 2e-4
    zero = (
        ("no news in the name, night", {"explained": 0.0, "daily_step": night}),
        (
            "night r2 .2, .2 trades/s",
            {"explained": 0.2, "daily_step": night, "trades_per_second": 0.2},
        ),
        ("night r2 .2, 1 trade/s", {"explained": 0.2, "daily_step": night}),
        (
            "day r2 .2, 20 trades/s",
            {"explained": 0.2, "daily_step": day, "trades_per_second": 20.0},
        ),
        ("day r2 .2, .2 trades/s", {"explained": 0.2, "daily_step": day, "trades_per_second": 0.2}),
    )
    for k, (label, world) in enumerate(zero):
        first = event_share(3 * days, [seed, 7, k], delay=0, **world)
        yield at_most(f"zero lag, {label}: probability first", 0.08, first[0])
        yield at_most(f"zero lag, {label}: name first", 0.08, first[1])
    for k, delay in enumerate((5, -5)):
        first = event_share(days, [seed, 8, k], delay=delay, explained=0.05, daily_step=night)
        yield at_least(f"night r2 .05 at {delay} s: planted order", 0.90, first[int(delay < 0)])
        first = event_share(
            days,
            [seed, 9, k],
            delay=delay,
            explained=0.01,
            daily_step=day,
            jumps=10,
            trades_per_second=20.0,
        )
        yield at_least(
            f"ten jumps r2 .01, 20 trades/s at {delay} s: planted order",
            0.80,
            first[int(delay < 0)],
        )
        first = event_share(days, [seed, 10, k], delay=delay, explained=0.05, daily_step=day)
        yield shown(
            f"quiet day r2 .05, 1 trade/s at {delay} s: planted order", first[int(delay < 0)]
        )
    yield shown("zero lag, night: name first by the causal filter", causal_artefact(days, seed))


def causal_artefact(days: int, seed: int) -> float:
    led = []
    for d in range(days):
        day = name_day(np.random.default_rng([seed, 11, d]), 0, 0.2, 1.0, 2e-3)
        event = smooth_event(day.trade_seconds, day.trade_prices, SESSION)
        count = np.bincount(day.trade_seconds.astype(int), minlength=SESSION)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(day.trade_seconds.astype(int), day.trade_prices, SESSION) / count
        first = int(np.flatnonzero(count)[0])
        noise = event.noise_variance / np.maximum(count[first:], 1)
        causal = np.full(SESSION, np.nan)
        causal[first:] = filter_local_level(mean[first:], event.level_variance, noise).mean
        adjusted = market_adjusted(np.diff(day.name), np.diff(day.market))
        test = grid_lead_test(np.diff(causal), adjusted, 15, 600)
        led.append(test.p_value < SIZE and test.z < 0)
    return float(np.mean(led))


def panel_cells(days: int, seed: int) -> Iterator[Line]:
    """The 40-wide panel: recall, size, stability, order of columns, and the rank-1 artefact."""
    order = np.random.default_rng(seed).permutation(40)
    for explained in (0.0, 0.002, 0.01, 0.03):
        recall, declared, wrong, stability, moved, last = [], [], [], [], [], []
        for d in range(days):
            rng = np.random.default_rng([seed, 12, round(1e4 * explained), d])
            prices = panel_day(rng, explained).prices
            returns = np.diff(prices, axis=0)
            result = connectedness(returns, rng)
            recall.append(len(set(np.argsort(-result.net)[:4]) & set(range(4))) / 4)
            found = np.flatnonzero(result.p_value <= SIZE)
            declared.append(len(found) > 0)
            wrong.append(bool((found >= 4).any()))
            stability.append(result.stability)
            if explained == 0.01 and d < 5:
                plain, other = (own_spillovers(returns[:, c]) for c in (np.arange(40), order))
                moved.append(np.abs(plain[np.ix_(order, order)] - other).max())
            if explained == 0.0:
                fit = fit_vecm(prices[::60], 1, 1)
                last.append(last_vector_share(fit.alpha, fit.omega).argmax() == 39)
        label = f"panel r2 {explained:g}"
        if explained == 0.0:
            yield at_least(f"{label}: nothing declared", 0.90, 1.0 - np.mean(declared))
            yield shown(f"{label}: rank-1 share names the last column", np.mean(last))
        elif explained == 0.01:
            yield at_least(f"{label}: planted four among the top four", 0.95, np.mean(recall))
            yield at_most(f"{label}: change under another column order", 1e-8, np.max(moved))
        else:
            yield shown(f"{label}: planted four among the top four", np.mean(recall))
        if explained:
            yield shown(f"{label}: days with a declared leader", np.mean(declared))
            yield shown(f"{label}: days with a name declared that leads nobody", np.mean(wrong))
        yield shown(f"{label}: rank correlation of the halves", np.mean(stability))


def pair_cells(days: int, seed: int) -> Iterator[Line]:
    """Pairwise Granger finds after Benjamini-Hochberg: the null panel, power, false discoveries.

    Followers of one leader hear it at different lags, so one of them does help to predict another
    in a regression of two series; such pairs are counted apart.
    """
    for explained in (0.0, 0.002, 0.01, 0.03):
        any_find, any_classical, power, strangers, siblings = [], [], [], [], []
        for d in range(days):
            rng = np.random.default_rng([seed, 14, round(1e4 * explained), d])
            day = panel_day(rng, explained)
            returns = np.diff(day.prices, axis=0)
            own = remove_factors((returns - returns.mean(axis=0)) / returns.std(axis=0), 5)
            tests = granger_tests(own, 5)
            found = tests.p_value_adjusted <= SIZE
            classical = false_discovery_control(tests.p_value[~np.eye(40, dtype=bool)])
            any_find.append(found.any())
            any_classical.append((classical <= SIZE).any())
            follower = np.flatnonzero(day.follows >= 0)
            planted = np.zeros((40, 40), dtype=bool)
            planted[day.follows[follower], follower] = True
            related = (day.follows[:, None] == day.follows) & (day.follows[:, None] >= 0)
            finds = max(found.sum(), 1)
            power.append(found[planted].mean())
            strangers.append((found & ~planted & ~related).sum() / finds)
            siblings.append((found & related).sum() / finds)
        label = f"pairs r2 {explained:g}"
        if explained == 0.0:
            yield at_most(f"{label}: days with any adjusted find", 0.10, np.mean(any_find))
            yield shown(f"{label}: the same, equal variances taken", np.mean(any_classical))
            continue
        yield shown(f"{label}: planted pairs found", np.mean(power))
        yield shown(f"{label}: share of finds between strangers", np.mean(strangers))
        yield shown(f"{label}: share of finds between followers of one leader", np.mean(siblings))


def own_spillovers(returns: np.ndarray) -> np.ndarray:
    standard = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    return lagged_spillovers(remove_factors(standard, 5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.add_argument("--quick", action="store_true", help="a tenth of the days")
    parser.add_argument("--days", type=int, default=100, help="days a cell")
    parser.add_argument("--seed", type=int, default=20_251_121)
    parser.add_argument(
        "--part", choices=("group", "event", "panel", "pairs", "all"), default="all"
    )
    given = parser.parse_args()
    days = max(2, given.days // 10) if given.quick else given.days
    cells = {"group": group_cells, "event": event_cells, "panel": panel_cells, "pairs": pair_cells}
    lines = [
        line
        for name, cell in cells.items()
        if given.part in (name, "all")
        for line in cell(days, given.seed)
    ]
    if given.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(Line._fields)
        writer.writerows(lines)
        return
    table = Table(title=f"Leadership on {days} simulated days a cell, seed {given.seed}")
    for name in Line._fields:
        table.add_column(name)
    for line in lines:
        table.add_row(line.quantity, line.goal, f"{line.reached:.3g}", "yes" if line.ok else "NO")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
