"""Betas of one name on one day by three methods, and its returns divided by what they explain.

Nothing stamped T uses a return after T; the decomposition of a second uses the betas known when
it began. The 'session' betas describe the whole day and are stamped at its close.
"""

from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.leadership_prices import Ticks, seconds_of
from offtape_assets.market.calendar import Session
from offtape_assets.quant import kalman_regression, long_run_regression, rolling_regression
from offtape_assets.tables.columns_factors import FACTOR_NAMES

Array = NDArray[np.float64]

ROLLING, KALMAN, SESSION = "rolling_ols", "kalman", "session"
BETAS = [f"beta_{name}" for name in FACTOR_NAMES]
EXPOSURES = [*BETAS, *(f"{name}_sd" for name in BETAS), "r_squared", "n_obs", "dof"]
MINUTE = 60
MIN_MINUTES = 30
NO_FACTORS, NO_BETAS, NO_RETURN = "no_factors", "no_betas", "no_return"


def measure_betas(
    ticks: pl.DataFrame, factors: pl.DataFrame, hours: Session, window: int, method: str
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Betas, decomposed returns and realized variances of one name.

    Parameters
    ----------
    ticks
        ts, log_mid_price of features.mid_ticks, one name.
    factors
        Rows of features.factor_returns_1s.
    window
        Seconds of the rolling regression.
    method
        Whose betas divide the returns: 'kalman' or 'rolling_ols'.

    Returns
    -------
    betas, decomposition, exposures
        Rows of features.factor_betas, return_decomposition_1s, factor_exposures_1d.

    Raises
    ------
    ValueError
        If the method has no betas by the second.
    """
    returns = _returns(ticks, hours)
    moves = _factor_matrix(factors, hours)
    tables = {
        ROLLING: _rolling_rows(returns, moves, hours, window),
        KALMAN: _kalman_rows(returns, moves, hours, window),
    }
    if method not in tables:
        raise ValueError(f"method={method!r}: choose one of {', '.join(tables)}")
    whole = long_run_regression.long_run_betas(returns, moves)
    closing = _session_row(whole, hours)
    betas = pl.concat([*tables.values(), closing])
    known = tables[method].select(BETAS).to_numpy().astype(np.float64)
    return (
        betas,
        _decomposed(returns, moves, known, hours, method),
        pl.concat([closing.select(EXPOSURES), _variances(returns, moves, whole)], how="horizontal"),
    )


def _returns(ticks: pl.DataFrame, hours: Session) -> Array:
    """Log returns of the session's seconds; NaN where a mid is unknown at either end, (T,)."""
    stamps = ticks["ts"].cast(pl.Datetime("ns")).to_physical().to_numpy()
    level = Ticks(stamps, ticks["log_mid_price"].to_numpy()).on_grid(seconds_of(hours))
    return np.diff(level, prepend=np.nan)


def _factor_matrix(factors: pl.DataFrame, hours: Session) -> Array:
    """Factor returns on the session's seconds, NaN where there are none, shape (T, 5)."""
    opened: datetime = hours.open.replace(tzinfo=None)
    rows = factors.select((pl.col("ts") - opened).dt.total_seconds() - 1).to_series().to_numpy()
    matrix = np.full((round((hours.close - hours.open).total_seconds()), 5), np.nan)
    matrix[rows] = factors.select(FACTOR_NAMES).to_numpy().astype(np.float64)
    return matrix


def _stamps(hours: Session) -> NDArray[np.datetime64]:
    return seconds_of(hours).view("datetime64[ns]").astype("datetime64[us]")


def _rolling_rows(returns: Array, moves: Array, hours: Session, window: int) -> pl.DataFrame:
    found = rolling_regression.rolling_betas(returns, moves, window)
    names = np.array(rolling_regression.STATUSES)
    return _rows(
        ROLLING, _stamps(hours), found.alpha, found.beta, found.standard_error,
        found.r_squared, np.sqrt(found.residual_variance), found.n_obs, found.dof,
        pl.Series(names[found.status]),
    )  # fmt: skip


def _kalman_rows(returns: Array, moves: Array, hours: Session, window: int) -> pl.DataFrame:
    found = kalman_regression.filtered_betas(returns, moves)
    status = np.where(np.isfinite(found.alpha), "ok", "too_few")
    return _rows(
        KALMAN, _stamps(hours), found.alpha, found.beta, found.standard_error,
        _forecast_r_squared(returns, found.innovation, window), np.sqrt(found.noise_variance),
        found.n_obs, np.maximum(found.n_obs - len(FACTOR_NAMES) - 1, 0), pl.Series(status),
    )  # fmt: skip


def _forecast_r_squared(returns: Array, innovation: Array, window: int) -> Array:
    """1 - squared forecast errors / squared returns over the last `window` seconds, (T,)."""
    sums = []
    for series in (np.where(np.isfinite(innovation), returns, np.nan), innovation):
        total = np.concatenate([np.zeros(window), np.cumsum(np.nan_to_num(series) ** 2)])
        sums.append(total[window:] - total[:-window])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[0] > 1e-20, 1.0 - sums[1] / sums[0], np.nan)


