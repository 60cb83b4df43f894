"""Pictures of the event: trades with the filtered band and its shocks, information clocks."""

import polars as pl

from offtape_assets.report.picture import png_text

MOST_DOTS = 20_000


def filtered_band(probabilities: pl.DataFrame, diagnostics: pl.DataFrame) -> str:
    """Trades as dots (the other contract's as one less the price), the 90 % band, high shocks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    own = probabilities.filter(method="continuous").gather_every(
        max(1, probabilities.height // (3 * MOST_DOTS))
    )
    if own.height:
        yes = diagnostics.filter(method="continuous")["contract"][0]
        price = pl.col("price").cast(pl.Float64)
        dots = own.select(
            "ts", price=pl.when(pl.col("contract") == yes).then(price).otherwise(1 - price)
        )
        axes.plot(dots["ts"], dots["price"], ",", color="grey", label="trades")
        low, high = own["probability_low"].to_numpy(), own["probability_high"].to_numpy()
        axes.fill_between(own["ts"].to_numpy(), low, high, alpha=0.4, label="90 % band")
        shocks = own.filter(pl.col("standardized_innovation").abs() > 4)
        axes.plot(shocks["ts"], shocks["probability"], "r|", label="|z| > 4")
        axes.legend(loc="best", fontsize=7)
    axes.set(title="probability of the yes contract", xlabel="UTC")
    return png_text(figure)


def clock_rates(clocks: pl.DataFrame) -> str:
    """Clock rate by estimator over the day, jumps marked below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    for (method,), own in clocks.drop_nulls("clock_rate").group_by("method", maintain_order=True):
        axes.semilogy(own["ts"], own["clock_rate"].clip(lower_bound=1e-12), label=str(method))
    jumps = clocks.filter(pl.col("is_jump") & (pl.col("method") == "bipower"))
    for at in jumps["ts"]:
        axes.axvline(at, color="red", linewidth=0.5)
    if clocks.height:
        axes.legend(loc="best", fontsize=7)
    axes.set(title="information clock rate, jumps in red", xlabel="UTC", ylabel="per second")
    return png_text(figure)
