"""Option symbols: the OCC's 21 characters and the `O:` form vendors make of them."""

import re
from datetime import date
from decimal import Decimal
from typing import NamedTuple

_PATTERN = re.compile(
    r"(?:O:)?(?P<root>[A-Z][A-Z0-9.]{0,5}?) *(?P<date>\d{6})(?P<right>[CP])(?P<strike>\d{8})"
)


class OptionSymbol(NamedTuple):
    """root (6 characters at most, an adjusted series ends in a digit), expiry, 'C' or 'P', dollars."""

    root: str
    expiry: date
    option_right: str
    strike: Decimal

    def __str__(self) -> str:
        """The OCC symbol: root padded to six, YYMMDD, C or P, strike in tenths of a cent."""
        mills = int(self.strike * 1000)
        return f"{self.root:<6}{self.expiry:%y%m%d}{self.option_right}{mills:08d}"


def parse_option_symbol(text: str) -> OptionSymbol:
    """Read 'AAPL  140613C00645000' or 'O:AAPL140613C00645000'.

    Raises
    ------
    ValueError
        Where the text has not that form or the date does not exist.
    """
    found = _PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not an option symbol: {text!r}; expected ROOT YYMMDD C|P and 8 digits")
    digits = found["date"]
    try:
        expiry = date(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:]))
    except ValueError as error:
        raise ValueError(f"no such expiry in option symbol {text!r}: {error}") from error
    return OptionSymbol(found["root"], expiry, found["right"], Decimal(found["strike"]) / 1000)
