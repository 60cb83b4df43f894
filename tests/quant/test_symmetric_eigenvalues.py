"""Eigenvalues against LAPACK, and on matrices with special structure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.symmetric_eigenvalues import symmetric_eigenvalues


@given(st.integers(0, 10_000), st.integers(1, 45), st.floats(-6.0, 6.0))
@settings(max_examples=80, deadline=None)
def test_equal_to_lapack(seed: int, n: int, decades: float) -> None:
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.uniform(0.0, 1.0, n) * decades)
    root = rng.standard_normal((n, n)) * scale
    matrix = root @ root.T
    expected = np.linalg.eigvalsh(matrix)
    found = symmetric_eigenvalues(matrix.copy())
    np.testing.assert_allclose(found, expected, atol=1e-13 * expected[-1])


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((4, 4)),
        np.eye(5),
        np.diag([3.0, 1.0, 2.0]),
        np.ones((6, 6)),
        np.kron(np.eye(3), np.array([[2.0, 1.0], [1.0, 2.0]])),
        np.array([[7.0]]),
    ],
)
def test_special_structure(matrix: np.ndarray) -> None:
    found = symmetric_eigenvalues(matrix.copy())
    np.testing.assert_allclose(found, np.linalg.eigvalsh(matrix), atol=1e-13)


def test_nan_stays_nan() -> None:
    assert np.isnan(symmetric_eigenvalues(np.full((3, 3), np.nan))).all()
