"""A kernel gives the same bits whether this process compiled it or found it compiled: two machines agree."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT

DENSITIES = """
import hashlib
import numpy as np
from offtape_assets.quant.density import _law
k, rng = np.linspace(-0.4, 0.4, 500), np.random.default_rng(0)
figures = []
for _ in range(50):
    smile = np.vstack([0.05 * (1.0 + 0.2 * rng.random() * k * k), 0.02 * k, np.zeros(500)])
    strike, density, cdf, coefficients, found = _law(k, smile, 100.0, -0.2, 0.2)
    figures.append(np.r_[found, density, cdf])
print(hashlib.sha256(np.array(figures).tobytes()).hexdigest())
"""


def bits(code: str, folder: Path) -> str:
    """What a process of its own prints, with compiled kernels kept in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_density_has_the_same_bits_compiled_afresh_and_from_the_cache(tmp_path: Path) -> None:
    afresh = bits(DENSITIES, tmp_path)
    assert list(tmp_path.rglob("*.nbc"))
    assert bits(DENSITIES, tmp_path) == afresh
