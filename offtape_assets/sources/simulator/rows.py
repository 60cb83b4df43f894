"""Arrays of the tape as frames of raw.trades, raw.quotes and the bars, typed as declared.

Decimals, lists and NULLs are laid out in Arrow's own memory, so no value passes through Python.
"""

import numpy as np
import polars as pl
import pyarrow as pa

from offtape_assets.sources.simulator import prints
from offtape_assets.sources.simulator import tape_kernels as kernels

_MICRODOLLARS = 100
"""Per price unit of 1e-4 dollars."""
QUOTE_CONDITIONS = np.array([(1, 81), (2, 81), (43, 81)], np.int16)
"""Ordinary, one-sided, trading pause."""
_CODES = [list(ids) for ids in prints.CONDITIONS]


def decimals(micros: np.ndarray, is_null: np.ndarray | None = None) -> pa.Array:
    """Millionths as DECIMAL(18,6)."""
    words = np.empty((len(micros), 2), np.int64)
    words[:, 0] = micros
    words[:, 1] = micros >> 63
    return pa.Array.from_buffers(
        pa.decimal128(18, 6), len(micros), [_validity(is_null), pa.py_buffer(words)]
    )


def _validity(is_null: np.ndarray | None) -> pa.Buffer | None:
    if is_null is None or not is_null.any():
        return None
    return pa.py_buffer(np.packbits(~is_null, bitorder="little"))


def _integers(values: np.ndarray, kind: type) -> pa.Array:
    values = np.ascontiguousarray(values, kind)
    arrow = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(arrow, len(values), [None, pa.py_buffer(values)])


def _instants(nanoseconds: np.ndarray) -> pa.Array:
    return _integers(nanoseconds, np.int64).view(pa.timestamp("ns"))


def quote_frame(quotes: np.ndarray, kinds: np.ndarray) -> pl.DataFrame:
    """Rows of raw.quotes from kernel columns; `kinds` index QUOTE_CONDITIONS.

    An absent side has no price, size 0 and venue 0, as in the vendor's files.
    """
    no_bid, no_ask = quotes[kernels.BID] == 0, quotes[kernels.ASK] == 0
    n = quotes.shape[1]
    conditions = pa.ListArray.from_arrays(
        _integers(np.arange(n + 1) * 2, np.int32),
        _integers(QUOTE_CONDITIONS[kinds].ravel(), np.int16),
    )
    table = pa.table({
        "ts": _instants(quotes[kernels.TS]),
        "sequence_number": _integers(quotes[kernels.SEQUENCE], np.int64),
        "bid_price": decimals(quotes[kernels.BID] * _MICRODOLLARS, no_bid),
        "bid_size": _integers(quotes[kernels.BID_SIZE], np.int64),
        "ask_price": decimals(quotes[kernels.ASK] * _MICRODOLLARS, no_ask),
        "ask_size": _integers(quotes[kernels.ASK_SIZE], np.int64),
        "bid_exchange": _integers(quotes[kernels.BID_VENUE] * ~no_bid, np.int16),
        "ask_exchange": _integers(quotes[kernels.ASK_VENUE] * ~no_ask, np.int16),
        "conditions": conditions,
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table))


def trade_frame(trades: np.ndarray, without_conditions: np.ndarray) -> pl.DataFrame:
    """Rows of raw.trades from all prints of a session; the marked rows have NULL conditions."""
    codes = trades[kernels.CODE]
    lengths = np.array([len(ids) for ids in _CODES])
    padded = np.array([ids + [0] * (4 - len(ids)) for ids in _CODES], np.int16)
    wanted = np.arange(4) < lengths[codes][:, None]
    offsets = np.concatenate([[0], np.cumsum(lengths[codes])])
    conditions = pa.Array.from_buffers(
        pa.list_(pa.int16()),
        len(codes),
        [_validity(without_conditions), pa.py_buffer(offsets.astype(np.int32))],
        children=[_integers(padded[codes][wanted], np.int16)],
    )
    table = pa.table({
        "ts": _instants(trades[kernels.TS]),
        "participant_ts": _instants(trades[kernels.PARTICIPANT]),
        "sequence_number": _integers(trades[kernels.SEQUENCE], np.int64),
        "price": decimals(trades[kernels.PRICE] * _MICRODOLLARS),
        "size": decimals(trades[kernels.SIZE] * 1_000_000),
        "exchange": _integers(trades[kernels.VENUE], np.int16),
        "conditions": conditions,
        "correction": _integers(trades[prints.CORRECTION], np.int16),
        "trade_id": _integers(trades[kernels.TRADE_ID], np.int64),
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table)).with_columns(pl.col("trade_id").cast(pl.String))


def initiator_frame(trades: np.ndarray) -> pl.DataFrame:
    """Rows of truth.trade_initiators: the prints that a buyer or a seller started."""
    started = trades[:, trades[kernels.INITIATOR] != 0]
    table = pa.table({
        "ts": _instants(started[kernels.TS]),
        "sequence_number": _integers(started[kernels.SEQUENCE], np.int64),
        "initiator": _integers(started[kernels.INITIATOR], np.int8),
    })  # fmt: skip
    return pl.DataFrame(pl.from_arrow(table))
