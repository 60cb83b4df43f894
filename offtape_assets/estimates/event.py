"""The event's probability from its contracts' trades: three filters, their diagnostics.

Frames in, frames out; which contracts make the event is an argument. The filters themselves are
in quant.kalman and quant.kalman_event, information clocks in estimates.event_clocks.
"""

import numpy as np
import polars as pl

from offtape_assets.quant.kalman import (
    SEED_LEVEL_VARIANCE,
    SEED_NOISE_VARIANCE,
    filter_local_level,
    fit_local_level,
)
from offtape_assets.quant.kalman_event import EventFilter, EventTape, event_tape
from offtape_assets.quant.kalman_event_fit import (
    LEVEL_PRIOR,
    PROBIT_PRIOR,
    CausalEventFilter,
    filter_event_causally,
    fit_event_causally,
)

BAND = 1.6448536269514722  # normal 95 % point: a 90 % band
GRIDS = (0.01, 0.001, 0.0001)  # cents, and the finer grids of later years
LAGS = 20
FEWEST_FOR_DIAGNOSTICS = 2 * LAGS + 1


def event_trades(trades: pl.DataFrame, yes: str, no: str) -> pl.DataFrame:
    """Trades of the event's contracts in time order, one row each, with what the filters need.

    Parameters
    ----------
    trades
        Rows of raw.kalshi_trades of one date, any contracts.
    yes, no
        The two contracts; `no` may be one that never trades.

    Returns
    -------
    Columns ts, contract, price, contracts_traded, seconds (since midnight UTC of the first
    trade), is_yes, tick, order. Rows of one stamp, contract and price are fills of one order and
    share `order`.
    """
    own = trades.filter(pl.col("contract").is_in([yes, no])).sort("ts", maintain_order=True)
    own = own.select(
        "ts",
        "contract",
        pl.col("price").cast(pl.Float64),
        pl.col("contracts_traded").cast(pl.Float64),
        seconds=pl.col("ts").cast(pl.Datetime("us")).cast(pl.Int64) / 1e6,
        is_yes=pl.col("contract") == yes,
        order=pl.struct("ts", "contract", "price").rank("dense").cast(pl.Int64),
    ).with_columns(pl.col("seconds") - pl.col("seconds").first().floordiv(86_400) * 86_400)
    return own.with_columns(tick=pl.Series(_grid(own["price"].to_numpy()), dtype=pl.Float64))


def _grid(prices: np.ndarray) -> np.ndarray:
    """Price step known at each trade: cents until a finer price has been seen."""
    steps = np.full(prices.size, GRIDS[-1])
    for grid in GRIDS[-2::-1]:
        steps[np.abs(prices / grid - np.round(prices / grid)) < 1e-6] = grid
    return np.minimum.accumulate(steps)


