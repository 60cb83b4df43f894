"""How well the laws given yes and given no are recovered: the acceptance table of de-mixing.

    python benchmarks/study_demixing.py [--format table|csv] [--quick] [--days N] [--seed S] [--only CASES]

Fresh simulated days per case (default 120) whose laws lie outside every estimator's family unless the
case says so. Means are in percent of the forward, vols in logs; both at the middle snapshot.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.demixing_worlds import Case, Day, simulate
from offtape_assets.quant.demixing_max_entropy import max_entropy_split
from offtape_assets.quant.demixing_panel import Chains, PanelSplit, conditional_means, demix_panel
from offtape_assets.quant.demixing_probability import smooth_probability
from offtape_assets.quant.demixing_shift import shift_split
from offtape_assets.quant.demixing_snapshot import fit_two_lognormal_prices

Array = NDArray[np.float64]
MIDDLE = 39
EQUAL = {"mean_yes": 0.0, "mean_no": 0.0, "vol_yes": 0.4, "vol_no": 0.4, "law": "skewed"}
REVERSED = {"mean_yes": -0.04, "mean_no": 0.03, "vol_yes": 0.45, "vol_no": 0.35}


@dataclass(frozen=True)
class Goal:
    """What a case must show; None where it is only described."""

    mean: float | None = None
    vol: float | None = None
    label: float | None = None
    identified: float | None = None
    coverage: tuple[float, float] | None = None


BANDS = (0.85, 0.95)
CASES: dict[str, tuple[Case, Goal]] = {
    "range .3": (Case(0.003), Goal(identified=0.0)),
    "range 2": (Case(0.02), Goal(identified=0.0)),
    "range 5": (Case(0.05), Goal()),
    "range 10": (Case(0.10), Goal(1.2, 0.13, 0.97, coverage=BANDS)),
    "range 20": (Case(0.20), Goal(0.6, 0.07, 1.0, coverage=BANDS)),
    "range 40": (Case(0.40), Goal(0.35, 0.05, 1.0, coverage=BANDS)),
    "null 10": (Case(0.10, **EQUAL), Goal(coverage=(0.85, 1.0))),
    "null 40": (Case(0.40, **EQUAL), Goal(coverage=(0.85, 1.0))),
    "reversed 10": (Case(0.10, **REVERSED), Goal(1.2, 0.13, 0.97, coverage=BANDS)),
    "reversed 20": (Case(0.20, **REVERSED), Goal(0.6, 0.07, 1.0, coverage=BANDS)),
    "means +-.5 %, 10": (Case(0.10, 0.005, -0.005), Goal(1.2, 0.13)),
    "means +-.5 %, 40": (Case(0.40, 0.005, -0.005), Goal(0.35, 0.05)),
    "same shape 20": (Case(0.20, law="skewed"), Goal(0.6, 0.07, 1.0)),
    "lognormal 20": (Case(0.20, law="lognormal"), Goal(0.6, 0.07, 1.0)),
    "150 strikes, 10": (Case(0.10, strikes=150), Goal(1.2, 0.13, 0.97)),
    "noise .5 point, 10": (Case(0.10, reading_noise=0.005), Goal(1.2, 0.13)),
    "noise 1 point, 10": (Case(0.10, reading_noise=0.01), Goal()),
    "factor hedged, 10": (Case(0.10, factor_vol=0.006), Goal(0.62, 0.13)),
    "factor hedged, 20": (Case(0.20, factor_vol=0.006), Goal(0.37, 0.07)),
    "p starts .5, 10": (Case(0.10, start=0.5), Goal(1.3, 0.13, 0.97)),
    "p starts .05, 10": (Case(0.10, start=0.05), Goal()),
    "p starts .95, 10": (Case(0.10, start=0.95), Goal()),
    "3 jumps, 40": (Case(0.40, jumps=3), Goal(0.35, 0.05)),
    "price lags 30 s, 10": (Case(0.10, price_lag=0.5), Goal(1.2, 0.13)),
    "price lags 1 min, 20": (Case(0.20, price_lag=1.0), Goal(0.6, 0.07)),
    "price leads 1 min, 20": (Case(0.20, price_lag=-1.0), Goal(0.6, 0.07)),
    "price lags 5 min, 20": (Case(0.20, price_lag=5.0), Goal(0.6, 0.07)),
    "factor corr .3 with p, 20": (Case(0.20, factor_correlation=0.3), Goal()),
    "vol moves 6 %/day, 10": (Case(0.10, level_vol=0.06), Goal(1.2)),
}
OTHER_NOISE = {
    "noise unknown": (None, 0.0),
    "noise stated 25 % low": (0.75, 0.0),
    "noise stated 25 % high": (1.25, 0.0),
    "noise right, known to 30 %": (1.0, 0.3),
    "noise 25 % low, known to 30 %": (0.75, 0.3),
    "noise 25 % high, known to 30 %": (1.25, 0.3),
}
"""Noise stated over the true one (None: not stated), and how well it is said to be known."""


@dataclass
class Score:
    """Errors of one method over the days of a case; means in percent, vols in logs."""

    status: Counter = field(default_factory=Counter)
    mean: list[Array] = field(default_factory=list)
    vol: list[Array] = field(default_factory=list)
    label: list[bool] = field(default_factory=list)
    mean_covered: list[Array] = field(default_factory=list)
    vol_covered: list[Array] = field(default_factory=list)
    distance: list[Array] = field(default_factory=list)

    def add(self, day: Day, mean: Array, relative_sd: Array) -> None:
        """Note the errors of relative means and of sd over mean, (2,) each."""
        self.mean.append(100 * (mean - day.relative_mean[MIDDLE]))
        self.vol.append(np.log(relative_sd / day.relative_sd[MIDDLE]))
        self.label.append((mean[0] > mean[1]) == (day.log_ratio > 0))

    def rms(self, name: str) -> Array:
        """Root mean square (2,) of 'mean' or 'vol'; NaN without days."""
        values = np.array(getattr(self, name)).reshape(-1, 2)
        return np.sqrt((values**2).mean(axis=0)) if len(values) else np.full(2, np.nan)

    def share(self, name: str) -> Array:
        """Mean of a list."""
        values = getattr(self, name)
        return np.mean(values, axis=0) if values else np.nan


def chains_of(day: Day) -> Chains:
    """The day's chains as the panel takes them."""
    return Chains(day.snapshot_minute, day.strikes, day.prices, day.price_sd, day.forward, day.tau)


