"""Digital and range probabilities under RiskMetrics volatility and Merton jumps, beside plain numpy.

The peer is the simulation anyone would write: 50,000 paths, 168 hourly steps, one line a step.
Case of the literature value: volatility 60 %, decay .97, strikes 97, 103 and 104 on a spot of 100.
"""

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from harness import Row, arguments, interleave, report

from offtape_assets.quant import contract_transform
from offtape_assets.quant.contract_simulation import (
    IntervalProbabilities,
    simulate_merton_intervals,
    simulate_riskmetrics_intervals,
)
from offtape_assets.quant.contract_transform import riskmetrics_interval_probabilities
from offtape_assets.quant.merton import merton_interval_probabilities

SPOT, STEPS, PATHS = 100.0, 168, 50_000
VARIANCE = 0.6**2 / 8760
LOW, HIGH = np.array([104.0, 97.0]), np.array([np.inf, 103.0])
JUMPS = {"jump_intensity": 60.0, "jump_mean": -0.02, "jump_sd": 0.03}
YEARS = STEPS / 8760


def plain_riskmetrics(decay: float, rng: np.random.Generator) -> IntervalProbabilities:
    """One numpy line a step."""
    move, variance = np.zeros(PATHS), np.full(PATHS, VARIANCE)
    for _ in range(STEPS):
        z = rng.standard_normal(PATHS)
        move += np.sqrt(variance) * z - variance / 2
        variance = variance * (decay + (1 - decay) * z * z)
    return _counted(SPOT * np.exp(move))


def plain_merton(rng: np.random.Generator) -> IntervalProbabilities:
    """The same with Poisson jumps."""
    step, rate, mean, sd = YEARS / STEPS, *JUMPS.values()
    shift = (-0.5 * 0.5**2 - rate * math.expm1(mean + sd**2 / 2)) * step
    move = np.zeros(PATHS)
    for _ in range(STEPS):
        jumps = rng.poisson(rate * step, PATHS)
        move += shift + 0.5 * math.sqrt(step) * rng.standard_normal(PATHS)
        move += jumps * mean + np.sqrt(jumps) * sd * rng.standard_normal(PATHS)
    return _counted(SPOT * np.exp(move))


def _counted(price: np.ndarray) -> IntervalProbabilities:
    hits = np.array(
        [((price >= low) & (price < high)).mean() for low, high in zip(LOW, HIGH, strict=True)]
    )
    return IntervalProbabilities(hits, np.sqrt(hits * (1 - hits) / PATHS))


def transform(decay: float) -> np.ndarray:
    """Ours, exact."""
    return riskmetrics_interval_probabilities(LOW, HIGH, SPOT, VARIANCE, decay, 0.0, STEPS)


def refined(decay: float) -> np.ndarray:
    """The transform on grids twice as wide and three times as fine."""
    finer = {"_HALF_WIDTH": 18.0, "_HIGHEST_FREQUENCY": 11.0, "_FEWEST_NODES": 48}
    kept = {name: getattr(contract_transform, name) for name in finer}
    law = contract_transform.characteristic_function
    defaults, law.__defaults__ = law.__defaults__, (0.05, 100)
    for name, value in finer.items():
        setattr(contract_transform, name, value)
    try:
        return transform(decay)
    finally:
        law.__defaults__ = defaults
        for name, value in kept.items():
            setattr(contract_transform, name, value)


def theirs_error(decay: float, rng: np.random.Generator) -> float:
    """Standard error of the peer's digital."""
    return float(plain_riskmetrics(decay, rng).standard_error[0])


def simulated(decay: float, rng: np.random.Generator) -> IntervalProbabilities:
    """Ours, by paths."""
    return simulate_riskmetrics_intervals(LOW, HIGH, SPOT, VARIANCE, decay, 0.0, STEPS, rng, PATHS)


def _repeated(make: Callable[[np.random.Generator], IntervalProbabilities], runs: int) -> float:
    """Standard deviation of the digital over runs: what the stated error must be."""
    return float(np.std([make(np.random.default_rng(seed)).probability[0] for seed in range(runs)]))


