"""Streams are named: the same on every machine, independent of order, different for each name."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offtape_assets.sources.simulator.streams import (
    generator,
    indexed_normals,
    indexed_uniforms,
    stream_key,
)

KEY = 16127998059000692326
DRAWS = [8929855701551041, 1703369323831675572]
UNIFORMS = [0.38982974839127155, 0.016788294528156167, 0.9007606806068835]


def test_keys_and_numbers_are_those_of_any_other_machine():
    assert stream_key(20241105, "2024-11-05", "SPY", "tape") == KEY
    assert generator(1, "a").integers(0, 2**62, 2).tolist() == DRAWS
    assert indexed_uniforms(7, np.arange(3)).tolist() == UNIFORMS


@given(st.integers(0, 2**63), st.integers(-5000, 5000), st.integers(1, 50))
def test_an_index_has_its_number_whatever_is_asked_beside_it(key, first, count):
    many = indexed_uniforms(key, np.arange(first, first + count))
    one = indexed_uniforms(key, np.array([first + count - 1]))
    assert many[-1] == one[0]
    assert ((many > 0) & (many < 1)).all()


def test_indexed_normals_are_standard_and_uncorrelated():
    draws = indexed_normals(stream_key("test"), np.arange(200_000))
    assert abs(draws.mean()) < 4 / np.sqrt(200_000)
    assert abs(draws.var() - 1) < 4 * np.sqrt(2 / 200_000)
    assert abs((draws[1:] * draws[:-1]).mean()) < 4 / np.sqrt(200_000)
