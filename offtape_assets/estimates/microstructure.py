"""From raw prints and quotes of one ticker and day to its four feature tables.

Names and units of the columns are given here; the measures themselves are in quant.
"""

from decimal import Decimal
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.ticks import (
    CleanPrints,
    CleanQuotes,
    clean_prints,
    clean_quotes,
    nanoseconds,
)
from offtape_assets.market.calendar import Session
from offtape_assets.quant.microstructure import (
    MINUTE_NS,
    QuoteBuckets,
    TradeBuckets,
    bucket_quotes,
    bucket_trades,
)
from offtape_assets.quant.mid_price import PER_DOLLAR
from offtape_assets.quant.price_attribution import attribute_changes, share_variance
from offtape_assets.quant.trade_signing import ROUTES, SignedPrints, sign_prints

__all__ = ["REALIZED_AFTER_NS", "Microstructure", "measure_microstructure"]

REALIZED_AFTER_NS = 5 * MINUTE_NS
"""How long after a print the realized spread looks at the mid."""

NS_PER_MS = 1_000_000
MILLIONTH = Decimal("0.000001")


class Microstructure(NamedTuple):
    """One frame per feature table, and how many prints carried an unknown condition."""

    signed_trades: pl.DataFrame
    microstructure_1m: pl.DataFrame
    price_attribution_1m: pl.DataFrame
    price_attribution_1d: pl.DataFrame
    unknown_conditions: int


def measure_microstructure(
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    conditions: pl.DataFrame,
    hours: Session,
    flow_sign: Literal["quote_rule", "lee_ready"] = "quote_rule",
    attribution_window_ms: float = 50.0,
) -> Microstructure:
    """Sign the prints of one ticker and day and sum them up by the minute.

    Parameters
    ----------
    trades, quotes, conditions
        Rows of raw.trades and raw.quotes of one ticker and day, and raw.trade_conditions.
    hours
        Regular hours of the day: minutes cover them; signed trades cover the whole day.
    flow_sign
        Direction that signs the flow columns.
    attribution_window_ms
        Half-width of the window that links a print to a change of the mid.

    Raises
    ------
    ValueError
        If `flow_sign` is none of the two, or the window is negative.

    Notes
    -----
    Counts, volumes, flow and the ISO and odd-lot shares of a minute run over the prints that count
    in regular-hours volume. `realized_spread` uses the mid five minutes after each print, so it is
    known only then; it is NULL where that would be at or after the close. `slippage` and
    `slippage_normalized` are the same under both signing rules: they differ only where P = M or
    there is no M.
    """
    if flow_sign not in ("quote_rule", "lee_ready"):
        raise ValueError(f"flow_sign = {flow_sign!r} must be 'quote_rule' or 'lee_ready'")
    clean, book = clean_prints(trades, conditions, hours), clean_quotes(quotes)
    prints = clean.prints
    signed = sign_prints(
        prints.ts, prints.price, prints.is_signable, *book, horizon_ns=REALIZED_AFTER_NS
    )
    changes, shares = _attribution(clean, book, hours, attribution_window_ms)
    return Microstructure(
        signed_trades=_signed_frame(clean, signed),
        microstructure_1m=_minute_frame(
            hours,
            bucket_quotes(*book, *_bounds(hours)),
            _trades_by_minute(clean, signed, hours, getattr(signed, flow_sign)),
        ),
        price_attribution_1m=changes,
        price_attribution_1d=shares,
        unknown_conditions=clean.unknown_conditions,
    )


def _bounds(hours: Session) -> tuple[int, int]:
    return nanoseconds(hours.open), nanoseconds(hours.close)


def _signed_frame(clean: CleanPrints, signed: SignedPrints) -> pl.DataFrame:
    prints = clean.prints
    mid = np.where(signed.twice_mid > 0, signed.twice_mid / (2 * PER_DOLLAR), np.nan)
    return clean.rows.select("ts", "price", "size").with_columns(
        pl.Series("is_iso", prints.is_iso),
        pl.Series("is_odd_lot", prints.is_odd_lot),
        pl.Series("is_signable", prints.is_signable),
        _dollars("bid_price", signed.bid),
        _dollars("ask_price", signed.ask),
        _known("mid_price", mid),
        pl.Series("sign_quote_rule", signed.quote_rule),
        pl.Series("sign_lee_ready", signed.lee_ready),
        pl.Series("sign_route", ROUTES).gather(signed.route),
    )


