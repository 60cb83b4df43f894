"""How well the laws given yes and given no are recovered: the acceptance table of de-mixing.

    python benchmarks/study_demixing.py [--format table|csv|markdown] [--quick] [--days N] [--seed S] [--only CASES]

Fresh simulated days per case (default 100) whose laws lie outside every estimator's family unless the
case says so. Means are in percent of the forward, vols in logs; both at the middle snapshot.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

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
SEED = 20261207
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


HEDGE = 0.012 * 0.75**0.5
"""Volatility of an observed factor that leaves half of the whole, 1.2 % a day, to noise."""
HEDGED_10, HEDGED_20 = 0.62, 0.37
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
    "noise 1 point, 20": (Case(0.20, reading_noise=0.01), Goal(0.6, 0.07, 1.0)),
    "factor hedged, 10": (Case(0.10, hedge_vol=HEDGE), Goal(HEDGED_10, 0.13, 1.0, coverage=BANDS)),
    "factor hedged, 20": (Case(0.20, hedge_vol=HEDGE), Goal(HEDGED_20, 0.07, 1.0, coverage=BANDS)),
    "p starts .5, 10": (Case(0.10, start=0.5), Goal(1.3, 0.13, 0.97)),
    "p starts .05, 10": (Case(0.10, start=0.05), Goal()),
    "p starts .95, 10": (Case(0.10, start=0.95), Goal()),
    "p starts .1, 20": (Case(0.20, start=0.1), Goal()),
    "p starts .9, 20": (Case(0.20, start=0.9), Goal()),
    "3 jumps, 40": (Case(0.40, jumps=3), Goal(0.35, 0.05)),
    "price lags 30 s, 10": (Case(0.10, price_lag=0.5), Goal(1.2, 0.13)),
    "price lags 1 min, 20": (Case(0.20, price_lag=1.0), Goal(0.6, 0.07)),
    "price leads 1 min, 20": (Case(0.20, price_lag=-1.0), Goal(0.6, 0.07)),
    "price lags 5 min, 20": (Case(0.20, price_lag=5.0), Goal(0.6, 0.07)),
    "factor corr .3 with p, 20": (Case(0.20, factor_correlation=0.3), Goal()),
    "15 strikes, 20": (Case(0.20, strikes=15), Goal(0.6, 0.07, 1.0)),
    "bursts, 20": (Case(0.20, bursts=1.0), Goal(coverage=BANDS)),
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
    found = demix_panel(day.log_price, event, chains_of(day), day.hedge)
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
    means = conditional_means(np.array([centre]), np.array([p]), panel.ratio.value)[0]
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


class Line(NamedTuple):
    """One method on one case; goals in brackets where the case has any."""

    case: str
    method: str
    answers: str
    mean_rmse: str
    log_vol_rmse: str
    label_right: str
    mean_covered: str
    vol_covered: str
    density_l1: str
    missed: str
    """Names of the goals that were not reached."""


def line_of(case: str, method: str, score: Score, goal: Goal) -> Line:
    """What a method reached on a case beside its goals."""
    total = sum(score.status.values())
    good = score.status["ok"] + score.status["family_only"]
    missed = []

    def cell(name: str, values: Array, digits: int, wanted: str, ok: bool) -> str:
        if not ok:
            missed.append(name)
        text = " / ".join(f"{value:.{digits}f}" for value in np.atleast_1d(values))
        return text if not good or not wanted else f"{text} ({wanted})"

    if goal.identified is not None and good / total > goal.identified:
        missed.append("answers")
    answers = f"{good} of {total}" + (" (0)" if goal.identified == 0 else "")
    if not good:
        return Line(case, method, answers, *[""] * 6, ", ".join(missed))
    mean, vol = score.rms("mean"), score.rms("vol")
    label = float(score.share("label"))
    cells = [
        cell("mean", mean, 2, *_most(goal.mean, mean)),
        cell("vol", vol, 3, *_most(goal.vol, vol)),
        cell("label", np.array(label), 2, *_least(goal.label, label)),
    ]
    for name in ("mean", "vol"):
        if not score.mean_covered:
            cells.append("")
            continue
        covered, band = score.share(f"{name}_covered"), goal.coverage
        inside = band is None or bool(((covered >= band[0]) & (covered <= band[1])).all())
        cells.append(
            cell(f"{name} band", covered, 2, f"{band[0]:g}-{band[1]:g}" if band else "", inside)
        )
    apart = score.share("distance") if score.distance else np.array([])
    cells.append(" / ".join(f"{value:.3f}" for value in apart))
    return Line(case, method, answers, *cells, ", ".join(missed))


def _most(limit: float | None, found: Array) -> tuple[str, bool]:
    return ("", True) if limit is None else (f"<= {limit:g}", bool((found <= limit).all()))


def _least(limit: float | None, found: float) -> tuple[str, bool]:
    return ("", True) if limit is None else (f">= {limit:g}", found >= limit)


def study(days: int, seed: int, only: str) -> Iterator[Line]:
    """All cases whose name matches."""
    for number, (name, (case, goal)) in enumerate(CASES.items()):
        if not re.search(only, name):
            continue
        scores = {method: Score() for method in ("panel", "two_lognormal", "shift", "max_entropy")}
        for day_number in range(days):
            day = simulate(np.random.default_rng([seed, number, day_number]), case)
            panel = score_panel(scores["panel"], day, case.reading_noise)
            score_others(scores, day, panel)
        for method, score in scores.items():
            yield line_of(name, method, score, goal if method == "panel" else Goal())
    for name, (factor, known) in OTHER_NOISE.items():
        for case, goal in (CASES["range 10"], CASES["range 40"]):
            label = f"{name}, {100 * case.probability_range:g}"
            if not re.search(only, label):
                continue
            score = Score()
            for day_number in range(days):
                day = simulate(np.random.default_rng([seed, 99, day_number]), case)
                score_panel(score, day, factor and factor * case.reading_noise, known)
            yield line_of(label, "panel", score, goal if known else Goal())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--format", choices=("table", "csv", "markdown"), default="table")
    parser.add_argument("--quick", action="store_true", help="12 days a case")
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", default="", help="regular expression on the names of cases")
    options = parser.parse_args()
    lines = study(12 if options.quick else options.days, options.seed, options.only)
    if options.format == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(Line._fields)
        for line in lines:
            writer.writerow(line)
            sys.stdout.flush()
    elif options.format == "markdown":
        print("|", " | ".join(Line._fields), "|")
        print("|---" * len(Line._fields) + "|")
        for line in lines:
            print("|", " | ".join(line), "|", flush=True)
    else:
        table = Table(*Line._fields, title="Recovery of event-conditional laws")
        for line in lines:
            table.add_row(*line)
        Console(width=200).print(table)


if __name__ == "__main__":
    main()
