"""Spillovers: planted leaders recalled, none declared without, no dependence on column order."""

import numpy as np
import pytest

from benchmarks.leadership_worlds import panel_day
from offtape_assets.quant.connectedness import (
    connectedness,
    lagged_spillovers,
    net_spillovers,
    remove_factors,
)


def own_returns(seed: int, explained: float, n_seconds: int = 23_400) -> np.ndarray:
    prices = panel_day(np.random.default_rng([8, seed]), explained, n_seconds=n_seconds).prices
    returns = np.diff(prices, axis=0)
    return remove_factors((returns - returns.mean(axis=0)) / returns.std(axis=0), 5)


def test_planted_leaders_are_the_top_four() -> None:
    for seed in range(3):
        net = net_spillovers(lagged_spillovers(own_returns(seed, 0.01)))
        assert set(np.argsort(-net)[:4]) == {0, 1, 2, 3}


def test_leaders_are_declared_and_halves_agree() -> None:
    prices = panel_day(np.random.default_rng(1), 0.02).prices
    result = connectedness(np.diff(prices, axis=0), np.random.default_rng(2))
    assert result.status == "ok"
    assert (result.p_value[:4] <= 0.05).all()
    assert set(np.argsort(-result.net)[:4]) == {0, 1, 2, 3}
    assert (result.p_value <= 0.05).sum() <= 6  # strong leads leak into the factors taken out
    assert result.stability > 0.5
    assert abs(result.net.sum()) < 1e-9


def test_nothing_is_declared_without_leaders() -> None:
    declared = []
    for seed in range(6):
        prices = panel_day(np.random.default_rng([9, seed]), 0.0, n_seconds=6000).prices
        result = connectedness(np.diff(prices, axis=0), np.random.default_rng(seed))
        declared.append((result.p_value <= 0.05).any())
    assert sum(declared) <= 2


def test_order_of_columns_does_not_matter() -> None:
    prices = panel_day(np.random.default_rng(3), 0.01, n_seconds=4000).prices
    returns = np.diff(prices, axis=0)
    order = np.random.default_rng(4).permutation(40)
    plain = connectedness(returns, np.random.default_rng(5))
    moved = connectedness(returns[:, order], np.random.default_rng(5))
    np.testing.assert_allclose(plain.share[np.ix_(order, order)], moved.share, atol=1e-8)
    np.testing.assert_allclose(plain.net[order], moved.net, atol=1e-8)


def test_shares_equal_a_plain_variance_decomposition() -> None:
    """The textbook generalized decomposition of a fitted VAR, written out."""
    rng = np.random.default_rng(6)
    returns = rng.standard_normal((20_000, 3))
    returns[1:, 1] += 0.4 * returns[:-1, 0]
    returns = (returns - returns.mean(axis=0)) / returns.std(axis=0)
    design = np.column_stack([returns[1:-1], returns[:-2]])
    slope = np.linalg.lstsq(design, returns[2:], rcond=None)[0]
    residual = returns[2:] - design @ slope
    sigma = residual.T @ residual / len(residual)
    first, second = slope[:3].T, slope[3:].T
    impulse = [np.eye(3), first]
    for _ in range(8):
        impulse.append(first @ impulse[-1] + second @ impulse[-2])
    share = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            given = sum((p @ sigma)[j, i] ** 2 for p in impulse[1:]) / sigma[i, i]
            share[i, j] = given / sum((p @ sigma @ p.T)[j, j] for p in impulse)
    ours = lagged_spillovers(returns, 2, 1e-12, 10)
    np.testing.assert_allclose(ours, share, atol=2e-4)  # Yule-Walker and OLS differ at the ends
    assert 0.1 < ours[0, 1] < 0.2  # .4^2 / (1 + .4^2)


def test_missing_and_constant_columns_are_left_out() -> None:
    prices = panel_day(
        np.random.default_rng(7), 0.0, n_names=12, n_leaders=0, n_seconds=2000
    ).prices
    returns = np.diff(prices, axis=0)
    returns[:, 3] = 0.0
    returns[:1500, 5] = np.nan
    returns[10:20, 7] = np.nan
    result = connectedness(returns, np.random.default_rng(8), shifts=3)
    assert result.status == "ok"
    gone = np.isnan(result.net)
    assert list(np.flatnonzero(gone)) == [3, 5]
    assert np.isnan(result.share[3]).all()
    assert np.isfinite(result.share[np.ix_(~gone, ~gone)]).all()


def test_too_few_rows_or_columns() -> None:
    rng = np.random.default_rng(9)
    assert connectedness(rng.standard_normal((100, 12)), rng).status == "too_few"
    narrow = connectedness(rng.standard_normal((1000, 6)), rng)
    assert narrow.status == "too_few"
    assert np.isnan(narrow.net).all()


def test_wrong_arguments_are_named() -> None:
    rng = np.random.default_rng(10)
    with pytest.raises(ValueError, match="returns"):
        connectedness(np.zeros(5), rng)
    with pytest.raises(ValueError, match="ridge 0"):
        connectedness(np.zeros((500, 12)), rng, ridge=0)