def _session_row(found: long_run_regression.LongRunBetas, hours: Session) -> pl.DataFrame:
    return _rows(
        SESSION, _stamps(hours)[-1:], np.array([found.alpha]), found.beta[None],
        found.standard_error[None], np.array([found.r_squared]), np.array([np.nan]),
        np.array([found.n_obs]), np.array([found.dof]), pl.Series([found.status]),
    )  # fmt: skip


def _rows(
    method: str,
    ts: NDArray[np.datetime64],
    alpha: Array,
    beta: Array,
    errors: Array,
    r_squared: Array,
    residual_sd: Array,
    n_obs: NDArray[np.integer],
    dof: NDArray[np.integer],
    status: pl.Series,
) -> pl.DataFrame:
    slopes = dict(zip(BETAS, beta.T, strict=True))
    stated = {f"{name}_sd": column for name, column in zip(BETAS, errors.T, strict=True)}
    return pl.DataFrame({
        "ts": ts, "method": [method] * len(ts), "alpha": alpha, **slopes, **stated,
        "r_squared": r_squared, "residual_sd": residual_sd,
        "n_obs": n_obs.astype(np.int64), "dof": dof.astype(np.int64), "status": status,
    }).fill_nan(None)  # fmt: skip


def _decomposed(
    returns: Array, moves: Array, betas: Array, hours: Session, method: str
) -> pl.DataFrame:
    before = np.vstack([np.full((1, betas.shape[1]), np.nan), betas[:-1]])
    systematic = np.einsum("tk,tk->t", before, moves)
    status = np.select(
        [np.isnan(returns), np.isnan(moves).any(axis=1), np.isnan(before).any(axis=1)],
        [NO_RETURN, NO_FACTORS, NO_BETAS],
        "ok",
    )
    return pl.DataFrame({
        "ts": _stamps(hours),
        "method": [method] * len(returns),
        "return_total": returns,
        "return_systematic": systematic,
        "return_idiosyncratic": returns - systematic,
        "status": status,
    }).fill_nan(None)  # fmt: skip


def _variances(
    returns: Array, moves: Array, whole: long_run_regression.LongRunBetas
) -> pl.DataFrame:
    """Realized variances over minutes without a gap, with the betas of the whole session."""
    minutes = len(returns) // MINUTE
    total = returns[: minutes * MINUTE].reshape(minutes, MINUTE).sum(axis=1)
    factor = moves[: minutes * MINUTE].reshape(minutes, MINUTE, -1).sum(axis=1)
    complete = np.isfinite(total) & np.isfinite(factor).all(axis=1)
    count, status = int(complete.sum()), whole.status
    if status == "ok" and count < MIN_MINUTES:
        status = "too_few"
    parts: list[float | None] = [None, None, None]
    if status == "ok":
        explained = factor[complete] @ whole.beta
        series = (total[complete], explained, total[complete] - explained)
        parts = [float(part @ part) for part in series]
    names = ("variance_total", "variance_systematic", "variance_idiosyncratic")
    schema = dict.fromkeys(names, pl.Float64) | {"minutes": pl.Int32, "status": pl.String}
    return pl.DataFrame([(*parts, count, status)], schema=schema, orient="row")
