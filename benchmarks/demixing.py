"""How fast a day of chains is split: 40 names of 78 five-minute snapshots, beside plain solvers.

    python benchmarks/demixing.py [--format table|csv] [--quick]

The whole day runs in a pool of two threads, as the assets do. Peers do the same arithmetic with
library calls: scipy's non-negative least squares on the stacked prices, statsmodels' local level
for the smoothing.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import norm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.demixing_worlds import Case, Day, simulate
from benchmarks.harness import Row, arguments, compare, report
from benchmarks.study_demixing import chains_of
from offtape_assets.quant.conditional_density import (
    HIGHEST,
    KERNEL_WIDTH,
    KERNELS,
    LOWEST,
    PINNED,
    ROUGHNESS,
    fit_kernel_laws,
)
from offtape_assets.quant.demixing_panel import demix_panel
from offtape_assets.quant.demixing_probability import smooth_probability

Array = NDArray[np.float64]
GOAL_SECONDS = 15.0


def whole_day(days: list[Day], workers: int) -> list[str]:
    """Split every name's day; the event is read once."""
    event = smooth_probability(days[0].readings, 0.0075, 0.3)

    def one(day: Day) -> str:
        return demix_panel(day.log_price, event, chains_of(day)).status

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, days))


def day_row(names: int, strikes: int) -> Row:
    """Seconds of a day against the goal."""
    case = Case(0.20, strikes=strikes)
    days = [simulate(np.random.default_rng([3, name]), case) for name in range(names)]
    whole_day(days[:2], 2)
    start, spent = time.perf_counter(), time.process_time()
    statuses = whole_day(days, 2)
    seconds = (time.perf_counter() - start) * 40 / names
    spent = time.process_time() - spent
    note = f"{names} names run, {statuses.count('ok')} ok, {spent:.1f} s of CPU"
    return Row(
        f"40 names x 78 snapshots, {strikes} strikes",
        seconds,
        GOAL_SECONDS,
        "goal, seconds",
        GOAL_SECONDS / seconds,
        note,
        f"<= {GOAL_SECONDS:g} s",
        seconds <= GOAL_SECONDS,
    )


def stacked_nnls(day: Day, log_ratio: float, total_vol: Array) -> Array:
    """The kernel fit as one tall least-squares problem for scipy."""
    unit = total_vol[39]
    scale = total_vol / unit
    centre, width = np.linspace(LOWEST, HIGHEST, KERNELS) * unit, KERNEL_WIDTH * unit
    ratio, rows, right = np.exp(log_ratio), [], []
    for t, forward in enumerate(day.forward):
        p = day.probability[t]
        base = forward / (p * ratio + 1 - p)
        spread = 0.5 * (scale[t] ** 2 - 1) * (width**2 - unit**2)
        means, sd = base * np.exp(scale[t] * centre + spread), width * scale[t]
        used = day.prices[t] > 0
        strike, weight = day.strikes[used][:, None], 1 / day.price_sd[t][used][:, None]
        parts = []
        for share, mean in ((p, means * ratio), (1 - p, means)):
            d = np.log(mean / strike) / sd + sd / 2
            call = mean * norm.cdf(d) - strike * norm.cdf(d - sd)
            parts.append(share * weight * np.where(strike < forward, call - mean + strike, call))
        rows.append(np.hstack(parts))
        right.append(day.prices[t][used] * weight[:, 0])
    a, b = np.vstack(rows), np.concatenate(right)
    pin = np.sqrt(PINNED * (a**2).sum(axis=0).max() / KERNELS)
    bend = ROUGHNESS * np.diff(np.eye(KERNELS), 2, axis=0)
    for law in range(2):
        block = np.zeros((2 + len(bend), 2 * KERNELS))
        own = slice(law * KERNELS, (law + 1) * KERNELS)
        block[:, own] = np.vstack([pin * np.ones(KERNELS), pin * np.exp(centre), bend])
        a, b = np.vstack([a, block]), np.r_[b, pin, pin, np.zeros(len(bend))]
    mass, _ = nnls(a, b, maxiter=100 * KERNELS)
    return mass.reshape(2, KERNELS)


def kernel_row(repeats: int) -> Row:
    """Shapes by the normal equations beside the stacked problem."""
    day = simulate(np.random.default_rng(1), Case(0.20))
    total = np.exp(np.log(day.relative_sd).mean(axis=1))
    chains = chains_of(day)

    def ours() -> Array:
        return fit_kernel_laws(
            chains.strikes,
            chains.prices,
            chains.price_sd,
            chains.forward,
            day.probability,
            day.log_ratio,
            total,
        ).mass

    def peer() -> Array:
        return stacked_nnls(day, day.log_ratio, total)

    gap = np.abs(ours() - peer()).sum(axis=1).max()
    return compare("kernel laws", ours, peer, "scipy nnls, stacked", 1.0, f"L1 {gap:.1e}", repeats)


def smoother_row(repeats: int) -> Row:
    """The averaged smoother beside one maximum-likelihood fit of statsmodels."""
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    day = simulate(np.random.default_rng(1), Case(0.20))
    ours = smooth_probability(day.readings)

    def peer() -> Array:
        fit = UnobservedComponents(day.readings, "llevel").fit(disp=False)
        return fit.smoothed_state[0]

    gap = float(np.abs(ours.mean - peer()).max())
    return compare(
        "smoothed probability",
        lambda: smooth_probability(day.readings),
        peer,
        "statsmodels",
        5.0,
        f"max gap {gap:.1e}",
        repeats,
    )


def main() -> None:
    """Print the table."""
    options = arguments(__doc__ or "")
    names, repeats = (10, 3) if options.quick else (40, 7)
    rows = [day_row(names, 40), day_row(names, 150), kernel_row(repeats), smoother_row(repeats)]
    report("Splitting a day of chains", rows, options.format)


if __name__ == "__main__":
    main()
