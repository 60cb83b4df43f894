"""Sale and quote conditions of the consolidated tape: what a row carrying an id may be used for.

Ids are the vendor's (Massive, formerly Polygon); `sip_code` is the letter on the CTA or UTP tape.
A print carries several ids and may be used only where all of them allow it.
"""

from typing import NamedTuple

__all__ = [
    "ODD_LOT",
    "QUOTE_CONDITIONS_WITHOUT_SIDES",
    "SALE_CONDITIONS",
    "SaleCondition",
]


class SaleCondition(NamedTuple):
    """One row of raw.trade_conditions, in the order of its columns.

    A print that counts in no volume is not a trade (an official price, a cancel record). One that
    counts outside regular hours only is a late report when it arrives within them.
    """

    condition: int
    name: str
    sip_code: str | None
    is_signable: bool
    counts_in_volume: bool
    counts_in_volume_extended: bool
    is_iso: bool


def _live(condition: int, name: str, sip_code: str | None = None) -> SaleCondition:
    """A trade at a price its parties chose at that moment."""
    return SaleCondition(condition, name, sip_code, True, True, True, False)


def _unsigned(condition: int, name: str, sip_code: str | None = None) -> SaleCondition:
    """A trade whose price or time says nothing of who was in a hurry: auction, block, late."""
    return SaleCondition(condition, name, sip_code, False, True, True, False)


def _not_a_trade(condition: int, name: str, sip_code: str | None = None) -> SaleCondition:
    return SaleCondition(condition, name, sip_code, False, False, False, False)


ODD_LOT = 37

SALE_CONDITIONS = (
    _live(0, "Regular Sale", "@"),
    _live(1, "Acquisition", "A"),
    _unsigned(2, "Average Price Trade", "B/W"),
    _live(3, "Automatic Execution", "E"),
    _live(4, "Bunched Trade", "B"),
    _unsigned(5, "Bunched Sold Trade", "G"),
    _live(6, "CAP Election", "I"),
    _unsigned(7, "Cash Sale", "C"),
    _unsigned(8, "Closing Prints", "6"),
    _unsigned(9, "Cross Trade", "X"),
    _unsigned(10, "Derivatively Priced", "4"),
    _unsigned(11, "Distribution", "D"),
    SaleCondition(12, "Form T / Extended Hours", "T", True, False, True, False),
    SaleCondition(13, "Extended Hours, Sold Out of Sequence", "U", False, False, True, False),
    SaleCondition(14, "Intermarket Sweep", "F", True, True, True, True),
    _not_a_trade(15, "Market Center Official Close", "M"),
    _not_a_trade(16, "Market Center Official Open", "Q"),
    _unsigned(17, "Market Center Opening Trade", "O"),
    _unsigned(18, "Market Center Reopening Trade", "5"),
    _unsigned(19, "Market Center Closing Trade", "6"),
    _unsigned(20, "Next Day", "N"),
    _unsigned(21, "Price Variation Trade", "H"),
    _unsigned(22, "Prior Reference Price", "P"),
    _live(23, "Rule 155 Trade", "K"),
    _live(24, "Rule 127 Trade", "K"),
    _unsigned(25, "Opening Prints", "O"),
    _live(27, "Stopped Stock (Regular Trade)", "1"),
    _unsigned(28, "Re-opening Prints", "5"),
    _unsigned(29, "Seller", "R"),
    _unsigned(30, "Sold Last", "L"),
    _unsigned(31, "Sold Last and Stopped Stock", "L"),
    _unsigned(32, "Sold (Out of Sequence)", "Z"),
    _unsigned(33, "Sold (Out of Sequence) and Stopped Stock", "Z"),
    _live(34, "Split Trade", "S"),
    _unsigned(35, "Stock Option Trade", "V"),
    _live(36, "Yellow Flag Regular Trade", "Y"),
    _live(ODD_LOT, "Odd Lot Trade", "I"),
    _not_a_trade(38, "Corrected Consolidated Close", "9"),
    _not_a_trade(40, "Held"),
    _live(41, "Trade-Through Exempt"),
    *(_not_a_trade(number, "Cancel or Correction Record") for number in range(44, 52)),
    _unsigned(52, "Contingent Trade", "V"),
    _unsigned(53, "Qualified Contingent Trade", "7"),
    _not_a_trade(54, "Errored"),
    _unsigned(55, "Opening/Reopening Trade Detail"),
    _live(56, "Placeholder for 611 Exempt", "8"),
    *(_live(number, "Short Sale Restriction Flag") for number in range(57, 61)),
    *(_live(number, "Financial Status Flag") for number in range(62, 72)),
)

# Closing, closed and resuming quotes (14-16), market makers closed and non-firm (19, 20), halts
# by reason (21-32), market-wide circuit breaker (36-38), limit-up/limit-down pause (43), cancel
# (80). Both sides are without force; the row stays, or an older quote would come back to life.
# Condition 2 (one-sided open) needs no entry: its absent side has price or size 0.
QUOTE_CONDITIONS_WITHOUT_SIDES = frozenset({14, 15, 16, 19, 20, *range(21, 33), 36, 37, 38, 43, 80})
