"""The wide panel: lead-lag matrix, Granger tests, connectedness, and the published artefacts.

All names of one day on a grid of seconds; a name without prices has NULL results.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.leadership import (
    Row,
    Window,
    generator,
    known,
    windows_of,
)
from offtape_assets.estimates.leadership_prices import (
    SECOND_NS,
    Series,
    by_ticker,
    group_series,
    seconds_of,
)
from offtape_assets.estimates.table_rows import frame_of
from offtape_assets.market.calendar import Session
from offtape_assets.market.groups import Group
from offtape_assets.quant.connectedness import FACTORS, connectedness, remove_factors
from offtape_assets.quant.granger import granger_tests
from offtape_assets.quant.information_share import last_vector_share, trace_share
from offtape_assets.quant.lead_lag import cross_correlations, hayashi_yoshida, lead_lag_summary
from offtape_assets.quant.vecm import fit_vecm
from offtape_assets.tables import model_leadership

Array = NDArray[np.float64]

MAX_LAG = 300  # seconds of the cross-correlations
TICK_LAGS_NS = np.arange(-100, 101) * 100_000_000  # 10 seconds either way in tenths
GRANGER_LAGS = 5  # seconds
PANEL_WINDOW = 300  # minutes: the published system's rolling window
SIZE = 0.05


class PanelTables(NamedTuple):
    """Rows of model.lead_lags, granger_tests, connectedness and net_spillovers."""

    lead_lags: pl.DataFrame
    granger: pl.DataFrame
    connectedness: pl.DataFrame
    net: pl.DataFrame


def measure_panel(
    ticks: pl.DataFrame,
    baskets: pl.DataFrame,
    groups: tuple[Group, ...],
    tickers: tuple[str, ...],
    hours: Session,
    day: date,
    seed: int,
) -> PanelTables:
    """Pairwise and joint statistics of all names over one session.

    Parameters
    ----------
    ticks
        Rows of features.mid_ticks (ticker, ts, log_mid_price).
    baskets, groups
        As in `measure_groups`: pairs within a group get Hayashi-Yoshida lead-lags as well.
    tickers
        Names of the panel, in the order of the settings.
    hours, day, seed
        Regular hours; date and seed name the random shifts.

    Notes
    -----
    Cross-correlations are those of raw returns, as published. Granger tests and connectedness use
    returns less five principal components: what two names share through the market is not a lead.
    """
    series = by_ticker(ticks)
    edges = seconds_of(hours)
    names = [ticker for ticker in tickers if ticker in series]
    if len(names) < 2:
        return _panel_tables([], [], [], [])
    levels = np.column_stack([series[name].on_grid(edges) for name in names])
    returns = np.diff(levels, axis=0)
    lags = [*_grid_lags(returns, names)]
    for group in groups:
        members = group_series(group, series, baskets)
        lags += _tick_lags(members) if members else []
    end = hours.close.replace(tzinfo=None)
    result = connectedness(returns, generator(seed, day, "connectedness"))
    flows: list[Row] = [
        {"window_end": end, "from_ticker": a, "to_ticker": b, "share": known(result.share[i, j])}
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i != j
    ]
    net: list[Row] = [
        {
            "window_end": end,
            "ticker": name,
            "net_spillover": known(result.net[i]),
            "p_value": known(result.p_value[i]),
            "stability": known(result.stability),
            "is_leader": bool(result.p_value[i] <= SIZE) if np.isfinite(result.net[i]) else None,
            "status": result.status if np.isfinite(result.net[i]) else _reason(result.status),
        }
        for i, name in enumerate(names)
    ]
    return _panel_tables(lags, _granger(returns, names), flows, net)


def _panel_tables(
    lags: list[Row], granger: Iterable[Row], flows: list[Row], net: list[Row]
) -> PanelTables:
    return PanelTables(
        frame_of(model_leadership.LEAD_LAGS, lags).unique(["leader", "follower", "method"]),
        frame_of(model_leadership.GRANGER_TESTS, granger),
        frame_of(model_leadership.CONNECTEDNESS, flows),
        frame_of(model_leadership.NET_SPILLOVERS, net),
    )


def panel_shares(
    ticks: pl.DataFrame, tickers: tuple[str, ...], hours: Session, window_minutes: int
) -> pl.DataFrame:
    """The published rank-1 shares of the whole panel, as rows of model.information_shares.

    `panel_seed` (in `is_diagonal`) is the basis of a singular value decomposition and `panel_trace`
    (in `trace_share`) is volatility: kept to be seen, never to name a leader.
    """
    series = by_ticker(ticks)
    edges = seconds_of(hours)
    names = [ticker for ticker in tickers if ticker in series]
    rows: list[Row] = []
    if len(names) >= 3:
        levels = np.column_stack([series[name].on_grid(edges) for name in names])
        for window in windows_of(hours, window_minutes):
            first = window.last - PANEL_WINDOW * 60
            if window.is_session or first < 0:
                continue
            minutes = levels[first + 59 : window.last : 60]
            rows += _artefacts(minutes, names, window)
    return frame_of(model_leadership.INFORMATION_SHARES, rows)


def _artefacts(levels: Array, names: list[str], window: Window) -> Iterator[Row]:
    kept = np.flatnonzero(np.isfinite(levels).all(axis=0))
    n = len(kept)
    seed, trace = (np.full(len(names), np.nan) for _ in range(2))
    status, n_obs = "too_few", 0
    if n >= 3:
        fit = fit_vecm(levels[:, kept], 1, 1)
        status, n_obs = fit.status, fit.n_obs
        if status == "ok":
            seed[kept] = last_vector_share(fit.alpha, fit.omega)
            trace[kept] = trace_share(fit.alpha, fit.beta, fit.omega)
    end = {"window_end": window.end.replace(tzinfo=None), "window_minutes": PANEL_WINDOW}
    for label, field, values in (
        ("panel_seed", "is_diagonal", seed),
        ("panel_trace", "trace_share", trace),
    ):
        for name, value in zip(names, values, strict=True):
            own = status if np.isfinite(value) or status != "ok" else "no_data"
            yield {
                **end,
                "group_name": label,
                "ticker": name,
                "status": own,
                "rank": 1 if own == "ok" else None,
                field: known(value),
                "n_obs": n_obs,
            }


def _grid_lags(returns: Array, names: list[str]) -> Iterator[Row]:
    reach = min(MAX_LAG, len(returns) - 1)
    pairs, correlations = cross_correlations(returns, reach)
    summary = lead_lag_summary(correlations)
    known_rows = np.isfinite(returns)
    for (i, j), lag, correlation, indicator in zip(
        pairs, summary.lag, summary.correlation, summary.indicator, strict=True
    ):
        if i != j:
            n_obs = int((known_rows[:, i] & known_rows[:, j]).sum())
            yield _lag_row(names[i], names[j], "ccf", float(lag), correlation, indicator, n_obs)


def _tick_lags(members: dict[str, Series]) -> Iterator[Row]:
    """Hayashi-Yoshida contrasts between tickers; a basket has no ticks of its own."""
    names = [name for name, member in members.items() if not member.is_basket]
    middle = len(TICK_LAGS_NS) // 2
    for x, y in combinations(names, 2):
        first, second = members[x].parts[0], members[y].parts[0]
        a, b = first.ticks, second.ticks
        scale = np.sqrt(np.sum(np.diff(a.log_mid) ** 2) * np.sum(np.diff(b.log_mid) ** 2))
        if not scale > 0.0:
            continue
        covariance = hayashi_yoshida(a.ts, a.log_mid, b.ts, b.log_mid, TICK_LAGS_NS)
        ratio = np.sign(first.weight * second.weight) * covariance / scale
        best = int(np.abs(ratio).argmax())
        indicator = ratio[middle + 1 :].max() - ratio[:middle].max()
        lag = float(TICK_LAGS_NS[best] / SECOND_NS)
        n_obs = min(len(a.ts), len(b.ts))
        yield _lag_row(x, y, "hayashi_yoshida", lag, ratio[best], indicator, n_obs)


def _lag_row(
    x: str, y: str, method: str, lag: float, correlation: float, indicator: float, n_obs: int
) -> Row:
    """One pair, turned so that the leadership indicator is not negative."""
    turned = indicator < 0.0
    return {
        "leader": y if turned else x,
        "follower": x if turned else y,
        "method": method,
        "lag_seconds": (-lag if turned else lag) if np.isfinite(correlation) else None,
        "correlation": known(correlation),
        "leadership_indicator": known(abs(indicator)),
        "n_obs": n_obs,
    }


def _granger(returns: Array, names: list[str]) -> Iterator[Row]:
    own = _own_parts(returns)
    tests = granger_tests(own, GRANGER_LAGS)
    for i, cause in enumerate(names):
        for j, effect in enumerate(names):
            if i != j:
                yield {
                    "cause": cause,
                    "effect": effect,
                    "lags": GRANGER_LAGS,
                    "f_statistic": known(tests.f_statistic[i, j]),
                    "p_value": known(tests.p_value[i, j]),
                    "wald_statistic": known(tests.wald[i, j]),
                    "p_value_white": known(tests.p_value_white[i, j]),
                    "p_value_adjusted": known(tests.p_value_adjusted[i, j]),
                    "n_obs": tests.n_obs,
                    "status": "ok" if np.isfinite(tests.f_statistic[i, j]) else "singular",
                }


def _own_parts(returns: Array) -> Array:
    """Returns less their common factors; columns that do not vary stay NaN."""
    filled = np.where(np.isfinite(returns), returns, 0.0)
    sd = filled.std(axis=0)
    kept = np.flatnonzero(sd > 1e-12 * np.abs(filled).max(axis=0, initial=0.0))
    own = np.full_like(filled, np.nan)
    standard = (filled[:, kept] - filled[:, kept].mean(axis=0)) / sd[kept]
    own[:, kept] = remove_factors(standard, min(FACTORS, max(len(kept) - 2, 0)))
    return own


def _reason(status: str) -> str:
    return "no_data" if status == "ok" else status
