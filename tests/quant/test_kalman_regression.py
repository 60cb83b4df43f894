"""Filtered betas: a plain filter, least squares as the limit, causality, coverage."""

import numpy as np
import pytest

from offtape_assets.quant.kalman_regression import (
    BETA_SD_PER_ROW,
    MIN_OBS,
    OUTLIER,
    FilteredBetas,
    filtered_betas,
)


def world(
    rng: np.random.Generator, rows: int, step: float, noise: float = 1e-4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, factors and the betas behind them."""
    factors = rng.standard_normal((rows, 5)) * 5e-5
    start = np.array([1.0, 0.2, -0.3, 0.4, 0.0])
    betas = start + np.cumsum(step * rng.standard_normal((rows, 5)), axis=0)
    returns = (betas * factors).sum(axis=1) + noise * rng.standard_normal(rows)
    return returns, factors, betas


def slow(returns: np.ndarray, factors: np.ndarray, half_life: float) -> tuple[np.ndarray, ...]:
    """The textbook's filter with matrices."""
    complete = np.isfinite(returns)
    noise = np.var(returns[complete][:MIN_OBS])
    mean, spread = np.array([1.0, 0, 0, 0, 0, 0]), np.diag([1.0] * 5 + [noise])
    forget = 0.5 ** (1 / half_life)
    weight = min(1 / (1 - forget), MIN_OBS)
    means, noises = [], []
    for r, f in zip(returns, factors, strict=True):
        spread = spread + np.diag([BETA_SD_PER_ROW**2] * 5 + [1e-6 * noise])
        if np.isfinite(r):
            x = np.append(f, 1.0)
            explained, v = x @ spread @ x, r - x @ mean
            total = explained + noise
            squared = min(v**2, OUTLIER**2 * total)
            if squared == v**2:
                gain = spread @ x / total
                mean = mean + gain * v
                spread = spread - np.outer(gain, gain) * total
            weight = forget * weight + 1
            noise += (max(squared - explained, squared * noise / total) - noise) / weight
        means.append(mean)
        noises.append(noise)
    return np.array(means), np.array(noises)


def test_equals_the_filter_written_with_matrices() -> None:
    rng = np.random.default_rng(1)
    returns, factors, _ = world(rng, 1500, 1e-3)
    returns[rng.random(1500) < 0.1] = np.nan
    returns[800] = 0.05
    found = filtered_betas(returns, factors, noise_half_life=200.0)
    means, noises = slow(returns, factors, 200.0)
    first = np.flatnonzero(np.isfinite(returns))[MIN_OBS - 1]
    assert np.isnan(found.beta[:first]).all()
    np.testing.assert_allclose(found.beta[first:], means[first:, :5], rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(found.alpha[first:], means[first:, 5], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.noise_variance[first:], noises[first:], rtol=1e-8)


def test_ends_at_least_squares_when_betas_stand_still() -> None:
    rng = np.random.default_rng(2)
    returns, factors, _ = world(rng, 20_000, 0.0)
    found = filtered_betas(returns, factors, beta_sd=0.0, noise_half_life=np.inf)
    design = np.column_stack([factors, np.ones(len(returns))])
    beta = np.linalg.lstsq(design, returns, rcond=None)[0]
    assert np.abs(found.beta[-1] - beta[:5]).max() < 0.1 * found.standard_error[-1].min()


def score(found: FilteredBetas, betas: np.ndarray) -> np.ndarray:
    return ((found.beta - betas) / found.standard_error)[2000::500]


def test_wandering_betas_lie_within_the_stated_errors() -> None:
    rng = np.random.default_rng(3)
    scores, innovations = [], []
    for _ in range(20):
        returns, factors, betas = world(rng, 8000, BETA_SD_PER_ROW)
        found = filtered_betas(returns, factors)
        scores.append(score(found, betas))
        innovations.append((found.innovation / found.innovation_sd)[2000:])
    assert abs(np.mean(scores)) < 0.1
    assert 0.9 < np.std(scores) < 1.1
    assert 0.97 < np.std(innovations) < 1.03


def test_nothing_stamped_before_a_return_knows_it() -> None:
    returns, factors, _ = world(np.random.default_rng(4), 1000, 1e-3)
    changed = returns.copy()
    changed[700:] *= -3
    one, two = filtered_betas(returns, factors), filtered_betas(changed, factors)
    np.testing.assert_array_equal(one.beta[:700], two.beta[:700])
    assert (one.beta[700] != two.beta[700]).any()


def test_a_jump_of_the_name_itself_moves_no_beta() -> None:
    returns, factors, _ = world(np.random.default_rng(5), 1000, 0.0)
    jumped = returns.copy()
    jumped[600] += 0.02
    before, after = filtered_betas(returns, factors), filtered_betas(jumped, factors)
    assert np.abs(after.beta[600] - before.beta[599]).max() < 1e-12


def test_too_few_rows_and_a_name_that_never_moves_give_nothing() -> None:
    returns, factors, _ = world(np.random.default_rng(6), MIN_OBS - 1, 0.0)
    assert np.isnan(filtered_betas(returns, factors).beta).all()
    assert np.isnan(filtered_betas(np.zeros(500), np.ones((500, 5))).beta).all()


def test_arguments_are_checked() -> None:
    returns, factors, _ = world(np.random.default_rng(7), 100, 0.0)
    with pytest.raises(ValueError, match="want \\(T,\\)"):
        filtered_betas(returns[1:], factors)
    with pytest.raises(ValueError, match="beta_sd=-1"):
        filtered_betas(returns, factors, beta_sd=-1)


def test_a_name_that_is_still_at_first_starts_later() -> None:
    returns, factors, _ = world(np.random.default_rng(8), 3000, 0.0)
    returns[:500] = 0.0
    found = filtered_betas(returns, factors)
    assert np.isnan(found.beta[:500]).all()
    assert np.isfinite(found.beta[520:]).all()
