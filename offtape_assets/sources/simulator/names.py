"""What is planted in each name: price, volatility, loadings, event laws, lags, liquidity.

The forty study names have figures of their own; any other ticker gets plausible ones derived
from a hash of its spelling. The `reversed` and `null` worlds are the same names with their event
laws exchanged or removed.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from offtape_assets.market.universe import NAMES
from offtape_assets.sources.simulator.streams import generator

FACTORS = ("mkt_rf", "smb", "hml", "rmw", "cma")
FACTOR_DAILY_SD = (0.0085, 0.0045, 0.0055, 0.0035, 0.0035)
NO_LOADINGS = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Planted:
    """The truth about one name. Volatilities are per year, lags in seconds, spread in cents."""

    ticker: str
    price_usd: float
    volume_millions: float
    own_volatility: float
    loadings: tuple[float, ...]
    log_ratio: float = 0.0
    """ln of the mean given yes over the mean given no."""
    volatility_yes: float = 0.3
    volatility_no: float = 0.3
    """After the event is decided, factor risk included."""
    crash_yes: float = 0.0
    crash_no: float = 0.0
    """Log size of a fall that one aftermath in five brings: it makes the laws non-lognormal."""
    trade_share: float = 0.5
    """Share of price variance that arrives with trades; the rest comes by quotes alone."""
    spread_cents: float = 2.0
    odd_lot_share: float = 0.5
    information_lag: int = 0
    """Delay behind factor news (behind the fund's basket, for funds)."""
    late_share: float = 0.0
    """Share of that news which arrives late; the rest arrives at once."""
    event_lag: int = 9
    """Delay behind the event's information; the prediction market itself is 4 s late."""
    weights: tuple[tuple[str, float], ...] = ()
    """Value weights of a fund in study stocks, at the reference prices."""
    multiple_of: str = ""
    multiple: float = 1.0
    """A leveraged fund returns `multiple` times the day's return of `multiple_of`."""
    follows: str = ""
    """The name whose own innovations reach this one `follow_lag` seconds later."""
    follow_lag: int = 0
    follow_loading: float = 0.0


# own volatility, five loadings, log ratio, volatility yes/no, fall yes/no, trade share, spread
_STOCKS = {
    "NVDA": (0.34, (1.75, -0.2, -0.7, 0.5, -0.4), 0.020, 0.46, 0.52, 0.03, 0.05, 0.55, 1.2),
    "TSLA": (0.48, (1.60, 0.1, -0.5, -0.6, -0.3), 0.110, 0.55, 0.68, 0.05, 0.09, 0.60, 3.0),
    "AAPL": (0.17, (1.10, -0.3, -0.2, 0.5, 0.1), -0.008, 0.24, 0.25, 0.02, 0.02, 0.45, 1.1),
    "MSFT": (0.15, (1.05, -0.3, -0.3, 0.4, -0.1), 0.004, 0.22, 0.24, 0.02, 0.03, 0.45, 3.5),
    "AMZN": (0.21, (1.20, -0.2, -0.4, -0.2, -0.5), 0.012, 0.28, 0.31, 0.03, 0.03, 0.50, 1.8),
    "META": (0.24, (1.25, -0.2, -0.4, 0.2, -0.4), -0.010, 0.33, 0.32, 0.03, 0.02, 0.50, 14.0),
    "AMD": (0.38, (1.80, 0.1, -0.6, -0.1, -0.4), 0.008, 0.48, 0.54, 0.05, 0.04, 0.50, 1.6),
    "GOOGL": (0.20, (1.10, -0.3, -0.2, 0.3, -0.3), 0.010, 0.27, 0.28, 0.03, 0.02, 0.50, 1.4),
    "LLY": (0.26, (0.55, -0.3, -0.2, 0.2, 0.0), -0.020, 0.31, 0.28, 0.02, 0.04, 0.40, 55.0),
    "DJT": (0.95, (0.80, 0.9, -0.3, -0.9, 0.0), 0.620, 0.95, 1.60, 0.25, 0.35, 0.70, 4.0),
    "PLTR": (0.45, (1.70, 0.3, -0.7, -0.5, -0.3), 0.040, 0.58, 0.60, 0.06, 0.05, 0.55, 1.1),
    "BRK.B": (0.11, (0.75, -0.2, 0.4, 0.3, 0.1), 0.030, 0.15, 0.18, 0.01, 0.02, 0.35, 11.0),
    "MSTR": (0.75, (2.00, 0.8, -0.6, -0.9, -0.2), 0.130, 0.85, 1.05, 0.10, 0.15, 0.60, 24.0),
    "GOOG": (0.20, (1.10, -0.3, -0.2, 0.3, -0.3), 0.010, 0.27, 0.28, 0.03, 0.02, 0.45, 1.4),
    "AVGO": (0.33, (1.50, -0.1, -0.4, 0.3, -0.2), 0.010, 0.41, 0.46, 0.04, 0.04, 0.50, 6.0),
    "XOM": (0.18, (0.75, -0.1, 0.7, 0.3, 0.4), 0.035, 0.21, 0.25, 0.02, 0.03, 0.50, 1.1),
    "CEG": (0.42, (0.90, 0.1, 0.2, 0.1, 0.2), -0.030, 0.47, 0.42, 0.04, 0.03, 0.45, 24.0),
    "JPM": (0.16, (1.05, -0.1, 0.8, 0.2, 0.1), 0.075, 0.22, 0.28, 0.02, 0.04, 0.50, 4.0),
    "SMCI": (0.75, (1.90, 0.8, -0.2, -0.3, -0.2), -0.020, 0.85, 0.80, 0.10, 0.12, 0.65, 2.2),
    "SHW": (0.19, (0.95, 0.1, 0.1, 0.4, 0.1), 0.025, 0.25, 0.28, 0.02, 0.03, 0.35, 22.0),
}
# funds that move by themselves: the same columns
_OWN_FUNDS = {
    "TLT": (0.12, (-0.05, -0.1, 0.1, 0.1, 0.1), -0.035, 0.15, 0.14, 0.01, 0.00, 0.35, 1.1),
    "IWM": (0.08, (1.10, 0.9, 0.2, -0.1, 0.0), 0.065, 0.22, 0.26, 0.02, 0.04, 0.40, 1.2),
    "LQD": (0.05, (0.08, 0.0, 0.0, 0.0, 0.0), -0.012, 0.08, 0.07, 0.00, 0.00, 0.30, 1.1),
    "HYG": (0.03, (0.25, 0.1, 0.1, 0.0, 0.0), 0.006, 0.06, 0.08, 0.00, 0.01, 0.30, 1.0),
    "FXI": (0.30, (0.60, 0.1, 0.2, -0.2, 0.1), -0.070, 0.38, 0.33, 0.05, 0.03, 0.45, 1.0),
    "XLF": (0.04, (1.00, 0.1, 0.8, 0.1, 0.1), 0.060, 0.19, 0.24, 0.02, 0.03, 0.40, 1.0),
    "XLE": (0.12, (0.80, 0.2, 0.9, 0.1, 0.4), 0.045, 0.22, 0.27, 0.03, 0.03, 0.40, 1.1),
    "EEM": (0.09, (0.75, 0.1, 0.1, -0.1, 0.1), -0.035, 0.19, 0.17, 0.02, 0.01, 0.40, 1.0),
    "XLU": (0.11, (0.45, -0.1, 0.3, 0.1, 0.3), -0.025, 0.18, 0.17, 0.02, 0.01, 0.40, 1.1),
    "KRE": (0.17, (1.10, 0.7, 1.2, -0.1, 0.1), 0.110, 0.30, 0.38, 0.03, 0.06, 0.45, 1.8),
}
_INDEX = {
    "AAPL": 0.17, "MSFT": 0.16, "NVDA": 0.16, "AMZN": 0.10, "META": 0.07, "GOOGL": 0.06,
    "GOOG": 0.05, "BRK.B": 0.05, "AVGO": 0.04, "TSLA": 0.04, "LLY": 0.03, "JPM": 0.03,
    "XOM": 0.02, "AMD": 0.01, "PLTR": 0.005, "CEG": 0.005,
}  # fmt: skip
_GROWTH = {
    "AAPL": 0.20, "MSFT": 0.20, "NVDA": 0.20, "AMZN": 0.12, "META": 0.08, "GOOGL": 0.06,
    "GOOG": 0.05, "TSLA": 0.05, "AVGO": 0.02, "LLY": 0.02,
}  # fmt: skip
_NASDAQ = {
    "AAPL": 0.19, "NVDA": 0.18, "MSFT": 0.18, "AMZN": 0.12, "META": 0.11, "AVGO": 0.08,
    "TSLA": 0.06, "GOOGL": 0.03, "GOOG": 0.03, "AMD": 0.02,
}  # fmt: skip
_DOW = {
    "MSFT": 0.25, "SHW": 0.22, "JPM": 0.18, "AAPL": 0.16, "AMZN": 0.11, "NVDA": 0.08,
}  # fmt: skip
_CHIPS = {"NVDA": 0.42, "AVGO": 0.30, "AMD": 0.20, "SMCI": 0.08}
# basket, trade share, spread, lag behind the basket's value and the share that is late
_BASKETS = {
    "SPY": (_INDEX, 0.55, 1.1, 0, 0.0),
    "IVV": (_INDEX, 0.30, 2.2, 1, 0.5),
    "VOO": (_INDEX, 0.30, 2.4, 2, 0.6),
    "QQQ": (_NASDAQ, 0.55, 1.3, 0, 0.0),
    "VUG": (_GROWTH, 0.30, 4.0, 2, 0.5),
    "DIA": (_DOW, 0.35, 4.0, 2, 0.5),
    "SMH": (_CHIPS, 0.40, 3.0, 1, 0.4),
}
_LEVERED = {"TQQQ": ("QQQ", 3.0), "SQQQ": ("QQQ", -3.0), "SOXL": ("SMH", 3.0)}
_INFORMATION_LAGS = {"GOOG": (1, 0.5), "BRK.B": (2, 0.3), "SHW": (3, 0.4), "IWM": (1, 0.4)}
_EVENT_LAGS = {"DJT": 0, "KRE": 4, "JPM": 6, "TSLA": 6, "IWM": 7, "SPY": 6, "LLY": 34, "XLU": 34}
_FOLLOWS = {
    "AMD": ("NVDA", 1, 0.14), "AVGO": ("NVDA", 2, 0.14), "SMCI": ("NVDA", 2, 0.20),
    "PLTR": ("TSLA", 1, 0.10), "MSTR": ("TSLA", 3, 0.14),
    "KRE": ("JPM", 2, 0.14), "XLF": ("JPM", 1, 0.05),
    "XLE": ("XOM", 1, 0.10), "CEG": ("XOM", 3, 0.20),
}  # fmt: skip
_SHARED_INNOVATIONS = {"GOOG": "GOOGL"}


def innovation_name(ticker: str) -> str:
    """The name whose own innovations a ticker has: two share classes of a firm have the same."""
    return _SHARED_INNOVATIONS.get(ticker, ticker)


@lru_cache(maxsize=20_000)
def planted(ticker: str, world: str = "standard") -> Planted:
    """The truth about a ticker in one of the worlds 'standard', 'reversed', 'null', 'constant'."""
    name = _study_name(ticker) if ticker in NAMES else _any_name(ticker)
    if world == "reversed":
        return replace(
            name,
            log_ratio=-name.log_ratio,
            volatility_yes=name.volatility_no,
            volatility_no=name.volatility_yes,
            crash_yes=name.crash_no,
            crash_no=name.crash_yes,
        )
    if world == "null":
        return replace(
            name,
            log_ratio=0.0,
            volatility_no=name.volatility_yes,
            crash_no=name.crash_yes,
            information_lag=0,
            late_share=0.0,
            event_lag=0,
            follows="",
        )
    return name


def _study_name(ticker: str) -> Planted:
    listed = NAMES[ticker]
    lag, late = _INFORMATION_LAGS.get(ticker, (0, 0.0))
    follows, follow_lag, follow_loading = _FOLLOWS.get(ticker, ("", 0, 0.0))
    base = Planted(
        ticker,
        listed.price_usd,
        listed.volume_shares_millions,
        0.0,
        NO_LOADINGS,
        odd_lot_share=min(0.75, 0.25 + listed.price_usd / 800),
        information_lag=lag,
        late_share=late,
        event_lag=_EVENT_LAGS.get(ticker, 9),
        follows=follows,
        follow_lag=follow_lag,
        follow_loading=follow_loading,
    )
    if ticker in _BASKETS or ticker in _LEVERED:
        return _stock_fund(base)
    own, loadings, ratio, yes, no, crash_yes, crash_no, share, spread = (
        _STOCKS.get(ticker) or _OWN_FUNDS[ticker]
    )
    return replace(
        base,
        own_volatility=own,
        loadings=loadings,
        log_ratio=ratio,
        volatility_yes=yes,
        volatility_no=no,
        crash_yes=crash_yes,
        crash_no=crash_no,
        trade_share=share,
        spread_cents=spread,
    )


def _stock_fund(base: Planted) -> Planted:
    """A fund that holds stocks, or a multiple of one."""
    if base.ticker in _BASKETS:
        basket, share, spread, lag, late = _BASKETS[base.ticker]
        return replace(
            base,
            weights=tuple(basket.items()),
            trade_share=share,
            spread_cents=spread,
            information_lag=lag,
            late_share=late,
        )
    parent, multiple = _LEVERED[base.ticker]
    return replace(
        base,
        multiple_of=parent,
        multiple=multiple,
        trade_share=0.45,
        spread_cents=1.1,
        information_lag=1,
        late_share=0.4,
    )


def _any_name(ticker: str) -> Planted:
    rng = generator("planted", ticker)
    price = float(rng.lognormal(3.6, 0.8))
    own = float(rng.uniform(0.15, 0.6))
    market, *others = rng.normal((1.0, 0.3, 0.1, 0.0, 0.0), (0.3, 0.5, 0.4, 0.3, 0.3))
    yes = own * float(rng.uniform(1.0, 1.3))
    return Planted(
        ticker,
        max(2.0, price),
        float(rng.lognormal(0.5, 1.0)),
        own,
        (float(market), *map(float, others)),
        log_ratio=float(rng.normal(0.01, 0.03)),
        volatility_yes=yes,
        volatility_no=yes * float(rng.uniform(0.8, 1.25)),
        crash_yes=0.03,
        crash_no=0.04,
        trade_share=float(rng.uniform(0.3, 0.6)),
        spread_cents=1.0 + price * float(rng.uniform(0.01, 0.06)),
        odd_lot_share=min(0.75, 0.25 + price / 800),
    )
