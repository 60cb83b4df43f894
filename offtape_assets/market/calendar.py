"""Sessions of the New York Stock Exchange: which dates trade, when they open and close in UTC.

`exchange_calendars` is the authority. It takes a second to import, so it is loaded on first use
and the holiday list that partition definitions need is stored beside this file.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

NEW_YORK = ZoneInfo("America/New_York")


class Session(NamedTuple):
    """Regular trading hours of one date, [open, close) in UTC."""

    open: datetime
    close: datetime


@lru_cache(maxsize=1)
def _exchange() -> "ExchangeCalendar":
    from exchange_calendars import get_calendar

    return get_calendar("XNYS", start="2003-01-02")


@lru_cache(maxsize=8192)
def is_session(day: date) -> bool:
    """Whether the exchange trades on `day`."""
    return bool(_exchange().is_session(day.isoformat()))


def session(day: date) -> Session:
    """Regular trading hours of `day`, early closes included.

    Raises
    ------
    ValueError
        If the exchange is closed on `day`.
    """
    if not is_session(day):
        raise ValueError(f"{day} is not a trading day of XNYS; use a date the exchange was open")
    label = day.isoformat()
    opened, closed = _exchange().session_open(label), _exchange().session_close(label)
    return Session(_utc(opened.timestamp()), _utc(closed.timestamp()))


def sessions(first: date, last: date) -> list[date]:
    """All trading days in [first, last]."""
    days = _exchange().sessions_in_range(first.isoformat(), last.isoformat())
    return [stamp.date() for stamp in days]


def sessions_before(day: date, count: int) -> list[date]:
    """The `count` trading days that end the evening before `day`, oldest first."""
    window = sessions(day - timedelta(days=count * 2 + 10), day - timedelta(days=1))
    return window[-count:]


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
