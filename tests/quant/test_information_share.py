"""Information shares: literature, slow twins, laws, and what not to believe."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_are

from benchmarks.leadership_worlds import panel_day, tracker_day
from offtape_assets.quant.information_share import (
    InformationShares,
    information_shares,
    last_vector_share,
    trace_share,
)
from offtape_assets.quant.vecm import fit_vecm, orthogonal_complement
from offtape_assets.quant.vecm_group import group_shares


def random_case(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((n, n))
    return rng.uniform(-0.3, 1.0, n), root @ root.T + 0.1 * np.eye(n)


@pytest.mark.parametrize("n", [2, 3, 5, 6])
def test_subsets_equal_all_orderings(n: int) -> None:
    psi, omega = random_case(n, n)
    total = psi @ omega @ psi
    shares = []
    for order in itertools.permutations(range(n)):
        factor = np.linalg.cholesky(omega[np.ix_(order, order)])
        share = np.empty(n)
        share[list(order)] = (psi[list(order)] @ factor) ** 2 / total
        shares.append(share)
    result = information_shares(psi, omega)
    assert len(shares) == math.factorial(n)
    np.testing.assert_allclose(result.lower, np.min(shares, axis=0), atol=1e-12)
    np.testing.assert_allclose(result.upper, np.max(shares, axis=0), atol=1e-12)
    np.testing.assert_allclose(result.mean, np.mean(shares, axis=0), atol=1e-12)


@given(st.integers(0, 10_000), st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_laws_of_shares(seed: int, n: int) -> None:
    psi, omega = random_case(seed, n)
    shares = information_shares(psi, omega)
    for whole in (shares.mean, shares.modified, shares.component, shares.leadership):
        assert abs(whole.sum() - 1.0) < 1e-9
    assert (shares.lower <= shares.mean + 1e-12).all() or n > 10
    assert (shares.mean <= shares.upper + 1e-12).all() or n > 10
    assert (shares.lower <= shares.upper + 1e-12).all()
    order = np.random.default_rng(seed).permutation(n)
    moved = information_shares(psi[order], omega[np.ix_(order, order)])
    for plain, other in zip(shares, moved, strict=True):
        np.testing.assert_allclose(plain[order], other, rtol=1e-7, atol=1e-10)
    units = information_shares(-3.0 * psi, 7.0 * omega)
    for plain, other in zip(shares, units, strict=True):
        np.testing.assert_allclose(plain, other, rtol=1e-7, atol=1e-10)


def test_no_correlation_leaves_nothing_to_the_ordering() -> None:
    shares = information_shares(np.array([0.6, 0.3, 0.1]), np.diag([1.0, 2.0, 0.5]))
    expected = np.array([0.36, 0.18, 0.005]) / 0.545
    for field in (shares.lower, shares.upper, shares.modified, shares.diagonal):
        np.testing.assert_allclose(field, expected, atol=1e-14)


def test_two_markets_equal_the_textbook_formula() -> None:
    # Baillie, Booth, Tse & Zabotina (2002), J. Financial Markets 5, eq. 10-11: in the ordering
    # (1, 2) market 1 has (g1 m11 + g2 m12)^2 and market 2 (g2 m22)^2 over their sum.
    g1, g2, s1, s2, rho = 0.7, 0.3, 1.0, 1.5, 0.4
    omega = np.array([[s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2]])
    upper = (g1 * s1 + g2 * rho * s2) ** 2
    rest = (g2 * s2 * np.sqrt(1 - rho**2)) ** 2
    shares = information_shares(np.array([g1, g2]), omega)
    assert abs(shares.upper[0] - upper / (upper + rest)) < 1e-14
    assert abs(shares.lower[1] - rest / (upper + rest)) < 1e-14


def test_hasbrouck_two_market_example() -> None:
    # Hasbrouck (1995), section I: p1_t = p1_{t-1} + w_t, p2_t = p1_{t-2} + e_t. All price discovery
    # is in market 1: its information share is 1.
    rng = np.random.default_rng(1995)
    walk = np.cumsum(rng.standard_normal(60_000))
    follower = np.concatenate([np.zeros(2), walk[:-2]]) + rng.standard_normal(60_000)
    fit = fit_vecm(np.column_stack([walk, follower]), 1, 2, beta=np.array([[1.0], [-1.0]]))
    shares = information_shares(orthogonal_complement(fit.alpha)[:, 0], fit.omega)
    assert shares.lower[0] > 0.9995
    assert shares.component[0] > 0.99
    assert shares.width[0] < 5e-4


NOISE = np.array([0.5, 1.0])


def innovations_form() -> InformationShares:
    """Exact shares of p_it = m_t + c_i q_it, from the steady Kalman gain of m."""
    ones = np.ones((2, 1))
    variance = solve_discrete_are(np.eye(1), ones.T, np.eye(1), np.diag(NOISE**2))
    omega = variance * ones @ ones.T + np.diag(NOISE**2)
    return information_shares((variance * np.linalg.solve(omega, ones))[:, 0], omega)


def noisy_markets(rng: np.random.Generator, n_time: int) -> np.ndarray:
    walk = np.cumsum(rng.standard_normal(n_time))
    return walk[:, None] + NOISE * rng.standard_normal((n_time, 2))


def test_noisy_markets_recover_the_innovations_form() -> None:
    rng = np.random.default_rng(11)
    result = group_shares(noisy_markets(rng, 40_000), rng, lags=12)
    truth = innovations_form()
    assert result.status == "ok"
    for mine, exact in zip(result.shares[:6], truth[:6], strict=True):
        np.testing.assert_allclose(mine, exact, atol=0.03)


def test_band_covers_the_true_share() -> None:
    truth = innovations_form().mean[0]
    covered = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        result = group_shares(noisy_markets(rng, 6_000), rng, lags=8, block=200)
        covered.append(result.band_low[0] <= truth <= result.band_high[0])
    assert np.mean(covered) >= 0.87  # nominal .95; a bootstrap of 30 blocks is a little narrow


def test_strong_lead_has_the_largest_share() -> None:
    result = group_shares(tracker_day(np.random.default_rng(2), lag=2), np.random.default_rng(3))
    assert result.status == "ok"
    assert result.rank is not None
    assert result.rank >= 2
    assert result.shares.mean.argmax() == 0
    assert result.shares.modified.argmax() == 0
    assert result.shares.mean[0] > 0.8


def test_shares_declare_the_cleaner_series_where_nobody_leads() -> None:
    """What not to believe: the band excludes the others, and it means nothing."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        result = group_shares(tracker_day(rng, lag=0, noise=(0.1, 1.0, 1.0)), rng)
        assert result.band_low[0] > result.band_high[1:].max()
        assert result.shares.leadership.argmax() != 0  # and ILS says the opposite


