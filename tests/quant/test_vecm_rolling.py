"""Rolling models from moments equal one-sample models; failures carry a status."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.information_share import information_shares
from offtape_assets.quant.vecm import fit_vecm, johansen, orthogonal_complement
from offtape_assets.quant.vecm_moments import vecm_design, window_moments
from offtape_assets.quant.vecm_rolling import rolling_vecm, vecm_from_moments
from tests.quant.test_vecm import system


def seed_share(permanent: np.ndarray, omega: np.ndarray) -> np.ndarray:
    return permanent**2 * np.diag(omega) / (permanent @ omega @ permanent)


@pytest.mark.parametrize(("n", "lags"), [(2, 1), (3, 4), (10, 1), (17, 2)])
def test_windows_equal_single_fits(n: int, lags: int) -> None:
    levels = system(n, n, 700)
    starts = np.array([0, 1, 40, 41, 42, 100])
    rolled = rolling_vecm(levels, starts, 580, lags)
    assert (rolled.status == "ok").all()
    for w, start in enumerate(starts):
        window = levels[start : start + 580]
        test, fit = johansen(window, lags), fit_vecm(window, n - 1, lags)
        np.testing.assert_allclose(rolled.eigenvalues[w], test.eigenvalues, atol=1e-11)
        np.testing.assert_allclose(rolled.trace[w], test.trace, rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(rolled.max_eigen[w], test.max_eigen, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(rolled.omega[w], fit.omega, atol=1e-11)
        psi = orthogonal_complement(fit.alpha)[:, 0]
        np.testing.assert_allclose(
            seed_share(rolled.permanent[w], rolled.omega[w]), seed_share(psi, fit.omega), atol=1e-11
        )


def test_shares_agree_with_statsmodels() -> None:
    from statsmodels.tsa.vector_ar.vecm import VECM

    levels = system(8, 5, 500)
    rolled = rolling_vecm(levels, np.array([0, 100]), 400)
    for w, start in enumerate((0, 100)):
        model = VECM(
            levels[start : start + 400], k_ar_diff=1, coint_rank=4, deterministic="co"
        ).fit()
        psi = orthogonal_complement(model.alpha)[:, 0]
        theirs = information_shares(psi, model.sigma_u)
        ours = information_shares(rolled.permanent[w], rolled.omega[w])
        for mine, peer in zip(ours[:6], theirs[:6], strict=True):
            np.testing.assert_allclose(mine, peer, atol=1e-11)


def test_known_spreads_equal_the_imposed_fit() -> None:
    levels = system(9, 4, 600)
    moments = window_moments(vecm_design(levels, 3), np.array([0]), 596)
    rolled = vecm_from_moments(moments, 4, known_spreads=True)
    beta = np.vstack([-np.ones(3), np.eye(3)])
    fit = fit_vecm(levels, 3, 3, "constant", beta=beta)
    psi = orthogonal_complement(fit.alpha)[:, 0]
    np.testing.assert_allclose(rolled.omega[0], fit.omega, atol=1e-10)
    np.testing.assert_allclose(rolled.permanent[0], psi * np.sign(psi.sum()), atol=1e-9)
    assert np.isnan(rolled.trace).all()


@given(
    st.integers(0, 1000),
    st.lists(st.integers(0, 300), min_size=1, max_size=90).map(sorted),
    st.integers(1, 60),
)
@settings(max_examples=25, deadline=None)
def test_window_moments_equal_direct_products(seed: int, starts: list[int], length: int) -> None:
    design = np.random.default_rng(seed).standard_normal((360, 4))
    moments = window_moments(design, np.array(starts), length)
    direct = np.stack([design[s : s + length].T @ design[s : s + length] for s in starts])
    np.testing.assert_allclose(moments, direct, atol=1e-10)


def test_failed_windows_have_a_status_and_no_numbers() -> None:
    levels = system(10, 3, 900)
    levels[200:420, 1] = 5.0  # halted
    levels[500:700, 2] = np.nan  # no price
    rolled = rolling_vecm(levels, np.array([0, 210, 505, 700]), 190)
    assert list(rolled.status) == ["ok", "singular", "too_few", "ok"]
    assert np.isnan(rolled.permanent[1:3]).all()
    assert np.isnan(rolled.omega[1:3]).all()
    assert np.isnan(rolled.trace[1:3]).all()
    assert rolled.n_obs[2] == 0


def test_duplicate_series_are_singular() -> None:
    levels = system(11, 2, 300)
    rolled = rolling_vecm(np.column_stack([levels, levels[:, 0]]), np.array([0]), 300)
    assert rolled.status[0] == "singular"


def test_gaps_leave_the_other_rows_alone() -> None:
    levels = system(12, 3, 400)
    gappy = levels.copy()
    gappy[150:160, 0] = np.nan
    rolled = rolling_vecm(gappy, np.array([0]), 400)
    test = johansen(gappy, 1)
    assert rolled.n_obs[0] == test.n_obs
    np.testing.assert_allclose(rolled.trace[0], test.trace, rtol=1e-9)


def test_wrong_arguments_are_named() -> None:
    levels = system(13, 2, 100)
    with pytest.raises(ValueError, match="starts"):
        rolling_vecm(levels, np.array([5, 2]), 50)
    with pytest.raises(ValueError, match="length"):
        rolling_vecm(levels, np.array([80]), 50)
    with pytest.raises(ValueError, match="length is 2"):
        rolling_vecm(levels, np.array([0]), 2)
    with pytest.raises(ValueError, match="lags"):
        vecm_design(levels, 100)
    with pytest.raises(ValueError, match="moments"):
        vecm_from_moments(np.zeros((1, 3, 3)), 2)