def _trades_by_minute(
    clean: CleanPrints, signed: SignedPrints, hours: Session, direction: NDArray[np.int8]
) -> TradeBuckets:
    is_in_session = clean.prints.ts + REALIZED_AFTER_NS < nanoseconds(hours.close)
    later = np.where(is_in_session, signed.twice_mid_later, 0)
    return bucket_trades(
        clean.prints, signed.twice_mid, later, direction, signed.lee_ready, *_bounds(hours)
    )


def _minute_frame(hours: Session, quotes: QuoteBuckets, trades: TradeBuckets) -> pl.DataFrame:
    return pl.DataFrame(
        [
            _labels(hours),
            _known("log_mid", np.log(quotes.mean_mid)),
            pl.Series("quote_updates", quotes.price_changes),
            _known("avg_rsprd", quotes.mean_relative_spread),
            _share("pct_trades_iso", trades.iso_trades, trades.trades),
            _share("pct_volume_iso", trades.iso_volume, trades.volume),
            pl.Series("total_flow_non_iso", trades.flow - trades.iso_flow),
            pl.Series("total_flow_iso", trades.iso_flow),
            pl.Series("num_trades", trades.trades),
            pl.Series("num_trades_iso", trades.iso_trades),
            pl.Series("total_volume", trades.volume),
            pl.Series("total_flow", trades.flow),
            _share("iso_flow_intensity", trades.iso_flow, trades.volume),
            _known("last_mid", quotes.last_mid),
            _known("time_weighted_rsprd", quotes.time_weighted_relative_spread),
            pl.Series("slippage", trades.slippage),
            _share("slippage_normalized", trades.slippage, quotes.mean_spread / 2),
            _known("effective_spread", trades.effective_spread),
            _known("realized_spread", trades.realized_spread),
            _share("iso_signed_share", trades.iso_signed_volume, trades.volume),
            _share("odd_lot_share", trades.odd_lot_volume, trades.volume),
            _share("sign_coverage", trades.lee_ready_volume, trades.signable_volume),
        ]
    )


def _attribution(
    clean: CleanPrints, book: CleanQuotes, hours: Session, window_ms: float
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Minutes and the day; only signable prints are live events that can move a quote."""
    live = clean.prints.ts[clean.prints.is_signable]
    changes = attribute_changes(*book, live, round(window_ms * NS_PER_MS), *_bounds(hours))
    shares = share_variance(changes)
    minutes = pl.DataFrame(
        [
            _labels(hours),
            _known("mid_change", changes.total),
            _known("quote_change", changes.quote_part),
            _known("trade_change", changes.trade_part),
        ]
    )
    day = pl.DataFrame(
        [
            _known("omega_quote", np.array([shares.quote])),
            _known("omega_trade", np.array([shares.trade])),
            _known("omega_covariance", np.array([shares.covariance])),
            pl.Series("window_ms", [float(window_ms)]),
            pl.Series("status", [shares.status]),
        ]
    )
    return minutes, day


def _labels(hours: Session) -> pl.Series:
    """Right ends T of the session's minutes."""
    opened, closed = _bounds(hours)
    ends = np.arange(opened + MINUTE_NS, closed + MINUTE_NS, MINUTE_NS)
    return pl.Series("bucket", ends // 1000).cast(pl.Datetime("us"))


def _known(name: str, values: NDArray[np.float64]) -> pl.Series:
    return pl.Series(name, values, nan_to_null=True)


def _share(name: str, part: NDArray, whole: NDArray) -> pl.Series:
    """`part / whole`, NULL where the whole is empty or unknown."""
    ratio = np.full(whole.shape, np.nan)
    return _known(name, np.divide(part, whole, out=ratio, where=whole > 0))


def _dollars(name: str, millionths: NDArray[np.int64]) -> pl.Series:
    """Exact decimals; NULL where the side is absent."""
    whole = pl.Series(name, millionths).cast(pl.Decimal(38, 0))
    scaled = (whole * MILLIONTH).cast(pl.Decimal(18, 6))
    return scaled.set(pl.Series(millionths <= 0), None)
