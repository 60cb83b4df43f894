"""Plotly charts of a day's story: one function per section, from the section's rows to a figure."""

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BAND = "rgba(31, 119, 180, 0.2)"


def probability(rows: pl.DataFrame) -> "Figure":
    """The filtered probability with its band and its jumps."""
    import plotly.graph_objects as go

    figure = _figure("probability")
    figure.add_scatter(x=rows["bucket"], y=rows["probability_high"], line_width=0, showlegend=False)
    figure.add_scatter(
        x=rows["bucket"],
        y=rows["probability_low"],
        line_width=0,
        fill="tonexty",
        fillcolor=BAND,
        name="band",
    )
    figure.add_scatter(x=rows["bucket"], y=rows["probability"], name="filtered")
    jumps = rows.filter(pl.col("is_jump"))
    figure.add_trace(
        go.Scatter(x=jumps["bucket"], y=jumps["probability"], mode="markers", name="jump")
    )
    return figure


def leaders(rows: pl.DataFrame) -> "Figure":
    """Mean information share of each series, groups side by side."""
    figure = _figure("mean information share")
    labels = rows.select(label=pl.format("{} / {}", "group_name", "ticker"))["label"]
    figure.add_bar(x=labels, y=rows["mean_information_share"], name="information share")
    figure.add_bar(x=labels, y=rows["windows_led"] / rows["windows"], name="share of windows led")
    return figure


def drivers(rows: pl.DataFrame) -> "Figure":
    """Quote-driven, trade-driven and common shares of each name's mid variance."""
    figure = _figure("share of mid variance")
    for column in ("omega_quote", "omega_trade", "omega_covariance"):
        figure.add_bar(x=rows["ticker"], y=rows[column], name=column.removeprefix("omega_"))
    figure.update_layout(barmode="relative")
    return figure


def systematic(rows: pl.DataFrame) -> "Figure":
    """Share of variance the factors explain, name by name."""
    figure = _figure("systematic share of variance")
    for (method,), part in rows.group_by("method", maintain_order=True):
        figure.add_bar(x=part["ticker"], y=part["systematic_share"], name=str(method))
    return figure


def factors(rows: pl.DataFrame) -> "Figure":
    """Cumulated factor returns through the day."""
    figure = _figure("return since the open")
    for factor in ("mkt_rf", "smb", "hml", "rmw", "cma"):
        figure.add_scatter(x=rows["minute_end"], y=rows[factor], name=factor)
    figure.update_yaxes(tickformat=".2%")
    return figure


def density(rows: pl.DataFrame) -> "Figure":
    """One risk-neutral density with its band."""
    figure = _figure("density per dollar")
    for sign in (1, -1):
        figure.add_scatter(
            x=rows["strike"],
            y=rows["density"] + sign * 1.645 * rows["density_sd"].fill_null(0),
            line_width=0,
            fill=None if sign == 1 else "tonexty",
            fillcolor=BAND,
            showlegend=False,
        )
    figure.add_scatter(x=rows["strike"], y=rows["density"], name="density")
    return figure


def gamma(rows: pl.DataFrame) -> "Figure":
    """Dealers' gamma exposure by strike."""
    figure = _figure("gamma exposure, shares per dollar")
    figure.add_bar(x=rows["strike"], y=rows["gex"], name="total")
    figure.add_bar(x=rows["strike"], y=rows["gex_net"], name="calls less puts")
    return figure


def correlations(rows: pl.DataFrame) -> "Figure":
    """Correlations of pairs with the band over the priors."""
    figure = _figure("correlation at expiry")
    labels = rows.select(label=pl.format("{} {}", "ticker_a", "ticker_b"))["label"]
    figure.add_scatter(
        x=labels,
        y=rows["correlation"],
        mode="markers",
        error_y={
            "type": "data",
            "symmetric": False,
            "array": rows["correlation_high"] - rows["correlation"],
            "arrayminus": rows["correlation"] - rows["correlation_low"],
        },
        name="band over priors",
    )
    return figure


def heat_map(rows: pl.DataFrame) -> "Figure":
    """Probabilities of one model's contracts through the day."""
    import plotly.graph_objects as go

    one = rows.filter(pl.col("model") == rows["model"][0]).with_columns(
        label=pl.format(
            "{} {} to {}",
            "family",
            pl.col("range_low").fill_null(float("-inf")),
            pl.col("range_high").fill_null(float("inf")),
        )
    )
    wide = one.pivot("ts", index="label", values="probability", aggregate_function="last")
    figure = _figure("")
    figure.add_trace(
        go.Heatmap(
            x=wide.columns[1:],
            y=wide["label"],
            z=wide.drop("label").to_numpy(),
            colorscale="Viridis",
        )
    )
    return figure


def _figure(y_title: str) -> "Figure":
    import plotly.graph_objects as go  # half a second to import

    figure = go.Figure()
    figure.update_layout(
        margin={"l": 50, "r": 10, "t": 10, "b": 40},
        height=380,
        yaxis_title=y_title,
        legend={"orientation": "h"},
        template="plotly_white",
    )
    return figure
