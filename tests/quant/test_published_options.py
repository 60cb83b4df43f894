"""Publish: every figure of benchmarks/published_options.py within its tolerance."""

import pytest

from benchmarks.published_options import cases


@pytest.mark.parametrize(
    ("published", "ours", "tolerance"),
    [pytest.param(*case[2:], id=f"{case[0]}, {case[1]}") for case in cases()],
)
def test_published(published, ours, tolerance):
    assert ours == pytest.approx(published, abs=tolerance)
