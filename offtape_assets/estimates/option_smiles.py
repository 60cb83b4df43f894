"""Option quotes to volatilities: the snapshot grid, why a quote is rejected, forwards from parity,
early exercise, implied volatility and greeks. One row in, one row out: nothing is dropped.
"""

import itertools
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.market.calendar import NEW_YORK, Session, is_session, session
from offtape_assets.quant.american import early_exercise_premium
from offtape_assets.quant.black_scholes import greeks
from offtape_assets.quant.implied_vol import implied_vol
from offtape_assets.quant.parity import ParityForward, parity_forward

Array = NDArray[np.float64]
SEED_RATE = 0.05431  # per year, continuously compounded (seeds 1 and 2)
RATE_SD = 0.01  # per year: how far financing may be from the bill, dividends left to the forward
YEAR_SECONDS = 365 * 86_400
TICK_USD = 0.01
EXERCISE_STEPS = 4  # rounds of premium and forward; each leaves a third of the error deep inside
DOMINATED_SHARE = 0.2
DAYS_AFTER_EVENT = 7  # the seed's expiry is the first at least a week after the event
_KEY = ["ts", "expiry", "strike", "option_right"]
_COLUMNS = [
    "ts",
    "expiry",
    "strike",
    "option_right",
    "log_moneyness",
    "bid_price",
    "ask_price",
    "microprice",
    "price_sd",
    "early_exercise_premium",
    "implied_vol",
    "implied_vol_sd",
    "delta",
    "gamma",
    "vega",
    "forward",
    "forward_sd",
    "discount",
    "tau_years",
    "is_out_of_the_money",
    "parity_residual",
    "status",
]


@dataclass(frozen=True)
class SmileSettings:
    """What decides which quotes are read and how.

    `expiries` empty: the first at least a week after the event or, where the chain has none (another
    year's chain), after the day. `risk_free_rate` None: the bills, else the seed's.
    """

    day: date
    event_date: date
    expiries: tuple[date, ...]
    snapshot_minutes: int
    risk_free_rate: float | None
    is_american: bool


def measure_option_smiles(
    quotes: pl.DataFrame, bills: pl.DataFrame, hours: Session, settings: SmileSettings
) -> pl.DataFrame:
    """Rows of features.option_smiles of one ticker and date.

    Parameters
    ----------
    quotes
        Rows of raw.option_quotes.
    bills
        Rows of raw.treasury_bills, may be empty.
    hours
        The session; quotes outside it are not on the grid.
    settings
        Expiries, grid, rate and exercise.

    Returns
    -------
    One row per option and grid instant with a quote no older than one step. `status`: ok, no_bid,
    no_ask, crossed, zero_size, expired, no_forward, dominated, below_intrinsic, above_maximum,
    bad_input, not_converged.
    """
    wanted = chosen_expiries(quotes["expiry"].unique().to_list(), settings)
    rows = _on_grid(quotes.filter(pl.col("expiry").is_in(wanted)), hours, settings)
    rows = _microprices(rows).with_columns(_tau(rows))
    rows = rows.with_columns(_verdict())
    return _with_volatilities(rows, _rates(rows, bills, settings), settings).select(_COLUMNS)


def chosen_expiries(listed: list[date], settings: SmileSettings) -> list[date]:
    """The configured expiries or the default one among those listed."""
    if settings.expiries:
        return [expiry for expiry in listed if expiry in settings.expiries]
    for start in (max(settings.event_date, settings.day), settings.day):
        later = [e for e in listed if e >= start + timedelta(days=DAYS_AFTER_EVENT)]
        if later:
            return [min(later)]
    return [max(listed)] if listed else []


def _on_grid(quotes: pl.DataFrame, hours: Session, settings: SmileSettings) -> pl.DataFrame:
    """The last quote of each option in (T - step, T] for each T of the session's grid.

    The close ends the grid, after a shorter step where the step does not divide the session.
    """
    opened, closed = (stamp.replace(tzinfo=None) for stamp in hours)
    step = timedelta(minutes=settings.snapshot_minutes)
    since = (pl.col("ts").cast(pl.Datetime("us")) - opened).dt.total_microseconds()
    ticks = (since / (step.total_seconds() * 1e6)).ceil().cast(pl.Int64)
    whole = (pl.lit(opened) + ticks * pl.lit(step)).cast(pl.Datetime("us"))
    grid = pl.min_horizontal(whole, pl.lit(closed, pl.Datetime("us"))).alias("ts")
    return (
        quotes.filter(pl.col("ts").is_between(opened, closed, closed="right"))
        .sort("ts", maintain_order=True)
        .with_columns(
            grid,
            *(pl.col(n).cast(pl.Float64) for n in ("strike", "bid_price", "ask_price")),
            pl.col("underlying_price").cast(pl.Float64),
        )
        .unique(_KEY, keep="last", maintain_order=True)
        .sort(_KEY)
    )


