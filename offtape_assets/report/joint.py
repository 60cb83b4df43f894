"""Pictures of the joint law: correlations with their band over priors, densities of factors."""

import numpy as np
import polars as pl

from offtape_assets.report.picture import png_text


def correlation_heat_map(
    states: pl.DataFrame, fits: pl.DataFrame, correlations: pl.DataFrame, options: pl.DataFrame
) -> str:
    """Default correlations of the last snapshot, and how far they range over the priors."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    last = correlations.filter(pl.col("ts") == pl.col("ts").max())
    swept = last.filter(~pl.col("prior").is_in(["given_yes", "given_no", "mixed"]))
    ranged = swept.group_by("ticker_a", "ticker_b").agg(
        (pl.col("correlation").max() - pl.col("correlation").min()).alias("range")
    )
    panels = figure.subplots(1, 2)
    drawn = (
        (panels[0], last.filter("is_default"), "correlation", "RdBu_r", -1.0, "default"),
        (panels[1], ranged, "range", "viridis", 0.0, "range over priors"),
    )
    for axes, rows, column, colours, low, title in drawn:
        matrix, tickers = _matrix(rows, column)
        image = axes.imshow(matrix, cmap=colours, vmin=low, vmax=1.0)
        axes.set_xticks(range(len(tickers)), tickers, rotation=90, fontsize=6)
        axes.set_yticks(range(len(tickers)), tickers, fontsize=6)
        axes.set_title(title)
        figure.colorbar(image, ax=axes, shrink=0.7)
    return png_text(figure)


def factor_densities(laws: pl.DataFrame, moments: pl.DataFrame) -> str:
    """Return densities of every factor at the last snapshot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    last = laws.filter(pl.col("ts") == pl.col("ts").max())
    for (factor,), own in last.group_by("factor", maintain_order=True):
        line = axes.plot(own["factor_return"], own["return_density_kde"], label=str(factor))
        axes.step(
            own["factor_return"],
            own["return_density_histogram"],
            where="mid",
            alpha=0.3,
            color=line[0].get_color(),
        )
    axes.set(xlabel="factor return to expiry", title="implied factor laws")
    if not last.is_empty():
        axes.legend()
    return png_text(figure)


def _matrix(rows: pl.DataFrame, column: str) -> tuple[np.ndarray, list[str]]:
    """Symmetric matrix of a pair column, with the tickers of its axes."""
    tickers = sorted({*rows["ticker_a"], *rows["ticker_b"]})
    place = {ticker: index for index, ticker in enumerate(tickers)}
    matrix = np.full((len(tickers), len(tickers)), np.nan)
    for first, second, value in rows.select("ticker_a", "ticker_b", column).iter_rows():
        matrix[place[first], place[second]] = matrix[place[second], place[first]] = value
    return matrix, tickers
