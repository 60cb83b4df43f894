"""Raw prints and quotes of one ticker and day as integer arrays, cleaned by their conditions.

What a condition id allows comes from raw.trade_conditions and market.conditions; nothing is
measured here.
"""

from datetime import datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.market.calendar import Session
from offtape_assets.market.conditions import ODD_LOT, QUOTE_CONDITIONS_WITHOUT_SIDES
from offtape_assets.quant.condition_flags import combine_flags
from offtape_assets.quant.microstructure import Prints
from offtape_assets.quant.mid_price import PER_DOLLAR

__all__ = ["CleanPrints", "CleanQuotes", "clean_prints", "clean_quotes", "nanoseconds"]

UNSIGNED = 1
NOT_IN_REGULAR_VOLUME = 2
NOT_IN_EXTENDED_VOLUME = 4
ISO = 8
IN_ODD_LOT = 16
UNKNOWN = 32

SIDES = ("bid", "ask")
ROUND_LOT_SHARES = 100
LATE_NS = 10_000_000_000
"""FINRA's limit for a timely report."""


class CleanPrints(NamedTuple):
    """Prints that are trades, as rows of raw.trades and as arrays of the same order."""

    rows: pl.DataFrame
    prints: Prints
    unknown_conditions: int
    """Prints left unsigned because they carry an id that raw.trade_conditions does not know."""


class CleanQuotes(NamedTuple):
    """Quotes in the order they became public, shape (m,)."""

    ts: NDArray[np.int64]
    """Nanoseconds."""
    bid: NDArray[np.int64]
    """Millionths of a dollar; 0 where the side is absent or without force."""
    ask: NDArray[np.int64]


def clean_prints(trades: pl.DataFrame, conditions: pl.DataFrame, hours: Session) -> CleanPrints:
    """Keep the prints that are trades and say what each may be used for.

    Parameters
    ----------
    trades, conditions
        Rows of raw.trades (one ticker and day) and raw.trade_conditions.
    hours
        Regular hours: a print that counts in extended volume only (Form T) is a trade outside
        them and a late report within them.

    Notes
    -----
    Out: corrected, cancelled and error records (correction other than 0) and prints that count in
    no volume. Kept but not signed: ids that forbid it, unknown ids, prints that reached the tape
    more than ten seconds after they were executed.
    """
    trades = _in_public_order(trades)
    flags = _flags(trades["conditions"], _sale_flags(conditions), UNSIGNED | UNKNOWN)
    nowhere = NOT_IN_REGULAR_VOLUME | NOT_IN_EXTENDED_VOLUME
    is_trade = (trades["correction"].fill_null(0) == 0).to_numpy() & (flags & nowhere != nowhere)
    rows, flags = trades.filter(is_trade), flags[is_trade]
    ts = _instants(rows["ts"])
    size = _millionths(rows["size"])
    is_regular = (ts >= nanoseconds(hours.open)) & (ts < nanoseconds(hours.close))
    forbidden = np.where(is_regular, NOT_IN_REGULAR_VOLUME, NOT_IN_EXTENDED_VOLUME)
    counts = flags & forbidden == 0
    executed = _instants(rows["participant_ts"])
    is_late = (executed > 0) & (ts - executed > LATE_NS)
    prints = Prints(
        ts=ts,
        price=_millionths(rows["price"]),
        size=size,
        is_iso=flags & ISO > 0,
        is_odd_lot=(flags & IN_ODD_LOT > 0) | (size < ROUND_LOT_SHARES * PER_DOLLAR),
        is_signable=(flags & UNSIGNED == 0) & counts & ~is_late,
        counts_in_volume=counts,
    )
    return CleanPrints(rows, prints, int(np.count_nonzero(flags & UNKNOWN)))


def clean_quotes(quotes: pl.DataFrame) -> CleanQuotes:
    """Take the force from bad sides and keep their rows.

    A side without a positive price and size is absent; both are where a condition says so
    (closed, halted, cancelled). The row stays, or an older quote would come back into force.
    A size that is not recorded does not speak against its price.
    """
    quotes = _in_public_order(quotes)
    barred = np.zeros(max(QUOTE_CONDITIONS_WITHOUT_SIDES) + 1, np.uint8)
    barred[sorted(QUOTE_CONDITIONS_WITHOUT_SIDES)] = 1
    is_barred = _flags(quotes["conditions"], barred, 0) > 0
    return CleanQuotes(
        _instants(quotes["ts"]),
        *(_side(quotes[f"{side}_price"], quotes[f"{side}_size"], is_barred) for side in SIDES),
    )


def nanoseconds(instant: datetime) -> int:
    """Nanoseconds since 1970 of an aware instant of whole seconds."""
    return int(instant.timestamp()) * 1_000_000_000


def _in_public_order(ticks: pl.DataFrame) -> pl.DataFrame:
    if ticks["ts"].is_sorted():
        return ticks
    return ticks.sort("ts", "sequence_number", maintain_order=True)


def _side(price: pl.Series, size: pl.Series, is_barred: NDArray[np.bool_]) -> NDArray[np.int64]:
    absent = is_barred | (size.fill_null(1) <= 0).to_numpy()
    return np.where(absent, 0, np.maximum(_millionths(price), 0))


def _millionths(values: pl.Series) -> NDArray[np.int64]:
    """The integers that DECIMAL(18,6) is stored as; no floating point on the way."""
    decimals = values.cast(pl.Decimal(18, 6))
    return decimals.to_physical().cast(pl.Int64).fill_null(0).to_numpy()


def _instants(stamps: pl.Series) -> NDArray[np.int64]:
    return stamps.cast(pl.Datetime("ns")).to_physical().fill_null(0).to_numpy()


def _flags(lists: pl.Series, flags_of_id: NDArray[np.uint8], unknown: int) -> NDArray[np.uint8]:
    lengths = lists.list.len().fill_null(0).cast(pl.Int64).to_numpy()
    ids = lists.explode(empty_as_null=False, keep_nulls=False).cast(pl.Int16).fill_null(-1)
    return combine_flags(np.append(0, np.cumsum(lengths)), ids.to_numpy(), flags_of_id, unknown)


def _sale_flags(conditions: pl.DataFrame) -> NDArray[np.uint8]:
    """Bit mask by condition id; ids missing from the reference are unknown and unsigned."""
    numbers = conditions["condition"].to_numpy()
    table = np.full(numbers.max(initial=0) + 1, UNSIGNED | UNKNOWN, np.uint8)
    columns = ("is_signable", "counts_in_volume", "counts_in_volume_extended", "is_iso")
    for number, signable, regular, extended, iso in conditions.select(
        "condition", *columns
    ).iter_rows():
        table[number] = (
            UNSIGNED * (not signable)
            | NOT_IN_REGULAR_VOLUME * (not regular)
            | NOT_IN_EXTENDED_VOLUME * (not extended)
            | ISO * bool(iso)
            | IN_ODD_LOT * (number == ODD_LOT)
        )
    return table
