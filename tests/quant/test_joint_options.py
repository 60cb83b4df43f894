"""Options on joint states: closed forms, parity, laws."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import lognorm

from offtape_assets.quant.joint_options import basket_calls, best_of_calls
from offtape_assets.quant.joint_quantiles import state_levels
from offtape_assets.quant.joint_starts import copula_start


def exchange_states(correlation, n=200_000):
    """Two lognormal prices with forwards 100 and 95 and log volatilities .2 and .3."""
    levels = state_levels(n)
    marginals = np.column_stack(
        [
            lognorm(0.2, scale=100 * np.exp(-0.02)).ppf(levels),
            lognorm(0.3, scale=95 * np.exp(-0.045)).ppf(levels),
        ]
    )
    copula = np.array([[1.0, correlation], [correlation, 1.0]])
    return copula_start(marginals, copula, np.random.default_rng(0))


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.8])
def test_zero_strike_spread_is_margrabes_exchange_option(correlation):
    volatility = np.sqrt(0.04 + 0.09 - 2 * correlation * 0.06)
    upper = np.log(100 / 95) / volatility + volatility / 2
    margrabe = 100 * ndtr(upper) - 95 * ndtr(upper - volatility)
    price = basket_calls(exchange_states(correlation), [1.0, -1.0], [0.0], discount=0.99)
    assert price[0] == pytest.approx(0.99 * margrabe, rel=5e-3)


def test_best_of_two_is_one_plus_an_exchange_option():
    states = exchange_states(0.3)
    best = best_of_calls(states, [0.0])[0]
    exchange = basket_calls(states, [1.0, -1.0], [0.0])[0]
    assert best == pytest.approx(states[:, 1].mean() + exchange, rel=1e-12)


def test_calls_fall_and_are_convex_in_the_strike():
    prices = basket_calls(exchange_states(0.3, 2000), [0.5, 0.5], np.linspace(60, 140, 41))
    assert (np.diff(prices) <= 0).all()
    assert (np.diff(prices, 2) >= -1e-12).all()


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: basket_calls(np.ones((3, 2)), [1.0], [0.0]), "weights"),
        (lambda: basket_calls(np.ones(3), [1.0], [0.0]), "states"),
        (lambda: best_of_calls(np.ones((3, 0)), [0.0]), "states"),
        (lambda: best_of_calls(np.ones((3, 1)), [0.0], discount=0.0), "discount"),
    ],
)
def test_wrong_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
