"""Quantiles of tabulated densities: exact inverses, tails, laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import lognorm

from offtape_assets.quant.joint_quantiles import centre_states, density_quantiles, state_levels


def test_recovers_a_lognormal_law():
    law = lognorm(0.1, scale=100.0)
    prices = np.linspace(50, 180, 2001)
    levels = state_levels(2000)
    states = density_quantiles(prices, law.pdf(prices), levels)
    np.testing.assert_allclose(states, law.ppf(levels), rtol=2e-5)
    assert states.mean() == pytest.approx(law.mean(), rel=1e-4)
    assert states.std() == pytest.approx(law.std(), rel=5e-3)


def test_inverts_a_linear_density_exactly():
    levels = np.array([0.04, 0.25, 0.81])
    states = density_quantiles([1.0, 3.0], [0.0, 1.0], levels)  # F = (x - 1)^2 / 4
    np.testing.assert_allclose(states, 1 + 2 * np.sqrt(levels), rtol=1e-14)
    falling = density_quantiles([1.0, 3.0], [1.0, 0.0], levels)  # F = 1 - (3 - x)^2 / 4
    np.testing.assert_allclose(falling, 3 - 2 * np.sqrt(1 - levels), rtol=1e-14)


def test_tails_continue_the_density_and_keep_prices_positive():
    law = lognorm(0.3, scale=100.0)
    prices = np.linspace(80, 125, 400)
    below, above = law.cdf(80), law.sf(125)
    levels = state_levels(20_000)
    states = density_quantiles(prices, law.pdf(prices), levels, mass_below=below, mass_above=above)
    inside = (levels > below) & (levels < 1 - above)
    np.testing.assert_allclose(states[inside], law.ppf(levels[inside]), rtol=1e-5)
    assert states[0] > 0
    assert (np.diff(states) > 0).all()
    slope = np.diff(states) * len(levels)
    edge = np.searchsorted(levels, 1 - above)
    assert slope[edge - 3] == pytest.approx(slope[edge + 3], rel=0.01)
    assert states.mean() == pytest.approx(law.mean(), rel=0.02)


def test_mass_beyond_an_empty_edge_is_spread_no_further_than_stated():
    levels = state_levels(10_000)
    states = density_quantiles(
        [1.0, 2.0, 3.0], [0.0, 1.0, 0.0], levels, mass_below=0.1, mass_above=0.1
    )
    below, above = states[states < 1.0], states[states > 3.0]
    assert below.mean() == pytest.approx(0.5, abs=1e-3)
    assert above.mean() == pytest.approx(5.0, abs=0.02)


@given(
    heights=st.lists(st.sampled_from([0.0, 1e-300, 0.1, 1.0, 5.0]), min_size=3, max_size=12).filter(
        lambda h: sum(h) > 0.05
    ),
    below=st.sampled_from([0.0, 1e-6, 0.02, 0.3]),
    above=st.sampled_from([0.0, 1e-6, 0.02, 0.3]),
)
@settings(max_examples=80, deadline=None)
def test_quantiles_increase_and_carry_the_probabilities(heights, below, above):
    prices = np.arange(10.0, 10.0 + len(heights))
    levels = state_levels(400)
    states = density_quantiles(prices, heights, levels, mass_below=below, mass_above=above)
    assert (np.diff(states) >= -1e-9).all()
    assert (states > 0).all()
    cells = 0.5 * (np.array(heights)[1:] + np.array(heights)[:-1])
    middle = prices[-1] - 1.0
    expected = below + (1 - below - above) * cells[:-1].sum() / cells.sum()
    assert np.mean(states <= middle) == pytest.approx(expected, abs=1 / 100)


def test_centred_states_have_the_forward_as_mean():
    states = centre_states([1.0, 2.0, 4.0], 7.0)
    np.testing.assert_allclose(states, [3.0, 6.0, 12.0])


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: state_levels(1), "count"),
        (lambda: density_quantiles([2.0, 1.0], [1.0, 1.0], [0.5]), "prices"),
        (lambda: density_quantiles([0.0, 1.0], [1.0, 1.0], [0.5]), "prices"),
        (lambda: density_quantiles([1.0, 2.0], [-1.0, 1.0], [0.5]), "density"),
        (lambda: density_quantiles([1.0, 2.0], [0.0, 0.0], [0.5]), "density"),
        (lambda: density_quantiles([1.0, 2.0], [1.0, np.nan], [0.5]), "density"),
        (lambda: density_quantiles([1.0, 2.0], [1.0, 1.0], [1.0]), "levels"),
        (lambda: density_quantiles([1.0, 2.0], [1.0, 1.0], [0.5], mass_below=1.0), "mass_below"),
        (lambda: centre_states([1.0, 2.0], -1.0), "mean"),
    ],
)
def test_wrong_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
