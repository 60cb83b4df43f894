"""The reduced process against the dense textbook formula and scikit-learn; updates against refits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.gaussian_process import Hyperparameters, Process, select
from offtape_assets.quant.gaussian_process_kernel import LENGTHS


def _data(size=60, seed=0):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(-0.2, 0.12, size))
    variance = 1e-7 * np.exp(rng.normal(size=size))
    y = 0.004 * np.sin(25 * x) + rng.normal(size=size) * np.sqrt(variance)
    return x, y, variance


def _dense(h, x, y, variance, at):
    """Mean and variance (unit noise scale) by the n x n formula, Rasmussen-Williams 2.25-2.26."""
    across = h.amplitude * np.exp(-0.5 * ((at[:, None] - x) / h.length) ** 2)
    matrix = h.amplitude * np.exp(-0.5 * ((x[:, None] - x) / h.length) ** 2) + np.diag(variance)
    solved = np.linalg.solve(matrix, across.T)
    return solved.T @ y, h.amplitude - np.einsum("ij,ji->i", across, solved)


@pytest.mark.parametrize("row", range(len(LENGTHS)))
def test_matches_the_dense_formula(row):
    x, y, variance = _data()
    h = Hyperparameters(-0.04, 0.16, row, 1e-5)
    process = Process(h, np.arange(x.size), x, y, variance)
    at = np.linspace(-0.2, 0.12, 50)
    mean, spread = _dense(h, x, y, variance, at)
    np.testing.assert_allclose(process.mean(at)[0], mean, atol=2e-4 * np.abs(mean).max())
    level = np.zeros((3, at.size))
    level[0] = 1.0
    sd = process.sd(process.rows(at, level)) / np.sqrt(process.noise_scale)
    np.testing.assert_allclose(sd, np.sqrt(spread), rtol=0.05, atol=1e-6)


def test_evidence_ranks_like_scikit_learn():
    """Agree: the chosen pair is within 0.5 of sklearn's best log marginal likelihood."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    x, y, variance = _data(80, 3)
    h = select(x, y, variance, 0.05)
    scale = Process(h, np.arange(x.size), x, y, variance).noise_scale
    kernel = ConstantKernel(1e-5, (1e-9, 1.0)) * RBF(0.05, (0.005, 5.0))
    peer = GaussianProcessRegressor(
        kernel, alpha=variance * scale, n_restarts_optimizer=2, random_state=0
    )
    peer.fit(x[:, None], y)
    ours = peer.log_marginal_likelihood(np.log([h.amplitude * scale, h.length]))
    assert ours >= peer.log_marginal_likelihood_value_ - 2.0


def test_derivatives_match_central_differences():
    x, y, variance = _data()
    process = Process(select(x, y, variance, 0.05), np.arange(x.size), x, y, variance)
    at, step = np.linspace(-0.25, 0.15, 60), 1e-6
    up, mid, low = (process.mean(at + d) for d in (step, 0.0, -step))
    for order in (1, 2):
        slope = (up[order - 1] - low[order - 1]) / (2 * step)
        np.testing.assert_allclose(mid[order], slope, atol=1e-6 * np.abs(mid[order]).max())


def test_band_covers():
    """Recover: 90 % bands hold the drawn function near 90 % of the time."""
    rng = np.random.default_rng(11)
    x = np.linspace(-0.15, 0.15, 60)
    variance = np.full(60, 1e-6)
    h = Hyperparameters(0.0, 0.15, 3, 4e-6)
    kernel = h.amplitude * np.exp(-0.5 * ((x[:, None] - x) / h.length) ** 2)
    root = np.linalg.cholesky(kernel + 1e-14 * np.eye(60))
    level = np.zeros((3, 60))
    level[0] = 1.0
    hits = []
    for _ in range(200):
        f = root @ rng.normal(size=60)
        process = Process(h, np.arange(60), x, f + rng.normal(size=60) * 1e-3, variance)
        hits.append(np.abs(process.mean(x)[0] - f) <= 1.645 * process.sd(process.rows(x, level)))
    assert 0.87 <= np.mean(hits) <= 0.93


_MOVES = st.lists(
    st.tuples(st.sampled_from("adrn"), st.integers(0, 59), st.floats(-1, 1), st.floats(0.3, 3.0)),
    min_size=1,
    max_size=300,
)


@settings(max_examples=25, deadline=None)
@given(moves=_MOVES)
def test_updated_equals_refitted(moves):
    """Agree: any sequence of append, delete, replace equals a fit of what is left, to 1e-8."""
    x, y, variance = _data()
    h = Hyperparameters(-0.04, 0.16, 4, 1e-5)
    held = {i: (x[i], y[i], variance[i]) for i in range(30)}
    rows = np.array(list(held.values()))
    process = Process(h, np.arange(30), rows[:, 0], rows[:, 1], rows[:, 2])
    for move, key, shift, factor in moves:
        point = (x[key] + 1e-3 * shift, y[key] * factor, variance[key] * factor)
        if move == "n" and key in held:  # a changed observation only
            point = (held[key][0], held[key][1] + 1e-4 * shift, held[key][2])
        if key not in held:
            process.append(key, *point)
            held[key] = point
        elif move == "d" and len(held) > 1:
            process.delete(key)
            del held[key]
        else:
            process.replace(key, *point)
            held[key] = point
    rows = np.array(list(held.values()))
    fresh = Process(h, np.array(list(held)), rows[:, 0], rows[:, 1], rows[:, 2])
    at = np.linspace(-0.25, 0.15, 40)
    ours, theirs = process.mean(at), fresh.mean(at)
    for order in range(3):
        scale = max(np.abs(theirs[order]).max(), 1e-12)
        assert np.abs(ours[order] - theirs[order]).max() <= 1e-8 * scale
    assert process.noise_scale == pytest.approx(fresh.noise_scale, rel=1e-8)
    assert process.size == len(held)


@pytest.mark.parametrize("count", [2, 50])
def test_update_in_bulk_equals_refitted(count):
    x, y, variance = _data()
    h = Hyperparameters(-0.04, 0.16, 4, 1e-5)
    process = Process(h, np.arange(x.size), x, y, variance)
    moved = y.copy()
    moved[:count] += 1e-3
    process.update(np.arange(x.size), x, moved, variance)
    fresh = Process(h, np.arange(x.size), x, moved, variance)
    np.testing.assert_allclose(process.mean(x), fresh.mean(x), rtol=1e-8, atol=1e-12)
    process.update(np.arange(40), x[:40], moved[:40], variance[:40])
    assert process.size == 40


def test_wrong_arguments_are_named():
    x, y, variance = _data()
    with pytest.raises(ValueError, match="alike"):
        select(x, y[:-1], variance, 1.0)
    with pytest.raises(ValueError, match="positive"):
        select(x, y, -variance, 1.0)
    process = Process(select(x, y, variance, 0.05), np.arange(x.size), x, y, variance)
    with pytest.raises(ValueError, match="already held"):
        process.append(3, 0.0, 0.0, 1e-6)
    with pytest.raises(KeyError):
        process.delete(1000)
    with pytest.raises(ValueError, match="variance must be positive"):
        process.replace(3, 0.0, 0.0, 0.0)
