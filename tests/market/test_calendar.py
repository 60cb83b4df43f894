"""Sessions follow the exchange's calendar; the stored holidays are the package's."""

from datetime import UTC, date, datetime, timedelta

import pytest

from offtape_assets.market.calendar import is_session, session, sessions_before
from offtape_assets.market.holidays import FIRST_YEAR, HOLIDAYS, LAST_YEAR


def test_new_york_opens_an_hour_later_in_utc_after_daylight_saving_ends() -> None:
    assert session(date(2024, 11, 1)).open == datetime(2024, 11, 1, 13, 30, tzinfo=UTC)
    assert session(date(2024, 11, 5)).open == datetime(2024, 11, 5, 14, 30, tzinfo=UTC)


def test_half_days_close_early() -> None:
    assert session(date(2015, 12, 24)).close == datetime(2015, 12, 24, 18, 0, tzinfo=UTC)


def test_a_closed_day_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="not a trading day"):
        session(date(2024, 11, 9))


def test_twenty_sessions_end_the_evening_before() -> None:
    days = sessions_before(date(2024, 11, 5), 20)
    assert (days[0], days[-1], len(days)) == (date(2024, 10, 8), date(2024, 11, 4), 20)


def test_stored_holidays_are_those_of_the_calendar_package() -> None:
    import exchange_calendars

    calendar = exchange_calendars.get_calendar(
        "XNYS", start=f"{FIRST_YEAR}-01-02", end=f"{LAST_YEAR}-12-31"
    )
    open_days = {stamp.date() for stamp in calendar.sessions}
    day, weekdays = date(FIRST_YEAR, 1, 2), set()
    while day <= date(LAST_YEAR, 12, 31):
        if day.weekday() < 5:
            weekdays.add(day)
        day += timedelta(days=1)
    assert set(HOLIDAYS) == weekdays - open_days


def test_weekends_are_closed() -> None:
    assert not is_session(date(2024, 11, 3))
