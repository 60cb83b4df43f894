"""Portfolio weights: the published sorts by hand, sums of legs, drift, names without data."""

import numpy as np
import polars as pl
import pytest

from offtape_assets.quant.factor_portfolio import FACTORS, five_factor_weights


def market(rng: np.random.Generator, names: int = 300) -> dict[str, np.ndarray]:
    return {
        "market_cap": rng.lognormal(7, 2, names),
        "book_to_market": rng.normal(0.6, 0.5, names),
        "profitability": np.where(rng.random(names) < 0.1, np.nan, rng.normal(0.2, 0.2, names)),
        "investment": rng.normal(0.1, 0.3, names),
        "is_nyse": rng.random(names) < 0.4,
    }


def by_hand(traits: dict[str, np.ndarray], trait: str, returns: np.ndarray) -> tuple[float, float]:
    """High less low and small less big returns of one sort, portfolio by portfolio in polars."""
    names = pl.DataFrame({**traits, "r": returns})
    if trait == "book_to_market":
        names = names.filter(pl.col(trait) > 0)
    names = names.filter(pl.col(trait).is_not_nan())
    nyse = names.filter("is_nyse")
    everyone = pl.DataFrame(traits).filter("is_nyse")
    size = everyone["market_cap"].median()
    low, high = (nyse[trait].quantile(q, "linear") for q in (0.3, 0.7))
    value = {}
    for big in (False, True):
        for third in "LNH":
            t = pl.col(trait)
            inside = {"L": t <= low, "N": (t > low) & (t <= high), "H": t > high}[third]
            held = names.filter(((pl.col("market_cap") > size) == big) & inside)
            cap = held["market_cap"]
            value[big, third] = (cap * held["r"]).sum() / cap.sum()
    spread = (value[False, "H"] + value[True, "H"] - value[False, "L"] - value[True, "L"]) / 2
    small = sum(value[False, third] - value[True, third] for third in "LNH") / 3
    return spread, small


def test_returns_equal_the_published_recipe() -> None:
    rng = np.random.default_rng(1)
    traits = market(rng)
    returns = rng.normal(size=300)
    found = five_factor_weights(**traits) @ returns
    value, small_1 = by_hand(traits, "book_to_market", returns)
    robust, small_2 = by_hand(traits, "profitability", returns)
    aggressive, small_3 = by_hand(traits, "investment", returns)
    mkt = np.average(returns, weights=traits["market_cap"])
    smb = (small_1 + small_2 + small_3) / 3
    np.testing.assert_allclose(found, [mkt, smb, value, robust, -aggressive], rtol=1e-10)


def test_legs_sum_to_one() -> None:
    weights = five_factor_weights(**market(np.random.default_rng(2)))
    longs, shorts = np.maximum(weights, 0).sum(axis=1), np.minimum(weights, 0).sum(axis=1)
    np.testing.assert_allclose(longs, 1.0)
    np.testing.assert_allclose(shorts, [0, -1, -1, -1, -1], atol=1e-12)


def test_weights_drift_with_prices_but_nobody_changes_portfolio() -> None:
    rng = np.random.default_rng(3)
    traits = market(rng)
    growth = rng.lognormal(0, 0.5, 300)
    now, later = five_factor_weights(**traits), five_factor_weights(**traits, growth=growth)
    np.testing.assert_array_equal(np.sign(now), np.sign(later))
    drifted = now[0] * growth
    np.testing.assert_allclose(later[0], drifted / drifted.sum())
    np.testing.assert_allclose(np.maximum(later, 0).sum(axis=1), 1.0)


def test_names_without_a_characteristic_stay_in_the_market_only() -> None:
    traits = market(np.random.default_rng(4))
    traits["book_to_market"][7] = -0.2
    traits["profitability"][7] = traits["investment"][7] = np.nan
    weights = five_factor_weights(**traits)
    assert weights[0, 7] > 0
    assert (weights[1:, 7] == 0).all()
    assert len(weights) == len(FACTORS)


def test_arguments_are_checked() -> None:
    traits = market(np.random.default_rng(5))
    with pytest.raises(ValueError, match="positive numbers"):
        five_factor_weights(**(traits | {"market_cap": -traits["market_cap"]}))
    with pytest.raises(ValueError, match="no name sets the breakpoints"):
        five_factor_weights(**(traits | {"is_nyse": np.zeros(300, bool)}))
    with pytest.raises(ValueError, match="one shape"):
        five_factor_weights(**(traits | {"investment": np.zeros(3)}))
    with pytest.raises(ValueError, match="hml: no small name in the high third"):
        five_factor_weights(**(traits | {"book_to_market": traits["market_cap"]}))
