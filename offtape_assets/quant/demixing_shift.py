"""The split in which both laws are one base law moved to different means: equal shapes and widths.

Means come from `event_regression`; the widths are equal by assumption, so half of any true gap of
volatilities is error.
"""

import numpy as np
from numpy.typing import NDArray

from offtape_assets.quant.demixing_max_entropy import DensitySplit

Array = NDArray[np.float64]


def shift_split(
    price: Array,
    mass: Array,
    density: Array,
    probability: float,
    means: tuple[float, float],
) -> DensitySplit:
    """Two shifts of one base law that keep the observed mean and variance.

    Parameters
    ----------
    price, mass, density : (K,)
        Ascending prices, quadrature mass of each (sums to 1), density per dollar.
    probability : float
        Of the first state, in (0, 1).
    means : (float, float)
        Given yes and given no; they mix to the observed mean.

    Returns
    -------
    DensitySplit
        status 'ok', or 'inconsistent' where the means alone have more variance than observed.

    Raises
    ------
    ValueError
        Where `probability` is not inside (0, 1), shapes differ or the means do not mix.

    Notes
    -----
    f_e(s) = g(s - delta_e), p delta_yes + (1 - p) delta_no = 0 (the seed's 6.3). The seed takes the
    observed law as g, which adds the variance between the means to what already holds it; here g is
    the observed law drawn towards its mean by sqrt(1 - p(1-p)(m_yes - m_no)^2 / variance).
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability is {probability}; it must lie inside (0, 1)")
    if not price.shape == mass.shape == density.shape:
        raise ValueError(f"shapes differ: {price.shape}, {mass.shape}, {density.shape}")
    centre = float(price @ mass)
    variance = float((price - centre) ** 2 @ mass)
    mixed = probability * means[0] + (1.0 - probability) * means[1]
    if abs(mixed - centre) > 1e-3 * centre:
        raise ValueError(f"means {means} mix to {mixed}, the law's mean is {centre}")
    between = probability * (1.0 - probability) * (means[0] - means[1]) ** 2
    if between >= variance:
        nothing = np.full(price.size, np.nan)
        return DensitySplit(nothing, nothing, "inconsistent")
    width = float(np.sqrt(1.0 - between / variance))
    yes, no = (
        np.interp(centre + (price - mean) / width, price, density, left=0.0, right=0.0) / width
        for mean in means
    )
    return DensitySplit(yes, no, "ok")
