"""Pictures of prediction contracts: price sums, the heat map of probabilities, gaps, reliability."""

from typing import TYPE_CHECKING

import polars as pl

from offtape_assets.report.picture import png_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def price_sums(prices: pl.DataFrame) -> str:
    """Sum of a family's prices by hour, placeholders crossed."""
    figure, axes = _figure()
    for (family,), own in prices.drop_nulls("price_sum").group_by("family", maintain_order=True):
        hours = own.group_by(pl.col("ts").dt.truncate("1h")).agg(
            pl.col("price_sum").first(), pl.col("is_placeholder").any()
        )
        hours = hours.sort("ts")
        axes.plot(hours["ts"], hours["price_sum"], label=str(family))
        crossed = hours.filter("is_placeholder")
        axes.plot(crossed["ts"], crossed["price_sum"], "rx")
    axes.axhline(1.0, color="grey", linewidth=0.8)
    return _finished(figure, axes, "sum of the prices of all ranges")


def probability_heat_map(probabilities: pl.DataFrame) -> str:
    """Closed-form probability by hour and contract of the family that lives longest, by model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    _draw_heat_maps(list(figure.subplots(1, 2)), probabilities, is_oldest=False)
    return png_text(figure)


def contract_lives(
    dislocations: pl.DataFrame,
    profits: pl.DataFrame,
    trades: pl.DataFrame,
    probabilities: pl.DataFrame,
) -> str:
    """Probabilities through the life so far of the oldest contracts, and the day's dislocations."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6), layout="constrained")
    grid = figure.add_gridspec(2, 2)
    alive = probabilities.filter(pl.col("family").is_in(dislocations["family"].unique().to_list()))
    _draw_heat_maps([figure.add_subplot(grid[0, k]) for k in (0, 1)], alive, is_oldest=True)
    axes = figure.add_subplot(grid[1, :])
    for (name,), own in dislocations.sort("ts").group_by("model", maintain_order=True):
        colour = "tab:blue" if name == "merton" else "tab:orange"
        for _, line in own.group_by("contract_id", maintain_order=True):
            axes.plot(line["ts"], line["dislocation"], color=colour, linewidth=0.7)
        axes.plot([], [], color=colour, label=str(name))
    axes.axhline(0.0, color="grey", linewidth=0.8)
    return _finished(figure, axes, f"market minus model; {trades.height} trades ended")


def _draw_heat_maps(panels: list["Axes"], probabilities: pl.DataFrame, is_oldest: bool) -> None:
    """One panel a model: time to the right, strikes upwards, of the oldest or youngest family."""
    exact = probabilities.filter(pl.col("method") == "closed_form").drop_nulls("probability")
    models = exact["model"].unique(maintain_order=True).to_list()
    for axes, name in zip(panels, models, strict=False):
        own = exact.filter(model=name).sort("hours_left")
        own = own.filter(family=own["family"][0 if is_oldest else -1])
        own = own.sort("ts", "range_low", nulls_last=False)
        grid = own.pivot("range_low", index="ts", values="probability")
        labels = [
            "below" if low == "null" else f"{float(low):,.0f}" for low in grid.drop("ts").columns
        ]
        image = axes.pcolormesh(
            grid["ts"], range(len(labels)), grid.drop("ts").to_numpy().T, vmin=0.0, rasterized=True
        )
        axes.set_yticks(range(len(labels)), labels)
        axes.tick_params("x", rotation=30)
        axes.set(title=f"{name}, {own['family'][0]}", ylabel="from, USD")
        axes.figure.colorbar(image, ax=axes)


def reliability_curves(scores: pl.DataFrame, curves: pl.DataFrame) -> str:
    """Observed frequency against mean forecast; the diagonal is perfect."""
    figure, axes = _figure()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for (name,), own in curves.group_by("forecaster", maintain_order=True):
        axes.plot(own["mean_probability"], own["frequency"], "o-", markersize=3, label=str(name))
    expiries = max(curves["n_expiries"].to_list(), default=0)
    return _finished(figure, axes, f"reliability over {expiries} expiries")


def _figure() -> tuple["Figure", "Axes"]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    return figure, figure.subplots()


def _finished(figure: "Figure", axes: "Axes", title: str) -> str:
    axes.set_title(title)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize="small")
    return png_text(figure)
