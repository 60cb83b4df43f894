"""The forty names of the study: the 20 most traded US stocks and ETFs of 2024-10-08..2024-11-04.

Figures are the seed document's tables: mean daily volume in million shares and million dollars.
"""

from typing import NamedTuple


class Name(NamedTuple):
    """One traded name and its mean daily volume over the 20 sessions before the event."""

    ticker: str
    kind: str
    volume_shares_millions: float
    volume_dollars_millions: float

    @property
    def price_usd(self) -> float:
        """Volume-weighted average price implied by the two volumes."""
        return self.volume_dollars_millions / self.volume_shares_millions


EQUITIES = (
    Name("NVDA", "equity", 199.94, 27455.70),
    Name("TSLA", "equity", 71.87, 17547.06),
    Name("AAPL", "equity", 53.95, 11966.04),
    Name("MSFT", "equity", 25.17, 10280.08),
    Name("AMZN", "equity", 42.35, 8299.58),
    Name("META", "equity", 13.69, 7700.17),
    Name("AMD", "equity", 31.01, 4388.74),
    Name("GOOGL", "equity", 24.76, 4190.84),
    Name("LLY", "equity", 5.12, 4140.44),
    Name("DJT", "equity", 120.09, 3918.52),
    Name("PLTR", "equity", 80.25, 3445.03),
    Name("BRK.B", "equity", 7.51, 3320.25),
    Name("MSTR", "equity", 14.32, 3235.76),
    Name("GOOG", "equity", 18.85, 3217.78),
    Name("AVGO", "equity", 16.52, 2799.68),
    Name("XOM", "equity", 23.45, 2775.06),
    Name("CEG", "equity", 11.20, 2576.09),
    Name("JPM", "equity", 11.66, 2569.49),
    Name("SMCI", "equity", 95.07, 2503.97),
    Name("SHW", "equity", 6.51, 2440.14),
)

ETFS = (
    Name("SPY", "etf", 42.97, 24508.73),
    Name("QQQ", "etf", 23.73, 11553.67),
    Name("TLT", "etf", 58.64, 5404.76),
    Name("IWM", "etf", 22.32, 4917.82),
    Name("LQD", "etf", 29.14, 3170.30),
    Name("IVV", "etf", 5.13, 2938.15),
    Name("TQQQ", "etf", 41.32, 2919.48),
    Name("HYG", "etf", 29.40, 2322.12),
    Name("FXI", "etf", 69.30, 2215.29),
    Name("VUG", "etf", 5.61, 2162.81),
    Name("VOO", "etf", 4.12, 2161.13),
    Name("XLF", "etf", 44.72, 2070.11),
    Name("SOXL", "etf", 63.82, 1967.29),
    Name("XLE", "etf", 16.30, 1457.60),
    Name("DIA", "etf", 3.29, 1376.73),
    Name("EEM", "etf", 29.22, 1311.22),
    Name("SMH", "etf", 5.28, 1295.24),
    Name("SQQQ", "etf", 167.50, 1251.94),
    Name("XLU", "etf", 15.25, 1177.37),
    Name("KRE", "etf", 19.76, 1148.03),
)

NAMES = {name.ticker: name for name in EQUITIES + ETFS}
STUDY_TICKERS = tuple(NAMES)


def kind_of(ticker: str) -> str:
    """'equity' or 'etf'; a ticker outside the study counts as an equity."""
    return NAMES[ticker].kind if ticker in NAMES else "equity"
