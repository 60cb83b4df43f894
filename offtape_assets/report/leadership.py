"""Plots of leadership: shares through the day with bands, lead-lag heat map, spillover network."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from offtape_assets.report.picture import png_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ARROWS = 60  # spillovers drawn in the network, the largest first


def shares_through_the_day(ranks: pl.DataFrame, shares: pl.DataFrame, tests: pl.DataFrame) -> str:
    """Mean information share of every member of every group by window, with bootstrap bands.

    A star marks the windows whose lead test names the member: the share itself decides nothing.
    """
    from matplotlib.figure import Figure

    drawn = shares.filter(
        (pl.col("window_minutes") < pl.col("window_minutes").max())
        & ~pl.col("group_name").str.starts_with("panel_")
    )
    names = drawn["group_name"].unique(maintain_order=True).to_list() or ["no group"]
    figure = Figure(figsize=(9, 2.2 * len(names)), layout="constrained")
    for axes, name in zip(figure.subplots(len(names), squeeze=False)[:, 0], names, strict=True):
        _draw_group(axes, drawn.filter(pl.col("group_name") == name))
        axes.set(title=name, ylim=(0, 1), ylabel="information share")
    return png_text(figure)


def _draw_group(axes: "Axes", rows: pl.DataFrame) -> None:
    for (ticker,), own in rows.sort("window_end").group_by("ticker", maintain_order=True):
        time = own["window_end"].to_numpy()
        mean, low, high = (
            own[c].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for c in ("is_mean", "band_low", "band_high")
        )
        (line,) = axes.plot(time, mean, marker=".", label=str(ticker))
        axes.fill_between(time, low, high, alpha=0.15, color=line.get_color())
        leads = own["is_leader"].fill_null(value=False).to_numpy()
        axes.plot(time[leads], mean[leads], "*", markersize=11, color=line.get_color())
    if rows.height:
        axes.legend(fontsize=7, ncols=3)


def panel_pictures(
    lead_lags: pl.DataFrame, granger: pl.DataFrame, flows: pl.DataFrame, net: pl.DataFrame
) -> str:
    """Heat map of the leadership indicator and network of the largest spillovers."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 7), layout="constrained")
    left, right = figure.subplots(1, 2)
    names = sorted(net["ticker"].to_list())
    _heat_map(left, lead_lags.filter(pl.col("method") == "ccf"), names)
    _network(right, flows, net, names)
    return png_text(figure)


def _heat_map(axes: "Axes", pairs: pl.DataFrame, names: list[str]) -> None:
    place = {name: i for i, name in enumerate(names)}
    grid = np.full((len(names), len(names)), np.nan)
    for leader, follower, value in pairs.select(
        "leader", "follower", "leadership_indicator"
    ).iter_rows():
        if value is not None and leader in place and follower in place:
            grid[place[leader], place[follower]] = value
            grid[place[follower], place[leader]] = -value
    if not names:
        return
    limit = np.nanmax(np.abs(grid)) if np.isfinite(grid).any() else 1.0
    image = axes.imshow(grid, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
    axes.set_yticks(range(len(names)), names, fontsize=6)
    axes.set_title("L = max ahead - max behind (row leads column where red)")
    axes.figure.colorbar(image, ax=axes, shrink=0.7)


def _network(axes: "Axes", flows: pl.DataFrame, net: pl.DataFrame, names: list[str]) -> None:
    angle = np.linspace(0, 2 * np.pi, len(names), endpoint=False)
    place = {name: (np.cos(a), np.sin(a)) for name, a in zip(names, angle, strict=True)}
    leads = dict(net.select("ticker", "is_leader").iter_rows())
    for name, (x, y) in place.items():
        colour = "crimson" if leads.get(name) else "grey"
        axes.plot(x, y, "o", color=colour)
        axes.text(1.09 * x, 1.09 * y, name, ha="center", va="center", fontsize=7, color=colour)
    strongest = flows.drop_nulls("share").sort("share", descending=True).head(ARROWS)
    largest = strongest["share"].max() if strongest.height else 1.0
    for giver, taker, share in strongest.select("from_ticker", "to_ticker", "share").iter_rows():
        axes.annotate(
            "",
            place[taker],
            place[giver],
            arrowprops={"arrowstyle": "->", "alpha": min(1.0, share / largest), "lw": 0.8},
        )
    axes.set_title(f"{ARROWS} largest lagged spillovers; red: more than chance gives")
    axes.set_aspect("equal")
    axes.axis("off")