def transform_rows(repeats: int) -> list[Row]:
    """The transform against the peer's time, and against finer grids."""
    rng, rows = np.random.default_rng(1), []
    for decay in (0.97, 0.998):
        mine, theirs = interleave(
            lambda decay=decay: transform(decay),
            lambda decay=decay: plain_riskmetrics(decay, rng),
            repeats,
        )
        off = np.abs(transform(decay) - refined(decay)).max()
        rows.append(
            Row(
                f"RiskMetrics {decay} digital and range, transform",
                mine,
                theirs,
                "numpy paths",
                theirs / mine,
                f"{off:.0e} off refined grids, numpy se {theirs_error(decay, rng):.0e}",
                ">= 30x, 1e-6",
                theirs >= 30 * mine and bool(off <= 1e-6),
            )
        )
    return rows


def path_rows(repeats: int, runs: int) -> list[Row]:
    """Our paths against the peer's: time, and variance times time."""
    rows = []
    for decay in (0.97, 0.998):
        rng = np.random.default_rng(2)
        mine, theirs = interleave(
            lambda decay=decay, rng=rng: simulated(decay, rng),
            lambda decay=decay, rng=rng: plain_riskmetrics(decay, rng),
            repeats,
        )
        spread = _repeated(lambda rng, decay=decay: simulated(decay, rng), runs)
        plain = plain_riskmetrics(decay, rng).standard_error[0]
        work = plain**2 * theirs / (spread**2 * mine)
        name = f"RiskMetrics {decay}, 50,000 paths"
        accuracy = f"se {spread:.1e} against {plain:.1e}"
        rows.append(
            Row(
                name,
                mine,
                theirs,
                "numpy paths",
                theirs / mine,
                accuracy,
                ">= 10x",
                theirs >= 10 * mine,
            )
        )
        rows.append(
            Row(
                f"{name}: variance x time",
                spread**2 * mine,
                plain**2 * theirs,
                "numpy paths",
                work,
                accuracy,
                ">= 25x",
                work >= 25,
            )
        )
    return rows


def merton_rows(repeats: int) -> list[Row]:
    """Jumps: the series and our simulation against the peer."""
    rng = np.random.default_rng(3)
    args = (LOW, HIGH, SPOT, 0.5, 0.0, *JUMPS.values(), YEARS)
    exact = merton_interval_probabilities(*args)
    mine, theirs = interleave(
        lambda: [merton_interval_probabilities(*args) for _ in range(20)],
        lambda: plain_merton(rng),
        repeats,
    )
    plain = plain_merton(rng)
    gap = np.abs(plain.probability - exact) / plain.standard_error
    series = Row(
        "Merton digital and range, series",
        mine / 20,
        theirs,
        "numpy paths",
        20 * theirs / mine,
        f"numpy within {gap.max():.1f} se of it",
        ">= 1000x",
        20 * theirs / mine >= 1000 and bool(gap.max() < 4),
    )
    mine, theirs = interleave(
        lambda: simulate_merton_intervals(*args, rng, PATHS), lambda: plain_merton(rng), repeats
    )
    ours = simulate_merton_intervals(*args, rng, PATHS)
    work = plain.standard_error[0] ** 2 * theirs / (ours.standard_error[0] ** 2 * mine)
    off = np.abs(ours.probability - exact) / ours.standard_error
    paths = Row(
        "Merton, 50,000 draws: variance x time",
        ours.standard_error[0] ** 2 * mine,
        plain.standard_error[0] ** 2 * theirs,
        "numpy paths",
        work,
        f"within {off.max():.1f} se of the series",
        ">= 25x",
        work >= 25 and bool(off.max() < 4),
    )
    return [series, paths]


def main() -> None:
    """Print all rows."""
    options = arguments(__doc__ or "")
    repeats, runs = (3, 20) if options.quick else (7, 100)
    start = time.perf_counter()
    rows = [*transform_rows(repeats), *path_rows(repeats, runs), *merton_rows(repeats)]
    report("Prediction contracts", rows, options.format)
    print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
