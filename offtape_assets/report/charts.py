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
    """Mean information share of each series with its band, groups side by side."""
    figure = _figure("mean information share, with its band")
    labels = rows.select(label=pl.format("{} / {}", "group_name", "ticker"))["label"]
    figure.add_bar(
        x=labels,
        y=rows["mean_information_share"],
        error_y=_band(
            rows["mean_information_share"], rows["mean_band_low"], rows["mean_band_high"]
        ),
        name="information share",
    )
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
        error_y=_band(rows["correlation"], rows["correlation_low"], rows["correlation_high"]),
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


def shocks(rows: pl.DataFrame) -> "Figure":
    """What each name did in the minutes that surprised the event market most."""
    figure = _figure("return in the minute, bp")
    for (bucket,), part in rows.group_by("bucket", maintain_order=True):
        moved = part.drop_nulls("return_bp")
        name = f"{bucket:%H:%M} |z| {part['shock'][0]:.1f}"
        figure.add_bar(x=moved["ticker"], y=moved["return_bp"], name=name)
    return figure


def sweeps(rows: pl.DataFrame) -> "Figure":
    """Does ISO activity go with leading: t statistics by group and measure."""
    figure = _figure("t statistic of ISO activity and leading")
    for (measure,), part in rows.group_by("iso_measure", maintain_order=True):
        figure.add_bar(x=part["group_name"], y=part["t_statistic"], name=str(measure))
    return figure


def lead_lags(rows: pl.DataFrame) -> "Figure":
    """The lag of each pair against the strength of the lead."""
    figure = _figure("leadership indicator")
    figure.add_scatter(
        x=rows["lag_seconds"],
        y=rows["leadership_indicator"],
        text=rows.select(label=pl.format("{} leads {}", "leader", "follower"))["label"],
        mode="markers",
        name="pair",
    )
    figure.update_xaxes(title="lag, seconds")
    return figure


def smile(rows: pl.DataFrame) -> "Figure":
    """Quoted implied volatilities with their errors, and the fitted curve."""
    figure = _figure("implied volatility per sqrt year")
    figure.add_scatter(
        x=rows["strike"],
        y=rows["quoted_vol"],
        error_y={"type": "data", "array": rows["quoted_vol_sd"].fill_null(0)},
        mode="markers",
        name="quotes",
    )
    figure.add_scatter(x=rows["strike"], y=rows["fitted_vol"], name="fitted")
    return figure


def two_worlds(rows: pl.DataFrame) -> "Figure":
    """Forward returns of each name in each outcome, with their bands."""
    figure = _figure("forward return, bp")
    for state in ("yes", "no"):
        middle = rows[f"forward_return_{state}_bp"]
        figure.add_scatter(
            x=rows["ticker"],
            y=middle,
            error_y=_band(middle, rows[f"{state}_low_bp"], rows[f"{state}_high_bp"]),
            mode="markers",
            name=f"given {state}",
        )
    return figure


def law_in_two_worlds(rows: pl.DataFrame) -> "Figure":
    """One name's densities given each outcome beside the observed one."""
    figure = _figure("density per dollar")
    for column in ("observed", "density_yes", "density_no"):
        figure.add_scatter(
            x=rows["strike"], y=rows[column], name=column.replace("density_", "given ")
        )
    return figure


def contract_pnl(rows: pl.DataFrame) -> "Figure":
    """Profit of the threshold rule with its standard error."""
    figure = _figure("profit, dollars per contract")
    labels = rows.select(label=pl.format("{} {} costs", "model", "costs"))["label"]
    error = {"type": "data", "array": rows["pnl_se"].fill_null(0)}
    figure.add_bar(x=labels, y=rows["pnl"], error_y=error, name="profit")
    return figure


def recovered(rows: pl.DataFrame) -> "Figure":
    """Share of errors inside the stated 90 % band, estimator by estimator."""
    figure = _figure("share inside the stated 90 % band")
    stated = rows.drop_nulls("coverage_90")
    labels = stated.select(label=pl.format("{} {}", "estimator", "quantity"))["label"]
    figure.add_scatter(x=labels, y=stated["coverage_90"], mode="markers", name="coverage")
    figure.add_hline(y=0.9, line_dash="dot")
    return figure


def _band(middle: pl.Series, low: pl.Series, high: pl.Series) -> dict[str, object]:
    """Asymmetric error bars from the ends of a band."""
    above, below = (high - middle).clip(0).fill_null(0), (middle - low).clip(0).fill_null(0)
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below}


def _figure(y_title: str) -> "Figure":
    import plotly.graph_objects as go  # half a second to import

    figure = go.Figure()
    figure.update_layout(
        margin={"l": 50, "r": 10, "t": 40, "b": 40},
        height=380,
        yaxis_title=y_title,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        template="plotly_white",
    )
    return figure