def test_rank_one_panel_names_the_last_column() -> None:
    """What not to believe: the published 40-wide share is the SVD's basis, not the market."""
    last = 0
    for seed in range(6):
        prices = panel_day(np.random.default_rng(seed), explained=0.0).prices[::60]
        fit = fit_vecm(prices, 1, 1)
        last += int(last_vector_share(fit.alpha, fit.omega).argmax() == 39)
    assert last == 6


def test_trace_share_is_volatility() -> None:
    prices = panel_day(np.random.default_rng(1), explained=0.0).prices[::60]
    fit = fit_vecm(prices, 1, 1)
    share = trace_share(fit.alpha, fit.beta, fit.omega)
    variance = np.diff(prices, axis=0).var(axis=0)
    ranks = np.corrcoef(share.argsort().argsort(), variance.argsort().argsort())[0, 1]
    assert ranks > 0.95
    order = np.random.default_rng(2).permutation(40)
    moved = fit_vecm(prices[:, order], 1, 1)
    other = trace_share(moved.alpha, moved.beta, moved.omega)
    np.testing.assert_allclose(share[order], other, atol=1e-8)


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        ("constant", "singular"),
        ("copy", "singular"),
        ("gap", "too_few"),
        ("apart", "no_cointegration"),
    ],
)
def test_failed_groups_have_a_status_and_no_shares(spoil: str, status: str) -> None:
    rng = np.random.default_rng(6)
    prices = tracker_day(rng, n_seconds=2400)
    if spoil == "constant":
        prices[:, 1] = 100.0
    elif spoil == "copy":
        prices[:, 2] = prices[:, 0]
    elif spoil == "gap":
        prices[50:, 1] = np.nan
    else:
        prices = np.cumsum(rng.standard_normal((2400, 3)), axis=0)
    result = group_shares(prices, rng)
    assert result.status == status
    for field in result.shares:
        assert np.isnan(field).all()
    assert np.isnan(result.band_low).all()


def test_indefinite_covariance_gives_no_shares() -> None:
    omega = np.array([[1.0, 1.0], [1.0, 1.0]])
    shares = information_shares(np.array([0.5, 0.5]), omega)
    assert np.isnan(shares.mean).all()
    batch = information_shares(np.tile([0.5, 0.5], (2, 1)), np.stack([omega, np.diag([1.0, 2.0])]))
    assert np.isnan(batch.mean[0]).all()
    assert np.isfinite(batch.mean[1]).all()


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ValueError, match="omega"):
        information_shares(np.ones(3), np.eye(2))
    with pytest.raises(ValueError, match="alpha"):
        trace_share(np.ones((3, 1)), np.ones((2, 1)), np.eye(3))
    with pytest.raises(ValueError, match="block"):
        group_shares(np.zeros((100, 2)), np.random.default_rng(0), block=0)
