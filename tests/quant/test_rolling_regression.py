"""Rolling betas: numpy's least squares window by window, missing rows, failures, units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.rolling_regression import STATUSES, rolling_betas

BETA = np.array([1.2, 0.3, -0.4, 0.5, -0.1])


def world(rng: np.random.Generator, rows: int, noise: float = 1e-4) -> tuple[np.ndarray, ...]:
    """Returns of one name at the scale of a second, and factors correlated among themselves."""
    mix = np.eye(5) + 0.3
    factors = rng.standard_normal((rows, 5)) @ mix * 3e-5
    return factors @ BETA + 2e-6 + noise * rng.standard_normal(rows), factors


def assert_agrees(returns: np.ndarray, factors: np.ndarray, window: int, row: int) -> None:
    """One window against lstsq and the textbook's errors."""
    found = rolling_betas(returns, factors, window, 8)
    first = max(0, row - window + 1)
    y, x = returns[first : row + 1], factors[first : row + 1]
    kept = np.isfinite(y) & np.isfinite(x).all(axis=1)
    y, design = y[kept], np.column_stack([np.ones(kept.sum()), x[kept]])
    scale = np.sqrt((design**2).mean(axis=0))
    beta = np.linalg.lstsq(design / scale, y, rcond=None)[0] / scale
    residual = y - design @ beta
    variance = residual @ residual / (len(y) - 6)
    errors = np.sqrt(variance * np.diag(np.linalg.inv((design / scale).T @ (design / scale))))
    np.testing.assert_allclose(found.beta[row], beta[1:], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.alpha[row], beta[0], rtol=1e-7, atol=1e-14)
    np.testing.assert_allclose(found.standard_error[row], (errors / scale)[1:], rtol=1e-8)
    np.testing.assert_allclose(
        found.r_squared[row], 1 - residual.var() / y.var(), rtol=1e-8, atol=1e-10
    )
    np.testing.assert_allclose(found.residual_variance[row], variance, rtol=1e-8)
    assert (found.n_obs[row], found.dof[row]) == (len(y), len(y) - 6)
    assert STATUSES[found.status[row]] == "ok"


@pytest.mark.parametrize("row", [40, 299, 300, 301, 599, 600, 1234])
def test_equals_least_squares_of_the_window(row: int) -> None:
    rng = np.random.default_rng(1)
    returns, factors = world(rng, 1300)
    returns[rng.random(1300) < 0.05] = np.nan
    factors[700:710, 2] = np.nan
    assert_agrees(returns, factors, 300, row)


def test_a_jump_that_has_left_the_window_leaves_no_trace() -> None:
    rng = np.random.default_rng(2)
    returns, factors = world(rng, 2000, noise=1e-6)
    returns[350] += 0.3
    factors[400] *= 1e4
    assert_agrees(returns, factors, 300, 899)


def test_betas_lie_within_their_errors() -> None:
    rng = np.random.default_rng(3)
    scores = []
    for _ in range(60):
        found = rolling_betas(*world(rng, 300))
        scores.append((found.beta[-1] - BETA) / found.standard_error[-1])
    assert np.abs(np.mean(scores, axis=0)).max() < 3 / np.sqrt(60)
    assert 0.85 < np.std(scores) < 1.15


def test_failures_say_why() -> None:
    rng = np.random.default_rng(4)
    returns, factors = world(rng, 400)
    assert STATUSES[rolling_betas(returns, factors, 300, 60).status[58]] == "too_few"
    assert STATUSES[rolling_betas(returns, factors, 300, 60).status[59]] == "ok"
    still = rolling_betas(np.zeros(400), factors)
    assert STATUSES[still.status[-1]] == "no_variation"
    copied = factors.copy()
    copied[:, 4] = 2 * factors[:, 1]
    twice = rolling_betas(returns, copied)
    assert STATUSES[twice.status[-1]] == "singular"
    for found in (still, twice):
        assert np.isnan(found.beta).all()
        assert np.isnan(found.r_squared).all()
        assert (found.dof == 0).all()


@settings(deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_units(of_returns: float, of_factors: float) -> None:
    returns, factors = world(np.random.default_rng(5), 320)
    one = rolling_betas(returns, factors)
    two = rolling_betas(of_returns * returns, of_factors * factors)
    np.testing.assert_allclose(
        two.beta[-1], one.beta[-1] * of_returns / of_factors, rtol=1e-6, atol=1e-12
    )
    np.testing.assert_allclose(two.r_squared[-1], one.r_squared[-1], rtol=1e-6)


def test_no_later_row_changes_an_estimate() -> None:
    returns, factors = world(np.random.default_rng(6), 900)
    whole, part = rolling_betas(returns, factors), rolling_betas(returns[:500], factors[:500])
    np.testing.assert_array_equal(whole.beta[:500], part.beta)


def test_arguments_are_checked() -> None:
    returns, factors = world(np.random.default_rng(7), 20)
    with pytest.raises(ValueError, match="want \\(T,\\)"):
        rolling_betas(returns[:-1], factors)
    with pytest.raises(ValueError, match="window=6"):
        rolling_betas(returns, factors, window=6)