def _microprices(rows: pl.DataFrame) -> pl.DataFrame:
    """Microprice and its sd; the plain mid with sd spread/sqrt(12) where the vendor has no sizes."""
    bid, ask = pl.col("bid_price"), pl.col("ask_price")
    bid_size, ask_size = pl.col("bid_size"), pl.col("ask_size")
    total = (bid_size + ask_size).cast(pl.Float64)
    is_sized = bid_size.is_not_null() & ask_size.is_not_null() & (total > 0)
    weighted = (ask_size * bid + bid_size * ask) / total
    contracts = pl.when(is_sized).then(total).otherwise(1.0)
    variance = (ask - bid) ** 2 / (12.0 * contracts) + TICK_USD**2 / 12.0
    return rows.with_columns(
        microprice=pl.when(is_sized).then(weighted).otherwise((bid + ask) / 2.0),
        price_sd=variance.sqrt(),
    )


def _tau(rows: pl.DataFrame) -> pl.Expr:
    """Years to the close of the expiry day."""
    closes = {expiry: _expiry_close(expiry) for expiry in rows["expiry"].unique()}
    close = pl.col("expiry").replace_strict(closes, return_dtype=pl.Datetime("us"))
    left = (close - pl.col("ts")).dt.total_microseconds() / (YEAR_SECONDS * 1e6)
    return left.alias("tau_years")


def _expiry_close(expiry: date) -> datetime:
    if is_session(expiry):
        return session(expiry).close.replace(tzinfo=None)
    evening = datetime(expiry.year, expiry.month, expiry.day, 16, tzinfo=NEW_YORK)
    return evening.astimezone(UTC).replace(tzinfo=None)


def _verdict() -> pl.Expr:
    bid, ask = pl.col("bid_price"), pl.col("ask_price")
    return (
        pl.when(bid.is_null() | (bid <= 0))
        .then(pl.lit("no_bid"))
        .when(ask.is_null() | (ask <= 0))
        .then(pl.lit("no_ask"))
        .when(bid > ask)
        .then(pl.lit("crossed"))
        .when((pl.col("bid_size") == 0) | (pl.col("ask_size") == 0))
        .then(pl.lit("zero_size"))
        .when(pl.col("tau_years") <= 0)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("ok"))
        .alias("status")
    )


def _rates(rows: pl.DataFrame, bills: pl.DataFrame, settings: SmileSettings) -> Array:
    """Continuously compounded rate of each row's maturity."""
    tau = rows["tau_years"].to_numpy()
    if settings.risk_free_rate is not None:
        return np.full(tau.size, settings.risk_free_rate)
    if bills.is_empty():
        return np.full(tau.size, SEED_RATE)
    curve = bills.sort("tenor_days")
    simple = np.interp(tau * 365, curve["tenor_days"].to_numpy(), curve["rate"].to_numpy())
    years = np.maximum(tau, 1 / 365)
    return np.log1p(simple * years) / years


class _Book(NamedTuple):
    """The rows' prices as arrays (row,); `starts` bounds the groups of one expiry and instant."""

    strike: Array
    price: Array
    half_width: Array
    tau: Array
    rate: Array
    spot: Array
    is_call: NDArray[np.bool_]
    usable: NDArray[np.bool_]
    starts: NDArray[np.int64]


def _book(rows: pl.DataFrame, rate: Array) -> _Book:
    half_width = (rows["ask_price"] - rows["bid_price"]).abs() / 2.0 + TICK_USD
    return _Book(
        rows["strike"].to_numpy(),
        rows["microprice"].to_numpy(),
        half_width.to_numpy(),
        rows["tau_years"].to_numpy(),
        rate,
        rows["underlying_price"].to_numpy(),
        (rows["option_right"] == "C").to_numpy(),
        (rows["status"] == "ok").to_numpy(),
        _group_starts(rows),
    )


def _with_volatilities(rows: pl.DataFrame, rate: Array, settings: SmileSettings) -> pl.DataFrame:
    """Forward by expiry and instant, then everything that needs one."""
    book = _book(rows, rate)
    premium = np.zeros(rows.height)
    forward, forward_sd, discount, residual = _forwards(book, book.price)
    for _ in range(EXERCISE_STEPS if settings.is_american else 0):
        premium = _early_exercise(book, premium, forward)
        forward, forward_sd, discount, residual = _forwards(book, book.price - premium)
    status = rows["status"].to_numpy().astype(object)
    status[book.usable & ~np.isfinite(forward)] = "no_forward"
    status[(status == "ok") & _dominated(rows, forward)] = "dominated"
    usable = status == "ok"
    option = (forward, book.strike, book.tau, discount)
    inverted = implied_vol(book.price - premium, *option, book.is_call)
    status[usable] = inverted.status[usable]
    good = status == "ok"
    vol = np.where(good, inverted.vol, np.nan)
    sensitivity = greeks(*option, vol, book.is_call)
    with np.errstate(divide="ignore", invalid="ignore"):
        vol_sd = rows["price_sd"].to_numpy() / sensitivity.vega
        log_moneyness = np.log(book.strike / forward)
    outside = np.where(book.is_call, book.strike >= forward, book.strike < forward)
    figures = {
        "log_moneyness": log_moneyness,
        "early_exercise_premium": np.where(good, premium, np.nan),
        "implied_vol": vol,
        "implied_vol_sd": np.where(np.isfinite(vol_sd), vol_sd, np.nan),
        **sensitivity._asdict(),
        "forward": forward,
        "forward_sd": forward_sd,
        "discount": discount,
        "parity_residual": residual,
    }
    return rows.with_columns(
        *(pl.Series(name, values, nan_to_null=True) for name, values in figures.items()),
        pl.Series("is_out_of_the_money", outside),
        pl.Series("status", status.tolist(), dtype=pl.String),
    )


