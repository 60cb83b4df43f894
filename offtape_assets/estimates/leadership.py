"""Who leads within groups: rank tests, information shares and lead tests, window by window.

Shares describe; `is_leader` is set by the lead tests alone. The event's own tests are in
leadership_event.py, the wide panel in leadership_panel.py.
"""

from collections.abc import Iterator
from datetime import date, datetime
from hashlib import blake2b
from itertools import combinations
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

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
from offtape_assets.quant.lead_lag_test import (
    TICK_LAGS_NS,
    LeadTest,
    confirm,
    find_leader,
    grid_lead_test,
    tick_lead_test,
)
from offtape_assets.quant.vecm_critical import critical_values_95
from offtape_assets.quant.vecm_group import GroupShares, group_shares
from offtape_assets.tables import model_leadership

Array = NDArray[np.float64]
Row = dict[str, object]

GRID_REACH = 10  # seconds
SESSION_BLOCK, WINDOW_BLOCK = 300, 60  # seconds of a block, in the session and in shorter windows


class Window(NamedTuple):
    """Rows [first, last) of the grid of seconds, and how the window is labelled."""

    first: int
    last: int
    end: datetime
    minutes: int
    is_session: bool

    @property
    def label(self) -> Row:
        """The key columns of the window."""
        return {"window_end": self.end.replace(tzinfo=None), "window_minutes": self.minutes}

    @property
    def block(self) -> int:
        """Seconds a block."""
        return SESSION_BLOCK if self.is_session else WINDOW_BLOCK


class GroupTables(NamedTuple):
    """Rows of model.cointegration_tests, model.information_shares and model.lead_tests."""

    ranks: pl.DataFrame
    shares: pl.DataFrame
    tests: pl.DataFrame


