"""Worlds with a known joint law: one-factor names, baskets of them, marginals as states."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from offtape_assets.quant.joint_law import JointProblem
from offtape_assets.quant.joint_quantiles import state_levels


class World(NamedTuple):
    """A joint problem and the correlation that generated it."""

    problem: JointProblem
    correlation: np.ndarray
    held: np.ndarray
    """(d,) whether a name is in any basket."""


def gaussian_world(names: int = 40, baskets: int = 10, n: int = 5000, seed: int = 0) -> World:
    """Normal names with one common factor, baskets of 5 to 15 names, exact marginals."""
    rng = np.random.default_rng(seed)
    scores = ndtri(state_levels(n))
    loads = rng.uniform(0.4, 0.85, names)
    correlation = np.outer(loads, loads)
    np.fill_diagonal(correlation, 1.0)
    spread = rng.uniform(0.1, 0.4, names)
    weights = np.zeros((names, baskets))
    for k in range(baskets):
        held = rng.choice(names, rng.integers(5, min(15, names) + 1), replace=False)
        weights[held, k] = rng.dirichlet(np.full(len(held), 4.0))
    exposures = weights * spread[:, None]
    widths = np.sqrt(np.einsum("jk,jl,lk->k", exposures, correlation, exposures))
    problem = JointProblem(spread * scores[:, None], widths * scores[:, None], weights)
    return World(problem, correlation, weights.any(axis=1))


def correlation_error(states: np.ndarray, truth: np.ndarray, held: np.ndarray) -> float:
    """Root mean square error of the correlations of held names."""
    upper = np.triu_indices(int(held.sum()), 1)
    reached = np.corrcoef(states[:, held].T)
    return float(np.sqrt(np.mean((reached - truth[np.ix_(held, held)])[upper] ** 2)))
