"""One-second quotes: the slow twin, late quotes, ties, and independence of the blocks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.second_quotes import (
    SECOND_NS,
    OpenSeconds,
    SecondQuotes,
    last_of_seconds,
    still_open,
)

NAMES = 5


def quotes(rng: np.random.Generator, rows: int, by_time: bool) -> tuple[np.ndarray, ...]:
    """Random quotes, in order of time within each name."""
    name = rng.integers(0, NAMES, rows).astype(np.int32)
    ts = np.sort(rng.integers(0, 40 * SECOND_NS, rows))
    order = np.argsort(ts, kind="stable") if by_time else np.lexsort((ts, name))
    sequence = np.arange(rows)
    bid = rng.integers(1, 1000, rows)
    return name[order], ts[order], sequence, bid, bid + 1


def slow(name: np.ndarray, ts: np.ndarray, bid: np.ndarray) -> dict[tuple[int, int], int]:
    """The definition: the last bid of each name in each second, quotes in order."""
    found: dict[tuple[int, int], int] = {}
    for who, when, price in zip(name.tolist(), ts.tolist(), bid.tolist(), strict=True):
        found[who, when // SECOND_NS] = price
    return found


def run(columns: tuple[np.ndarray, ...], block: int) -> tuple[dict[tuple[int, int], int], int]:
    state, parts, late = OpenSeconds.of(NAMES), [], 0
    for start in range(0, len(columns[0]), block):
        closed, is_late = last_of_seconds(*(c[start : start + block] for c in columns), state)
        parts.append(closed)
        late += int(is_late.sum())
    parts.append(still_open(state))
    joined = SecondQuotes(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    keys = list(zip(joined.name.tolist(), joined.second.tolist(), strict=True))
    assert len(set(keys)) == len(keys)
    assert (joined.ask == joined.bid + 1).all()
    return dict(zip(keys, joined.bid.tolist(), strict=True)), late


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.booleans())
def test_last_quote_of_each_second_whatever_the_blocks(
    seed: int, block: int, by_time: bool
) -> None:
    columns = quotes(np.random.default_rng(seed), 50, by_time)
    found, late = run(columns, block)
    assert found == slow(columns[0], columns[1], columns[3])
    assert late == 0


def test_a_second_holds_its_left_end_and_not_its_right() -> None:
    ts = np.array([0, SECOND_NS - 1, SECOND_NS])
    columns = (np.zeros(3, np.int32), ts, np.arange(3), np.array([1, 2, 3]), np.array([2, 3, 4]))
    assert run(columns, 3)[0] == {(0, 0): 2, (0, 1): 3}


def test_time_decides_then_the_sequence_number_then_the_order_of_the_file() -> None:
    ts, sequence = np.array([5, 9, 7, 9, 9, 9]), np.array([1, 4, 9, 3, 4, 2])
    bid = np.array([10, 20, 30, 40, 50, 60])
    assert run((np.zeros(6, np.int32), ts, sequence, bid, bid + 1), 2)[0] == {(0, 0): 50}


def test_a_quote_of_a_closed_second_is_late_and_changes_nothing() -> None:
    ts = np.array([1, SECOND_NS + 1, 2])
    bid = np.array([10, 20, 99])
    found, late = run((np.zeros(3, np.int32), ts, np.arange(3), bid, bid + 1), 3)
    assert (found, late) == ({(0, 0): 10, (0, 1): 20}, 1)


def test_arguments_are_checked() -> None:
    with pytest.raises(ValueError, match="names=0"):
        OpenSeconds.of(0)
    empty = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="lengths"):
        last_of_seconds(np.zeros(1, np.int32), empty, empty, empty, empty, OpenSeconds.of(1))