def _dominated(rows: pl.DataFrame, forward: Array) -> NDArray[np.bool_]:
    """Out-of-the-money rows whose bid is above the ask of the same right nearer the money.

    The law forbids it, so one of the two quotes is wrong; with more than DOMINATED_SHARE of a side
    affected it is taken to be the ask, and none is named.
    """
    side = ["ts", "expiry", "option_right"]
    distance = (pl.col("strike").log() - pl.col("forward").log()).abs()
    is_call = pl.col("option_right") == "C"
    outside = is_call == (pl.col("strike") >= pl.col("forward"))
    best = pl.col("ask_price").cum_min().forward_fill().shift().over(side, order_by="distance")
    marked = (
        rows.select(*side, "strike", "bid_price", "ask_price")
        .with_columns(pl.Series("forward", forward, nan_to_null=True))
        .with_row_index("row")
        .filter(outside)
        .with_columns(distance=distance)
        .with_columns(is_dominated=(pl.col("bid_price") > best).fill_null(False))
        .with_columns(share=pl.col("is_dominated").mean().over(side))
        .filter(pl.col("is_dominated") & (pl.col("share") <= DOMINATED_SHARE))
    )
    found = np.zeros(rows.height, dtype=bool)
    found[marked["row"].to_numpy()] = True
    return found


def _group_starts(rows: pl.DataFrame) -> NDArray[np.int64]:
    """First row of each (ts, expiry), then the number of rows."""
    change = rows.select(
        ((pl.col("ts") != pl.col("ts").shift()) | (pl.col("expiry") != pl.col("expiry").shift()))
        .fill_null(True)
        .alias("change")
    )["change"]
    return np.append(np.flatnonzero(change.to_numpy()), rows.height).astype(np.int64)


def _forwards(book: _Book, price: Array) -> tuple[Array, Array, Array, Array]:
    """Forward, its sd, discount and parity residual of every row; NaN where its expiry has none."""
    forward, forward_sd, discount, residual = (np.full(price.size, np.nan) for _ in range(4))
    for first, last in itertools.pairwise(book.starts):
        here = np.arange(first, last)[book.usable[first:last]]
        if here.size == 0:
            continue
        found, pairs = _parity(book, here, price)
        forward[first:last], forward_sd[first:last] = found.forward, found.forward_sd
        discount[first:last] = found.discount
        for side in pairs:
            residual[side] = found.residual
    return forward, forward_sd, discount, residual


def _parity(
    book: _Book, here: NDArray[np.int64], price: Array
) -> tuple[ParityForward, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Parity over the strikes that have both rights; rows of the calls and of the puts.

    The noise of a price is taken as uniform over its spread: displayed sizes, which price_sd leans
    on, say nothing of where in the spread the value is.
    """
    calls, puts = here[book.is_call[here]], here[~book.is_call[here]]
    strike, tau = book.strike, float(book.tau[here[0]])
    _, at_call, at_put = np.intersect1d(strike[calls], strike[puts], return_indices=True)
    calls, puts = calls[at_call], puts[at_put]
    found = parity_forward(
        strike[calls],
        price[calls],
        price[puts],
        (book.half_width[calls] ** 2 + book.half_width[puts] ** 2) / 3.0,
        float(np.exp(-book.rate[here[0]] * tau)),
        RATE_SD * tau + 1e-6,
    )
    return found, (calls, puts)


def _early_exercise(book: _Book, premium: Array, forward: Array) -> Array:
    """Early-exercise premium at the volatility that the last one leaves; 0 where there is none.

    The rate is the bills', not parity's: the premium moves parity, and must not feed on it. Held to
    the time value less half the spread, so that a deep option keeps a European premium.
    """
    discount = np.exp(-book.rate * book.tau)
    prepaid = discount * forward
    is_near = np.isfinite(book.spot) & (np.abs(book.spot / prepaid - 1) < 0.1)
    spot = np.where(is_near, book.spot, prepaid)
    inside = np.where(book.is_call, forward - book.strike, book.strike - forward)
    intrinsic = discount * np.maximum(inside, 0.0)
    room = np.nan_to_num(np.maximum(book.price - intrinsic - book.half_width, 0.0), nan=0.0)
    option = (forward, book.strike, book.tau, discount)
    european = implied_vol(book.price - premium, *option, book.is_call).vol
    vol = np.where(book.usable, european, np.nan)
    found = early_exercise_premium(spot, *option, vol, book.is_call)
    return np.minimum(np.nan_to_num(found, nan=0.0), room)
