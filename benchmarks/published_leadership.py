"""Published numbers on cointegration and information shares, reproduced.

`cases` returns (case, quantity, published, ours, tolerance) for benchmarks/published.py.
"""

import numpy as np

from offtape_assets.quant.information_share import information_shares
from offtape_assets.quant.vecm import fit_vecm, johansen, orthogonal_complement

Case = tuple[str, str, float, float, float]

DANISH = "Johansen & Juselius (1990), Danish money demand"
HASBROUCK = "Hasbrouck (1995), section I: market 2 follows market 1 by two"
SAMPLE = 60_000


def cases() -> list[Case]:
    """Every published number beside ours."""
    return [*_danish(), *_hasbrouck()]


def _danish() -> list[Case]:
    """Restricted constant, two lags in levels, centred seasonal dummies, 1974Q1-1987Q3."""
    from statsmodels.datasets import danish_data

    levels = danish_data.load_pandas().data[["lrm", "lry", "ibo", "ide"]].to_numpy()
    quarter = np.arange(len(levels)) % 4
    seasons = (quarter[:, None] == np.arange(3)).astype(float) - 0.25
    test = johansen(levels, 1, "restricted_constant", seasons)
    fit = fit_vecm(levels, 1, 1, "restricted_constant", seasons)
    published = (
        ("trace, rank <= {}", (49.14, 19.06, 8.69, 2.35), test.trace, 0.006),
        ("eigenvalue {}", (0.4332, 0.1776, 0.1128, 0.0434), test.eigenvalues, 6e-5),
        ("beta {}", (1.0, -1.03, 5.21, -4.22, -6.06), fit.beta[:, 0], 0.006),
        ("alpha {}", (-0.213, 0.115, 0.023, 0.029), fit.alpha[:, 0], 6e-4),
    )
    return [
        (DANISH, name.format(i), number, float(ours), tolerance)
        for name, numbers, found, tolerance in published
        for i, (number, ours) in enumerate(zip(numbers, found, strict=True))
    ]


def _hasbrouck() -> list[Case]:
    """p1 a random walk, p2_t = p1_{t-2} + noise: all price discovery is in market 1."""
    rng = np.random.default_rng(1995)
    first = np.cumsum(rng.standard_normal(SAMPLE))
    second = np.concatenate([np.zeros(2), first[:-2]]) + rng.standard_normal(SAMPLE)
    fit = fit_vecm(np.column_stack([first, second]), 1, 2, beta=np.array([[1.0], [-1.0]]))
    shares = information_shares(orthogonal_complement(fit.alpha)[:, 0], fit.omega)
    return [
        (
            HASBROUCK,
            "information share of market 1, lower bound",
            1.0,
            float(shares.lower[0]),
            1e-3,
        ),
        (
            HASBROUCK,
            "information share of market 1, upper bound",
            1.0,
            float(shares.upper[0]),
            1e-3,
        ),
        (
            HASBROUCK,
            "information share of market 2, upper bound",
            0.0,
            float(shares.upper[1]),
            1e-3,
        ),
    ]


if __name__ == "__main__":
    for case in cases():
        print(*case, sep=", ")
