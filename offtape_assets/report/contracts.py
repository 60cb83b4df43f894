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

    exact = probabilities.filter(pl.col("method") == "closed_form").drop_nulls("probability")
    models = exact["model"].unique(maintain_order=True).to_list()
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = figure.subplots(1, max(len(models), 1), squeeze=False)
    for axes, name in zip(panels[0], models, strict=False):
        own = exact.filter(model=name)
        family = own.sort("hours_left")["family"][-1]
        own = own.filter(family=family).sort("ts", "range_low", nulls_last=False)
        grid = own.pivot("range_low", index="ts", values="probability").drop("ts")
        image = axes.imshow(grid.to_numpy().T, aspect="auto", origin="lower", vmin=0.0)
        labels = ["below" if low == "null" else f"{float(low):,.0f}" for low in grid.columns]
        axes.set_yticks(range(len(labels)), labels)
        axes.set(title=f"{name}, {own['family'][0]}", xlabel="hour", ylabel="from, USD")
        figure.colorbar(image, ax=axes)
    return png_text(figure)


def dislocation_lines(
    dislocations: pl.DataFrame, profits: pl.DataFrame, trades: pl.DataFrame
) -> str:
    """Market minus model of every contract through the day."""
    figure, axes = _figure()
    for (name,), own in dislocations.sort("ts").group_by("model", maintain_order=True):
        colour = "tab:blue" if name == "merton" else "tab:orange"
        for _, line in own.group_by("contract_id", maintain_order=True):
            axes.plot(line["ts"], line["dislocation"], color=colour, linewidth=0.7)
        axes.plot([], [], color=colour, label=str(name))
    axes.axhline(0.0, color="grey", linewidth=0.8)
    return _finished(figure, axes, f"market minus model; {trades.height} trades ended")


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