def filter_probabilities(
    trades: pl.DataFrame, yes: str, no: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Filter a date's trades by the three methods.

    Parameters
    ----------
    trades
        Rows of raw.kalshi_trades of one date.
    yes, no
        The event's contracts.

    Returns
    -------
    probabilities, diagnostics
        Rows of model.kalshi_probabilities and model.event_diagnostics; without a trade of either
        contract the first is empty and the second says so.
    """
    own = event_trades(trades, yes, no)
    if own.is_empty():
        nothing = [_diagnosis(yes, method, _NOTHING) for method in ("continuous", "probit")]
        return _rows(own, "continuous", _NOTHING).clear(), pl.DataFrame(nothing, _DIAGNOSTICS)
    rows, diagnoses = [], []
    for contract in (yes, no):
        alone = own.filter(pl.col("contract") == contract)
        if alone.height:
            filtered = _seed_filter(alone["price"].to_numpy())
            rows.append(_rows(alone, "seed", filtered))
            diagnoses.append(_diagnosis(contract, "seed", filtered))
    orders = own.group_by("order", maintain_order=True).agg(
        pl.first("seconds", "is_yes", "price", "tick"), pl.sum("contracts_traded")
    )
    tape = event_tape(*orders.select("seconds", "is_yes", "price", "contracts_traded", "tick"))
    fits = fit_event_causally(tape)
    plain = _plain_fit(tape)
    for method, probit in (("continuous", False), ("probit", True)):
        causal = filter_event_causally(tape, probit, fits)
        rows.append(_rows(own, method, _by_trade(own, orders, tape, causal)))
        diagnoses.append(_event_diagnosis(yes, method, tape, causal, probit) | plain)
    probabilities = pl.concat(rows, how="vertical")
    return probabilities.sort("ts", "method", maintain_order=True), pl.DataFrame(
        diagnoses, _DIAGNOSTICS
    )


def _seed_filter(prices: np.ndarray) -> dict[str, np.ndarray]:
    """The seed's filter of one contract: a step per trade, its named constants."""
    found = filter_local_level(prices, SEED_LEVEL_VARIANCE, SEED_NOISE_VARIANCE)
    count = prices.size
    return {
        "probability": found.mean,
        "variance": found.variance,
        "gain": found.gain(SEED_NOISE_VARIANCE),
        "innovation": found.innovation,
        "standardized_innovation": found.standardized_innovation,
        "log_likelihood": found.log_likelihood_terms,
        "vig": np.full(count, np.nan),
        "active_share": np.full(count, np.nan),
        "n_fitted": np.zeros(count, np.int64),
        "status": np.where(np.arange(count) == 0, "first_trade", "ok"),
    }


def _by_trade(
    own: pl.DataFrame, orders: pl.DataFrame, tape: EventTape, causal: CausalEventFilter
) -> dict[str, np.ndarray]:
    """The event filter's output, which is by order, for every fill."""
    number = orders.select("order").with_row_index("at")
    joined = own.join(number, on="order", how="left", maintain_order="left")
    at = joined["at"].to_numpy().astype(np.int64)
    is_repeat = ~joined.select(pl.col("order").is_first_distinct()).to_series().to_numpy()
    found: EventFilter = causal.filtered
    values = {name: getattr(found, name)[at] for name in EventFilter.__dataclass_fields__}
    values["gain"] = np.where(is_repeat, 0.0, values["gain"])
    for name in ("innovation", "standardized_innovation", "log_likelihood"):
        values[name] = np.where(is_repeat, np.nan, values[name])
    fitted = np.array([0, *(fit.n_trades for fit in causal.fits)])
    values["n_fitted"] = fitted[causal.fit_index + 1][at]
    edge = 1.001 * tape.ticks
    is_bound = (tape.prices <= edge) | (tape.prices >= 1.0 - edge)
    values["status"] = np.select(
        [is_repeat, at == 0, (is_bound & (tape.ticks > 0))[at]],
        ["same_order", "first_trade", "at_limit"],
        "ok",
    )
    return values


def _rows(own: pl.DataFrame, method: str, values: dict[str, np.ndarray]) -> pl.DataFrame:
    """Rows of model.kalshi_probabilities."""
    z = pl.col("standardized_innovation").abs()
    half = BAND * pl.col("variance").sqrt()
    return (
        own.select("ts", "contract", "price", "contracts_traded")
        .with_columns(pl.DataFrame(values).fill_nan(None))
        .with_columns(
            pl.lit(method).alias("method"),
            pl.when(z > 2)
            .then(pl.lit("high"))
            .when(z > 1)
            .then(pl.lit("moderate"))
            .when(z.is_not_null())
            .then(pl.lit("baseline"))
            .alias("regime"),
            (pl.col("probability") - half).clip(0.0, 1.0).alias("probability_low"),
            (pl.col("probability") + half).clip(0.0, 1.0).alias("probability_high"),
        )
        .select(_COLUMNS)
    )


def _diagnosis(contract: str, method: str, values: dict[str, np.ndarray]) -> dict[str, object]:
    """Whether a filter's z has mean 0 and variance 1 and is white."""
    z = values["standardized_innovation"]
    z = z[np.isfinite(z)]
    row: dict[str, object] = dict.fromkeys(_DIAGNOSTICS) | {
        "contract": contract,
        "method": method,
        "n_trades_used": z.size,
        "status": "ok" if z.size >= FEWEST_FOR_DIAGNOSTICS else "too_few",
    }
    if method == "seed":
        row |= {"level_variance": SEED_LEVEL_VARIANCE, "noise_variance": SEED_NOISE_VARIANCE}
    if z.size < FEWEST_FOR_DIAGNOSTICS:
        return row
    statistic, p_value = ljung_box(z, LAGS)
    return row | {
        "z_mean": float(z.mean()),
        "z_variance": float(z.var()),
        "share_beyond_two": float((np.abs(z) > 2).mean()),
        "ljung_box": statistic,
        "ljung_box_p": p_value,
        "log_likelihood": float(np.nansum(values["log_likelihood"])),
    }


def _event_diagnosis(
    yes: str, method: str, tape: EventTape, causal: CausalEventFilter, probit: bool
) -> dict[str, object]:
    """The same for the pooled event, with the parameters in force at the end."""
    found = causal.filtered
    values = {
        "standardized_innovation": found.standardized_innovation,
        "log_likelihood": found.log_likelihood,
    }
    good = [fit for fit in causal.fits if fit.status == "ok"]
    model = good[-1].model if good else (PROBIT_PRIOR if probit else LEVEL_PRIOR)
    rounding = (1.0 - model.tick_persistence) * float(tape.ticks[-1]) ** 2 / 12.0
    return _diagnosis(yes, method, values) | {
        "level_variance": model.level_variance,
        "noise_variance": model.bounce_variance + rounding,
        "tick_persistence": model.tick_persistence,
    }


def _plain_fit(tape: EventTape) -> dict[str, object]:
    """Maximum likelihood of the plain local level over the whole day: a description, not causal."""
    prices = np.where(tape.sides > 0, tape.prices, 1.0 - tape.prices)
    fit = fit_local_level(prices, tape.steps)
    return {
        "level_variance_mle": None if np.isnan(fit.level_variance) else fit.level_variance,
        "noise_variance_mle": None if np.isnan(fit.noise_variance) else fit.noise_variance,
    }


def ljung_box(series: np.ndarray, lags: int) -> tuple[float, float]:
    """Ljung-Box statistic and its chi-squared p value with `lags` degrees of freedom."""
    from scipy.stats import chi2

    count = series.size
    gap = series - series.mean()
    correlations = np.array([gap[k:] @ gap[:-k] for k in range(1, lags + 1)]) / (gap @ gap)
    weights = 1.0 / (count - np.arange(1, lags + 1))
    statistic = float(count * (count + 2) * (weights * correlations**2).sum())
    return statistic, float(chi2.sf(statistic, lags))


_FLOATS = (
    *("probability", "variance", "gain", "innovation", "standardized_innovation"),
    *("log_likelihood", "vig", "active_share"),
)
_NOTHING: dict[str, np.ndarray] = {name: np.empty(0) for name in _FLOATS} | {
    "n_fitted": np.empty(0, np.int64),
    "status": np.empty(0, "U1"),
}
_COLUMNS = (
    *("ts", "contract", "method", "price", "contracts_traded", "probability", "variance", "gain"),
    *("innovation", "standardized_innovation", "regime", "log_likelihood", "probability_low"),
    *("probability_high", "vig", "active_share", "n_fitted", "status"),
)
_DIAGNOSTICS: dict[str, type[pl.DataType]] = {
    "contract": pl.String,
    "method": pl.String,
    "n_trades_used": pl.Int64,
    "z_mean": pl.Float64,
    "z_variance": pl.Float64,
    "share_beyond_two": pl.Float64,
    "ljung_box": pl.Float64,
    "ljung_box_p": pl.Float64,
    "log_likelihood": pl.Float64,
    "level_variance": pl.Float64,
    "noise_variance": pl.Float64,
    "tick_persistence": pl.Float64,
    "level_variance_mle": pl.Float64,
    "noise_variance_mle": pl.Float64,
    "status": pl.String,
}
