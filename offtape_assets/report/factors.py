"""Plots of factors: cumulated returns and coverage, betas with bands, explained and own return."""

import numpy as np
import polars as pl

from offtape_assets.report.picture import png_text
from offtape_assets.tables.columns_factors import FACTOR_NAMES

EVERY = 60  # seconds between drawn points


def factor_paths(returns: pl.DataFrame, legs: pl.DataFrame, mids: pl.DataFrame) -> str:
    """Cumulated log returns of the five factors, and the coverage of their weights."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    drawn = returns.with_columns(pl.col(FACTOR_NAMES).fill_null(0).cum_sum()).gather_every(EVERY)
    for name in FACTOR_NAMES:
        above.plot(drawn["ts"].to_numpy(), 100 * drawn[name].to_numpy(), label=name)
    above.set(title="factors since the open", ylabel="%")
    above.legend(ncols=5, fontsize=8)
    below.plot(drawn["ts"].to_numpy(), drawn["coverage"].to_numpy(), color="grey")
    below.set(ylabel="coverage", ylim=(0, 1.02))
    return png_text(figure)


def beta_and_return_paths(
    betas: pl.DataFrame, decomposition: pl.DataFrame, variances: pl.DataFrame
) -> str:
    """Filtered market beta with a 90 % band, and the cumulated return with its two parts."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    kalman = betas.filter(pl.col("method") == "kalman").gather_every(EVERY)
    time = kalman["ts"].to_numpy()
    beta, error = (
        kalman[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        for name in ("beta_mkt_rf", "beta_mkt_rf_sd")
    )
    above.plot(time, beta)
    above.fill_between(time, beta - 1.645 * error, beta + 1.645 * error, alpha=0.2)
    above.set(ylabel="market beta")
    parts = ("return_total", "return_systematic", "return_idiosyncratic")
    sums = decomposition.with_columns(pl.col(parts).fill_null(0).cum_sum()).gather_every(EVERY)
    for name in parts:
        below.plot(sums["ts"].to_numpy(), 100 * sums[name].to_numpy(), label=name)
    below.set(ylabel="%")
    below.legend(fontsize=8)
    return png_text(figure)
