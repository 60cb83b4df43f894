"""Option symbols read and written."""

from datetime import date
from decimal import Decimal

import pytest

from offtape_assets.market.option_symbol import OptionSymbol, parse_option_symbol


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AAPL  140613C00645000", OptionSymbol("AAPL", date(2014, 6, 13), "C", Decimal(645))),
        ("O:SPY241220P00720500", OptionSymbol("SPY", date(2024, 12, 20), "P", Decimal("720.5"))),
        ("AAPL7 140613P00092140", OptionSymbol("AAPL7", date(2014, 6, 13), "P", Decimal("92.14"))),
        ("F241220C00012000", OptionSymbol("F", date(2024, 12, 20), "C", Decimal(12))),
    ],
)
def test_read(text, expected):
    assert parse_option_symbol(text) == expected


def test_written_as_the_occ_does():
    symbol = OptionSymbol("AAPL", date(2014, 6, 13), "C", Decimal("92.14"))
    assert str(symbol) == "AAPL  140613C00092140"
    assert parse_option_symbol(str(symbol)) == symbol


@pytest.mark.parametrize(
    "text", ["AAPL", "AAPL140613X00645000", "AAPL141341C00645000", "AAPL140613C645"]
)
def test_refused(text):
    with pytest.raises(ValueError, match="option symbol"):
        parse_option_symbol(text)
