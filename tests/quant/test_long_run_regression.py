"""Session betas: least squares at reach 0, late prices recovered, errors that cover, failures."""

import numpy as np
import pytest

from offtape_assets.quant.long_run_regression import long_run_betas

BETA = np.array([1.1, 0.4, -0.5, 0.3, 0.2])
ROWS = 7200


def world(
    rng: np.random.Generator, share: float, late: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, factors as their stale members show them, and factors as they are.

    A second of the factors shows up over the following ones with geometric chances of `share`;
    half of what reaches the name comes `late` seconds after.
    """
    true = rng.standard_normal((ROWS, 5)) * 3e-5 * np.exp(0.5 * rng.standard_normal((ROWS, 1)))
    shown = np.zeros_like(true)
    delay = rng.geometric(share, (ROWS, 8)) - 1
    for member in range(8):
        at = np.arange(ROWS) + delay[:, member]
        np.add.at(shown, at[at < ROWS], true[at < ROWS] / 8)
    news = true @ BETA
    arrived = 0.5 * news + 0.5 * np.concatenate([np.zeros(late), news[: ROWS - late]])
    return arrived + 1e-4 * rng.standard_normal(ROWS), shown, true


def test_reach_zero_without_weights_is_close_to_least_squares() -> None:
    rng = np.random.default_rng(1)
    returns, _, factors = world(rng, 1.0)
    found = long_run_betas(returns, factors, reach=0, block=600)
    design = np.column_stack([factors, np.ones(ROWS)])
    beta = np.linalg.lstsq(design, returns, rcond=None)[0][:5]
    assert np.abs(found.beta - beta).max() < 0.3 * found.standard_error.min()
    assert found.dof == ROWS // 600 - 5


def test_late_prices_shrink_least_squares_but_not_the_session_betas() -> None:
    late, plain = [], []
    for seed in range(40):
        returns, factors, _ = world(np.random.default_rng(seed), 0.3, late=3)
        found = long_run_betas(returns, factors)
        late.append((found.beta - BETA) / found.standard_error)
        plain.append(np.linalg.lstsq(factors, returns, rcond=None)[0] / BETA)
    assert np.abs(np.mean(late, axis=0)).max() < 3 / np.sqrt(40)
    assert np.mean(np.abs(late) < 1.645) > 0.82
    assert np.mean(plain) < 0.8


def test_a_jump_of_the_name_does_not_drown_the_rest() -> None:
    rng = np.random.default_rng(3)
    returns, factors, _ = world(rng, 0.5)
    quiet = long_run_betas(returns, factors)
    returns[3000] += 0.03
    jumped = long_run_betas(returns, factors)
    assert np.abs(jumped.beta - quiet.beta).max() < 2 * quiet.standard_error.max()
    assert (jumped.standard_error < 1.5 * quiet.standard_error).all()


def test_failures_say_why() -> None:
    returns, factors, _ = world(np.random.default_rng(4), 0.5)
    short = long_run_betas(returns[:5000], factors[:5000])
    assert (short.status, short.dof) == ("too_few", 0)
    returns[:5000] = np.nan
    assert long_run_betas(returns, factors).status == "too_few"
    twice = factors.copy()
    twice[:, 4] = factors[:, 0]
    found = long_run_betas(np.nan_to_num(returns), twice)
    assert found.status == "singular"
    assert np.isnan(found.beta).all()


def test_arguments_are_checked() -> None:
    returns, factors, _ = world(np.random.default_rng(5), 0.5)
    with pytest.raises(ValueError, match="block=60"):
        long_run_betas(returns, factors, reach=30, block=60)
    with pytest.raises(ValueError, match="want \\(T,\\)"):
        long_run_betas(returns[1:], factors)
