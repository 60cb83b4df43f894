"""The principles a joint law may start from at one snapshot, each ready to draw arrangements.

Priors sweep what the baskets leave open: none (maximum entropy), equal correlations, realized
correlations of the day so far, the event's two states; beside them the ranks of the snapshot
before. Solving is in joint.py.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.joint_marginals import Snapshot, name_states
from offtape_assets.quant.joint_law import JointProblem, nearest_correlation, previous_start
from offtape_assets.quant.joint_starts import (
    TiltedCorrelation,
    copula_start,
    equicorrelation,
    event_start,
    tilt_correlation,
)

Floats = NDArray[np.float64]

MAX_ENTROPY = "max_entropy"
REALIZED = "realized"
EVENT = "event"
PREVIOUS = "previous"
GIVEN_YES, GIVEN_NO = "given_yes", "given_no"
MIXED = "mixed"
"""The laws given each outcome, put together by the outcome's probability."""
MINUTES_NEEDED = 20
"""Minutes of returns below which realized correlations say too little."""
LEAST_SHRINKAGE = 0.05
"""Least weight of the average correlation in the realized prior: keeps it positive definite."""
FALLBACK_CORRELATION = 0.4
"""Prior correlation where none is realized: the usual order for single stocks of one market."""


class Start(NamedTuple):
    """A principle: its name, the problem it starts, a draw of it, the Gaussian law behind it."""

    prior: str
    problem: JointProblem
    draw: Callable[[np.random.Generator], Floats]
    tilted: TiltedCorrelation | None
    funds: tuple[str, ...]
    """Funds whose holdings the problem imposes."""


class EventLaws(NamedTuple):
    """Laws of all columns in both states of the event."""

    yes: Floats
    """(n_yes, tickers) ascending."""
    no: Floats
    funds: NDArray[np.bool_]
    """Per fund, whether its own conditional laws are identified."""


def realized_correlation(
    log_mids: pl.DataFrame, tickers: Sequence[str], ts: datetime
) -> Floats | None:
    """Correlation of one-minute returns before `ts`, shrunk to its average; None if too few.

    The weight of the average is the share of the sample correlations' dispersion that sampling
    error, 1/minutes, explains. A name without quotes has the average correlation with the others.
    """
    before = log_mids.filter((pl.col("bucket") <= ts) & pl.col("ticker").is_in(list(tickers)))
    if before.is_empty():
        return None
    wide = before.sort("bucket").pivot("ticker", index="bucket", values="log_mid")
    columns = [
        wide[t].to_numpy() if t in wide.columns else np.full(wide.height, np.nan) for t in tickers
    ]
    returns = np.diff(np.column_stack(columns).astype(float), axis=0)
    known = np.isfinite(returns).sum(axis=0) >= MINUTES_NEEDED
    complete = returns[:, known]
    complete = complete[np.isfinite(complete).all(axis=1)]
    if known.sum() < 2 or len(complete) < MINUTES_NEEDED or not (complete.std(axis=0) > 0).all():
        return None
    sample = np.corrcoef(complete.T)
    pairs = sample[np.triu_indices(len(sample), 1)]
    average = float(np.clip(pairs.mean(), 0.0, 0.95))
    noise = 1.0 / (len(complete) * max(float(pairs.var()), 1e-6))
    shrinkage = float(np.clip(noise, LEAST_SHRINKAGE, 1.0))
    matrix = equicorrelation(len(tickers), average)
    both = np.ix_(known, known)
    matrix[both] = shrinkage * matrix[both] + (1.0 - shrinkage) * sample
    np.fill_diagonal(matrix, 1.0)
    return matrix if np.linalg.eigvalsh(matrix)[0] > 1e-6 else None


def event_laws(snapshot: Snapshot, conditional: pl.DataFrame, probability: float) -> EventLaws:
    """Conditional states of every column; a column that is not identified keeps its observed law.

    `conditional` has ticker, strike, density_yes and density_no of the identified names at the
    snapshot's instant and expiry.
    """
    count = len(snapshot.states)
    yes = int(np.clip(round(probability * count), 2, count - 2))
    sides, known = [], np.zeros(len(snapshot.tickers), dtype=bool)
    for number, density in ((yes, "density_yes"), (count - yes, "density_no")):
        rows = conditional.select("ticker", "strike", pl.col(density).alias("density"))
        rows = rows.drop_nulls().filter(pl.len().over("ticker") >= 3)
        found = name_states(rows.with_columns(_cdf()), number)
        sides.append(_columns(snapshot, found, number))
        known = np.array([ticker in found for ticker in snapshot.tickers])
    return EventLaws(sides[0], sides[1], known[snapshot.names :])


