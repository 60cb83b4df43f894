"""Groups of series compared for leadership: who shares one common trend, and how it is written.

A group is written `name=SPY,IVV,VOO`; a fund with leverage `TQQQ:3`; a fund's basket `@SMH`.
"""

import re
from typing import NamedTuple

DEFAULT_GROUPS = (
    "sp500_trackers=SPY,IVV,VOO; alphabet=GOOGL,GOOG; nasdaq_leverage=QQQ,TQQQ:3,SQQQ:-3;"
    " semiconductor_leverage=SMH,SOXL:3; semiconductor_basket=SMH,@SMH"
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Member(NamedTuple):
    """One series of a group: a ticker, or a fund's basket if it begins with '@'."""

    ticker: str
    leverage: float

    @property
    def fund(self) -> str:
        """The fund whose basket this is; empty for a ticker."""
        return self.ticker[1:] if self.ticker.startswith("@") else ""


class Group(NamedTuple):
    """Series with one common trend."""

    name: str
    members: tuple[Member, ...]


def parse_groups(text: str) -> tuple[Group, ...]:
    """Read groups from `name=A,B:leverage; name=...`.

    Raises
    ------
    ValueError
        If a group has no name, fewer than two members, a repeated member or a leverage of 0.
    """
    groups = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        name, equals, members = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise ValueError(f"{part!r} is not a group; write for example trackers=SPY,IVV")
        found = tuple(_member(item) for item in members.split(","))
        tickers = [member.ticker for member in found]
        if len(found) < 2 or len(set(tickers)) < len(tickers):
            raise ValueError(f"group {name}: {tickers} must be at least two different members")
        groups.append(Group(name, found))
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        raise ValueError(f"groups {names}: every group needs a name of its own")
    return tuple(groups)


def _member(item: str) -> Member:
    ticker, colon, leverage = item.strip().partition(":")
    try:
        factor = float(leverage) if colon else 1.0
    except ValueError:
        factor = 0.0
    if not ticker or ticker == "@" or factor == 0.0:
        raise ValueError(f"{item.strip()!r} is not a member; write SPY, TQQQ:3 or @SMH")
    return Member(ticker, factor)
