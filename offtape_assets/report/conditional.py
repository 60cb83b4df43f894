"""The picture of two worlds: one snapshot's laws by each method, and the panel through the day."""

from typing import TYPE_CHECKING

import polars as pl

from offtape_assets.report.picture import png_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METHODS = ("panel", "two_lognormal", "shift", "max_entropy")
STATES = {"yes": "tab:red", "no": "tab:blue"}


def two_worlds(fits: pl.DataFrame, densities: pl.DataFrame, hedges: pl.DataFrame) -> str:
    """The four methods at the middle snapshot; forward return and volatility per state over time."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6), layout="constrained")
    axes = figure.subplots(2, 4)
    if fits.height:
        expiry = fits["expiry"].sort().to_list()[0]
        fits = fits.filter(pl.col("expiry") == expiry).sort("ts")
        stamps = fits["ts"].unique().sort().to_list()
        middle = stamps[len(stamps) // 2]
        for pane, method in zip(axes[0], METHODS, strict=True):
            own = (pl.col("ts") == middle) & (pl.col("method") == method)
            _laws(pane, method, fits.filter(own), densities.filter(own, pl.col("expiry") == expiry))
        panel = fits.filter(pl.col("method") == "panel")
        _means(axes[1][0], panel)
        _widths(axes[1][1], panel)
        axes[1][2].plot(panel["ts"], panel["probability"], color="black")
        axes[1][2].set(title="probability, smoothed")
        _hedges(axes[1][3], hedges)
        for pane in axes[1][:3]:
            pane.tick_params(axis="x", rotation=30)
        figure.suptitle(f"expiry {expiry}, laws at {middle:%H:%M} UTC")
    return png_text(figure)


def _laws(axes: "Axes", method: str, fit: pl.DataFrame, law: pl.DataFrame) -> None:
    status = fit["status"].item() if fit.height == 1 else "absent"
    axes.set(title=f"{method}: {status}", xlabel="strike, USD")
    if law.is_empty():
        return
    axes.plot(law["strike"], law["observed"], color="black", label="observed")
    axes.plot(
        law["strike"], law["reconstructed"], color="grey", linestyle=":", label="reconstructed"
    )
    for state, color in STATES.items():
        axes.plot(law["strike"], law[f"density_{state}"], color=color, label=state)
    axes.legend(fontsize="small")


def _means(axes: "Axes", panel: pl.DataFrame) -> None:
    axes.set(title="forward return, 90 % band")
    for state, color in STATES.items():
        scale = (1.0 + pl.col(f"forward_return_{state}")) / pl.col(f"mean_{state}")
        ends = panel.select(
            low=pl.col(f"mean_{state}_low") * scale - 1.0,
            high=pl.col(f"mean_{state}_high") * scale - 1.0,
        )
        axes.plot(panel["ts"], panel[f"forward_return_{state}"], color=color, label=state)
        axes.fill_between(panel["ts"].to_numpy(), ends["low"], ends["high"], color=color, alpha=0.2)


def _widths(axes: "Axes", panel: pl.DataFrame) -> None:
    axes.set(title="sd over mean, 90 % band")
    for state, color in STATES.items():
        ends = panel.select(
            middle=pl.col(f"sd_{state}") / pl.col(f"mean_{state}"),
            low=pl.col(f"sd_{state}_low") / pl.col(f"mean_{state}"),
            high=pl.col(f"sd_{state}_high") / pl.col(f"mean_{state}"),
        )
        axes.plot(panel["ts"], ends["middle"], color=color, label=state)
        axes.fill_between(panel["ts"].to_numpy(), ends["low"], ends["high"], color=color, alpha=0.2)


def _hedges(axes: "Axes", hedges: pl.DataFrame) -> None:
    spot = hedges.filter(pl.col("measure") == "spot", pl.col("status") == "ok")
    axes.set(title="R2 of the event hedge of spot", xlabel="minutes", ylim=(0, 1))
    axes.bar([str(minutes) for minutes in spot["horizon_minutes"]], spot["hedge_r_squared"])
