"""The seed's own density recipe, kept to be compared with `density`: a zero-mean Gaussian process with
heuristic hyper-parameters, central differences, clipping and renormalising. Not recommended.
"""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from offtape_assets.quant.black_scholes import option_price
from offtape_assets.quant.density import moments, trapezoid_weights
from offtape_assets.quant.smile import Quotes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SeedDensity:
    """Strike grid over the quoted range (point,), and the raw figures the clipping would hide.

    `status` is ok, too_few or singular (a flat smile has Var(y) = 0); arrays are NaN unless ok.
    """

    strike: Array
    implied_vol: Array
    density: Array
    cdf: Array
    raw_mass: float
    negative_mass: float
    mean: float
    sd: float
    skew: float
    kurtosis: float
    status: str


def seed_density(quotes: Quotes, forward: float, tau: float, points: int = 500) -> SeedDensity:
    """Density by the recipe of seed 5.1-5.3 and 12.1-12.2.

    Parameters
    ----------
    quotes : Quotes
    forward, tau : float
        Dollars; years.
    points : int
        Grid size.

    Returns
    -------
    SeedDensity

    Notes
    -----
    sigma(k) ~ GP(0, Var(y) exp(-(k-k')^2/2l^2)), l = median |k_i - k_j|, noise Var of each volatility;
    q = e^{r tau} d^2C/dK^2 by two central differences; q < 0 cut; divided by its own sum.
    """
    nothing = np.full(points, np.nan)
    k, y = quotes.log_moneyness, quotes.total_vol / np.sqrt(tau)
    if k.size < 3:
        return SeedDensity(nothing, nothing, nothing, nothing, *(np.nan,) * 6, status="too_few")
    gaps = np.abs(k[:, None] - k)
    length, amplitude = np.median(gaps[np.triu_indices(k.size, 1)]), y.var()
    covariance = amplitude * np.exp(-0.5 * (gaps / length) ** 2)
    covariance[np.diag_indices(k.size)] += quotes.total_vol_sd**2 / tau
    try:
        weights = scipy.linalg.cho_solve(scipy.linalg.cho_factor(covariance, lower=True), y)
    except np.linalg.LinAlgError:
        return SeedDensity(nothing, nothing, nothing, nothing, *(np.nan,) * 6, status="singular")
    grid = np.linspace(k[0], k[-1], points)
    vol = amplitude * np.exp(-0.5 * ((grid[:, None] - k) / length) ** 2) @ weights
    strike = forward * np.exp(grid)
    call = option_price(forward, strike, tau, 1.0, np.maximum(vol, 1e-6), True)
    raw = np.gradient(np.gradient(call, strike), strike)
    quadrature = trapezoid_weights(strike)
    mass = raw * quadrature
    density = np.maximum(raw, 0.0)
    density /= density @ quadrature
    steps = 0.5 * (density[1:] + density[:-1]) * np.diff(strike)
    mean, sd, skew, kurtosis = moments(strike, density * quadrature)
    return SeedDensity(
        strike=strike,
        implied_vol=vol,
        density=density,
        cdf=np.concatenate([[0.0], np.cumsum(steps)]),
        raw_mass=float(mass.sum()),
        negative_mass=float(np.abs(mass[mass < 0.0]).sum()),
        mean=mean,
        sd=sd,
        skew=skew,
        kurtosis=kurtosis,
        status="ok",
    )