def true_densities(day: Day, price: Array) -> Array:
    """(2, K) at the middle snapshot."""
    forward, found = day.forward[MIDDLE], []
    for side, law in enumerate(day.laws):
        total = day.total_vol[MIDDLE, side]
        found.append(law.density(price, day.relative_mean[MIDDLE, side] * forward, total))
    return np.array(found)


def score_panel(score: Score, day: Day, noise: float | None, known: float = 0.0) -> PanelSplit:
    """Run the panel on a day and note its errors, and L1 distances of both densities."""
    event = smooth_probability(day.readings, noise, known)
    found = demix_panel(day.log_price, event, chains_of(day))
    score.status[found.status] += 1
    if found.status != "ok":
        return found
    forward = day.forward[MIDDLE]
    truth = day.relative_mean[MIDDLE] * forward
    mean, sd = found.mean[MIDDLE], found.sd[MIDDLE]
    score.add(day, mean / forward, sd / mean)
    score.mean_covered.append(
        (found.mean_low[MIDDLE] <= truth) & (truth <= found.mean_high[MIDDLE])
    )
    truth = truth * day.relative_sd[MIDDLE]
    score.vol_covered.append((found.sd_low[MIDDLE] <= truth) & (truth <= found.sd_high[MIDDLE]))
    price = forward * np.linspace(0.5, 1.6, 1101)
    gap = np.abs(found.densities(price)[:, MIDDLE] - true_densities(day, price))
    score.distance.append(gap.sum(axis=1) * (price[1] - price[0]))
    return found


def score_others(scores: dict[str, Score], day: Day, panel: PanelSplit) -> None:
    """The three other methods on the middle snapshot: true observed law, the panel's means."""
    forward, p = day.forward[MIDDLE], float(panel.probability[MIDDLE])
    found = fit_two_lognormal_prices(
        day.strikes, day.prices[MIDDLE], day.price_sd[MIDDLE], forward, p
    )
    scores["two_lognormal"].status[found.status] += 1
    if found.status == "family_only":
        widths = np.array([found.width_yes, found.width_no])
        means = np.array([found.mean_yes, found.mean_no])
        scores["two_lognormal"].add(day, means, np.sqrt(np.expm1(widths**2)))
    if panel.status != "ok":
        for name in ("shift", "max_entropy"):
            scores[name].status[panel.status] += 1
        return
    price = forward * np.linspace(0.4, 1.9, 3001)
    yes, no = true_densities(day, price)
    share = day.probability[MIDDLE]
    observed = share * yes + (1 - share) * no
    mass = observed / observed.sum()
    centre = float(price @ mass)
    means = conditional_means(np.array([centre]), np.array([p]), panel.slope.slope)[0]
    splits = {
        "shift": shift_split(price, mass, observed, p, (means[0], means[1])),
        "max_entropy": max_entropy_split(price, mass, observed, p, means[0]),
    }
    for name, split in splits.items():
        scores[name].status[split.status] += 1
        if split.status == "ok":
            laws = np.array([split.density_yes, split.density_no])
            laws /= laws.sum(axis=1, keepdims=True)
            mean = laws @ price
            sd = np.sqrt(laws @ price**2 - mean**2)
            scores[name].add(day, mean / forward, sd / mean)