def windows_of(hours: Session, minutes: int) -> list[Window]:
    """The whole session and, side by side, its windows of `minutes`."""
    edges = seconds_of(hours)
    whole = len(edges) // 60
    found = [Window(0, len(edges), hours.close, whole, True)]
    if minutes < whole:
        for last in range(minutes * 60, len(edges) + 1, minutes * 60):
            end = datetime.fromtimestamp(int(edges[last - 1]) // SECOND_NS, hours.open.tzinfo)
            found.append(Window(last - minutes * 60, last, end, minutes, False))
    return found


def measure_groups(
    ticks: pl.DataFrame,
    baskets: pl.DataFrame,
    groups: tuple[Group, ...],
    hours: Session,
    day: date,
    window_minutes: int,
    seed: int,
) -> GroupTables:
    """Estimate shares and test leads of every group in every window of one day.

    Parameters
    ----------
    ticks
        Rows of features.mid_ticks (ticker, ts, log_mid_price) of one day.
    baskets
        Rows of raw.etf_baskets; may be empty.
    groups
        Groups with one common trend each.
    hours
        Regular hours.
    day
        Date; with `seed` and the group it names the bootstrap's random numbers.
    window_minutes
        Width of the windows beside the whole session.
    seed
        Seed of the warehouse.

    Notes
    -----
    A leader must win by ticks and by the grid (see `confirm`). A group whose member has no prices
    gets rows with status `no_data`.
    """
    series = by_ticker(ticks)
    edges = seconds_of(hours)
    ranks: list[Row] = []
    shares: list[Row] = []
    tests: list[Row] = []
    for group in groups:
        members = group_series(group, series, baskets)
        rng = generator(seed, day, group.name)
        for window in windows_of(hours, window_minutes):
            label = {**window.label, "group_name": group.name}
            if members is None:
                names = [member.ticker for member in group.members]
                shares += [{**label, "ticker": name, "status": "no_data"} for name in names]
                continue
            own = edges[window.first : window.last]
            levels = np.column_stack([member.on_grid(own) for member in members.values()])
            estimate = group_shares(levels, rng, block=window.block)
            found, leader = _test_pairs(members, levels, own, window)
            ranks += [{**label, **row} for row in _rank_rows(estimate)]
            shares += [{**label, **row} for row in _share_rows(estimate, list(members), leader)]
            tests += [{**label, **row} for row in found]
    return GroupTables(
        frame_of(model_leadership.COINTEGRATION_TESTS, ranks),
        frame_of(model_leadership.INFORMATION_SHARES, shares),
        frame_of(model_leadership.LEAD_TESTS, tests),
    )


class _Pair(NamedTuple):
    """Tests of one pair of members by one method; a positive z means that the first leads."""

    first: int
    second: int
    test: LeadTest
    stale_share: float


def _test_pairs(
    members: dict[str, Series], levels: Array, edges: NDArray[np.int64], window: Window
) -> tuple[list[Row], str | None]:
    """Rows of all ordered pairs by both methods, and the leader by both together."""
    names = list(members)
    fresh = np.column_stack([member.fresh(edges) for member in members.values()])
    start, end = int(edges[0]) - SECOND_NS, int(edges[-1])
    inside = [member.between(start, end) for member in members.values()]
    blocks = np.arange(start, end + 1, window.block * SECOND_NS)
    returns = np.diff(levels, axis=0)
    by_method: dict[str, list[_Pair]] = {"hayashi_yoshida": [], "grid": []}
    both: list[_Pair] = []
    for i, j in combinations(range(len(names)), 2):
        stale = 1.0 - float((fresh[:, i] & fresh[:, j]).mean())
        on_ticks = tick_lead_test(inside[i], inside[j], blocks)
        on_grid = grid_lead_test(returns[:, i], returns[:, j], GRID_REACH, window.block)
        by_method["hayashi_yoshida"].append(_Pair(i, j, on_ticks, stale))
        by_method["grid"].append(_Pair(i, j, on_grid, stale))
        both.append(_Pair(i, j, confirm(on_ticks, on_grid), stale))
    leader = _leader(both, len(names))
    rows = [
        row
        for method, pairs in by_method.items()
        for pair in pairs
        for row in _test_rows(pair, names, method, leader)
    ]
    return rows, None if leader is None else names[leader]


def _leader(pairs: list[_Pair], n: int) -> int | None:
    z, p_value = np.full((n, n), np.nan), np.full((n, n), np.nan)
    for first, second, test, _ in pairs:
        z[first, second], z[second, first] = test.z, -test.z
        p_value[first, second] = p_value[second, first] = test.p_value
    return find_leader(z, p_value)


def _test_rows(pair: _Pair, names: list[str], method: str, leader: int | None) -> Iterator[Row]:
    """The pair in both orders."""
    test = pair.test
    reach = GRID_REACH if method == "grid" else TICK_LAGS_NS[-1] / SECOND_NS
    for sign, (i, j) in ((1.0, (pair.first, pair.second)), (-1.0, (pair.second, pair.first))):
        yield {
            "leader": names[i],
            "follower": names[j],
            "method": method,
            "reach_seconds": float(reach),
            "asymmetry": known(sign * test.asymmetry),
            "z": known(sign * test.z),
            "p_value": known(test.p_value),
            "n_blocks": test.n_blocks,
            "stale_share": pair.stale_share,
            "status": test.status,
            "is_leader": None if leader is None or test.status != "ok" else i == leader,
        }


def _rank_rows(estimate: GroupShares) -> Iterator[Row]:
    trace_95, max_95 = critical_values_95(len(estimate.trace), "constant")
    tested = "ok" if estimate.status == "no_cointegration" else estimate.status
    for r in range(len(estimate.trace)):
        yield {
            "null_rank": r,
            "eigenvalue": known(estimate.eigenvalues[r]),
            "trace_statistic": known(estimate.trace[r]),
            "trace_critical_95": known(trace_95[r]),
            "max_eigen_statistic": known(estimate.max_eigen[r]),
            "max_eigen_critical_95": known(max_95[r]),
            "n_obs": estimate.n_obs,
            "status": tested,
        }


def _share_rows(estimate: GroupShares, names: list[str], leader: str | None) -> Iterator[Row]:
    shares = estimate.shares
    is_ok = estimate.status == "ok"
    for i, name in enumerate(names):
        yield {
            "ticker": name,
            "status": estimate.status,
            "rank": estimate.rank,
            "is_lower": known(shares.lower[i]),
            "is_upper": known(shares.upper[i]),
            "is_width": known(shares.width[i]),
            "is_mean": known(shares.mean[i]),
            "is_modified": known(shares.modified[i]),
            "is_diagonal": known(shares.diagonal[i]),
            "component_share": known(shares.component[i]),
            "leadership_share": known(shares.leadership[i]),
            "leadership_index": known(shares.leadership_index[i]),
            # with one common trend every price carries the whole of it
            "trace_share": 1.0 / len(names) if is_ok else None,
            "band_low": known(estimate.band_low[i]),
            "band_high": known(estimate.band_high[i]),
            "n_obs": estimate.n_obs,
            "is_leader": None if leader is None or not is_ok else name == leader,
        }


def known(number: float) -> float | None:
    """A float, or None for a NaN or an infinity."""
    return float(number) if np.isfinite(number) else None


def generator(*name: object) -> np.random.Generator:
    """A generator named by what it is for, the same on every machine and in any order."""
    text = "|".join(str(part) for part in name)
    return np.random.default_rng(int.from_bytes(blake2b(text.encode(), digest_size=8).digest()))
