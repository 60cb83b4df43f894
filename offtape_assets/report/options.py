"""Pictures of option chains: the fitted smile and the density it implies, with their bands."""

import polars as pl

from offtape_assets.report.picture import png_text


def smile_and_density(fits: pl.DataFrame, densities: pl.DataFrame, exposures: pl.DataFrame) -> str:
    """Smile and density of the nearest expiry at the first, middle and last instant of the day."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    smile_axes, density_axes = figure.subplots(1, 2)
    good = fits.filter(pl.col("status") == "ok").sort("ts", "expiry")
    title = f"{good.height} of {fits.height} fits"
    if good.height:
        nearest = good["expiry"].min()
        good = good.filter(pl.col("expiry") == nearest)
        title = f"expiry {good['expiry'][0]}, {title}"
        shown = sorted({0, good.height // 2, good.height - 1})
        for row in (good.row(i, named=True) for i in shown):
            own = densities.filter(
                (pl.col("ts") == row["ts"]) & (pl.col("expiry") == nearest)
            ).filter(pl.col("cdf").is_between(1e-4, 1 - 1e-4))
            label = row["ts"].strftime("%H:%M")
            for axes, name in ((smile_axes, "implied_vol"), (density_axes, "density")):
                (line,) = axes.plot(own["strike"], own[name], label=label)
                half = 1.645 * own[f"{name}_sd"].fill_null(0.0).fill_nan(0.0)
                axes.fill_between(
                    own["strike"],
                    own[name] - half,
                    own[name] + half,
                    color=line.get_color(),
                    alpha=0.2,
                )
    smile_axes.set(title=title, xlabel="strike, USD", ylabel="implied volatility")
    density_axes.set(xlabel="strike, USD", ylabel="density per USD, 90 % band")
    if good.height:
        density_axes.legend(title="UTC")
    return png_text(figure)