def rows_of(case: str, method: str, score: Score, goal: Goal) -> list[tuple[str, ...]]:
    """case, method, quantity, goal, reached, ok."""
    total = sum(score.status.values())
    good = score.status["ok"] + score.status["family_only"]
    rows = []

    def add(quantity: str, wanted: str, reached: str, ok: bool | None) -> None:
        verdict = "" if ok is None else str(ok)
        rows.append((case, method, quantity, wanted, reached, verdict))

    verdict = None if goal.identified is None else good / total <= goal.identified
    add("answers given", "0" if goal.identified == 0 else "", f"{good} of {total}", verdict)
    if not good:
        return rows
    for name, limit, digits in (("mean", goal.mean, 2), ("vol", goal.vol, 3)):
        worst = score.rms(name)
        text = " / ".join(f"{value:.{digits}f}" for value in worst)
        verdict = None if limit is None else bool((worst <= limit).all())
        add(f"{name} RMSE yes / no", "" if limit is None else f"<= {limit:g}", text, verdict)
    label = float(score.share("label"))
    verdict = None if goal.label is None else label >= goal.label
    if goal.label is not None or method != "panel":
        add(
            "label right",
            "" if goal.label is None else f">= {goal.label:g}",
            f"{label:.2f}",
            verdict,
        )
    for name in ("mean", "vol") if score.mean_covered else ():
        covered = score.share(f"{name}_covered")
        text = " / ".join(f"{value:.2f}" for value in covered)
        band = goal.coverage
        verdict = (
            None if band is None else bool(((covered >= band[0]) & (covered <= band[1])).all())
        )
        add(f"{name} band covers", f"{band[0]:g}-{band[1]:g}" if band else "", text, verdict)
    if score.distance:
        text = " / ".join(f"{value:.3f}" for value in score.share("distance"))
        add("density L1 yes / no", "", text, None)
    return rows


def study(days: int, seed: int, only: str) -> list[tuple[str, ...]]:
    """All cases whose name matches."""
    rows: list[tuple[str, ...]] = []
    for number, (name, (case, goal)) in enumerate(CASES.items()):
        if not re.search(only, name):
            continue
        scores = {method: Score() for method in ("panel", "two_lognormal", "shift", "max_entropy")}
        for day_number in range(days):
            day = simulate(np.random.default_rng([seed, number, day_number]), case)
            panel = score_panel(scores["panel"], day, case.reading_noise)
            score_others(scores, day, panel)
        for method, score in scores.items():
            rows += rows_of(name, method, score, goal if method == "panel" else Goal())
    for name, (factor, known) in OTHER_NOISE.items():
        for case in (Case(0.10), Case(0.40)):
            label = f"{name}, {100 * case.probability_range:g}"
            if not re.search(only, label):
                continue
            score = Score()
            for day_number in range(days):
                day = simulate(np.random.default_rng([seed, 99, day_number]), case)
                score_panel(score, day, factor and factor * case.reading_noise, known)
            rows += rows_of(label, "panel", score, Goal())
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=("table", "csv"), default="table")
    parser.add_argument("--quick", action="store_true", help="12 days a case")
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=20241105)
    parser.add_argument("--only", default="", help="regular expression on the names of cases")
    options = parser.parse_args()
    days = 12 if options.quick else options.days
    rows = study(days, options.seed, options.only)
    names = ("case", "method", "quantity", "goal", "reached", "ok")
    if options.format == "csv":
        csv.writer(sys.stdout).writerows([names, *rows])
        return
    table = Table(*names, title="Recovery of event-conditional laws")
    for row in rows:
        table.add_row(*row)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