def _cdf() -> pl.Expr:
    """Conditional densities carry their whole mass on the grid."""
    first = pl.col("strike") == pl.col("strike").min().over("ticker")
    return pl.when(first).then(0.0).otherwise(1.0).alias("cdf")


def _columns(snapshot: Snapshot, found: Mapping[str, Floats], number: int) -> Floats:
    """States of all columns in one state of the event, observed ones thinned where unknown."""
    picked = ((np.arange(number) + 0.5) / number * len(snapshot.states)).astype(int)
    return np.column_stack(
        [
            found.get(ticker, snapshot.states[picked, column])
            for column, ticker in enumerate(snapshot.tickers)
        ]
    )


def gaussian_starts(
    snapshot: Snapshot, equal: Sequence[float], realized: Floats | None
) -> list[Start]:
    """Starts from a Gaussian copula: maximum entropy, equal correlations, realized ones."""
    count = snapshot.names
    priors = {MAX_ENTROPY: np.eye(count)}
    priors |= {f"equal_{level:g}": equicorrelation(count, level) for level in equal}
    if realized is not None:
        priors[REALIZED] = realized[:count, :count]
    problem, funds = snapshot.problem(), snapshot.tickers[count:]
    return [_copula(name, problem, prior, funds) for name, prior in priors.items()]


def event_starts(snapshot: Snapshot, laws: EventLaws, prior: Floats) -> list[Start]:
    """Starts that know the event: the observed laws joined through it, and each state alone."""
    count = snapshot.names
    imposed = np.concatenate([np.ones(count, dtype=bool), laws.funds])
    funds = snapshot.tickers[count:]
    identified = tuple(fund for fund, own in zip(funds, laws.funds, strict=True) if own)
    given = []
    for name, states in ((GIVEN_YES, laws.yes), (GIVEN_NO, laws.no)):
        kept = states[:, imposed]
        problem = JointProblem(kept[:, :count], kept[:, count:], snapshot.weights[:, laws.funds])
        given.append(_copula(name, problem, prior[:count, :count], identified))
    problem = snapshot.problem()
    yes, no = laws.yes[:, :count], laws.no[:, :count]
    within = [_within_state(snapshot, laws, states, prior) for states in (laws.yes, laws.no)]

    def draw(rng: np.random.Generator) -> Floats:
        return event_start(problem.names, yes, no, within[0], within[1], rng)

    return [Start(EVENT, problem, draw, None, funds), *given]


def _within_state(snapshot: Snapshot, laws: EventLaws, states: Floats, prior: Floats) -> Floats:
    """Copula correlation in one state of the event: nearest to a prior, with the funds' variances.

    A fund whose own conditional law is not identified has what its holdings' gap between the two
    states leaves of its variance (law of total variance), a tenth of it at the least.
    """
    count = snapshot.names
    chance = len(laws.yes) / (len(laws.yes) + len(laws.no))
    gap = (laws.yes - laws.no.mean(axis=0)).mean(axis=0)[:count] @ snapshot.weights
    total = snapshot.states[:, count:].var(axis=0)
    left = np.maximum(total - chance * (1.0 - chance) * gap**2, 0.1 * total)
    targets = np.where(laws.funds, states[:, count:].var(axis=0), left)
    exposures = snapshot.weights * states[:, :count].std(axis=0)[:, None]
    return tilt_correlation(prior[:count, :count], exposures, targets).correlation


def previous_snapshot(snapshot: Snapshot, before: Snapshot, states: Floats) -> list[Start]:
    """Start from the ranks of the snapshot before; none where the names are not the same."""
    if before.tickers != snapshot.tickers or before.names != snapshot.names:
        return []
    problem = snapshot.problem()

    def draw(rng: np.random.Generator) -> Floats:
        return previous_start(problem, states[:, : snapshot.names])

    return [Start(PREVIOUS, problem, draw, None, snapshot.tickers[snapshot.names :])]


def _copula(name: str, problem: JointProblem, prior: Floats, funds: tuple[str, ...]) -> Start:
    """Start from the Gaussian copula nearest to a prior."""
    tilted = nearest_correlation(problem, prior)

    def draw(rng: np.random.Generator) -> Floats:
        return copula_start(problem.names, tilted.correlation, rng)

    return Start(name, problem, draw, tilted, funds)
