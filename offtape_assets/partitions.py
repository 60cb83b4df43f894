"""The partition axes of a warehouse and how a table's partitions map to those it reads.

Dates are trading days of XNYS or calendar days; the second axis is the configured tickers.
"""

import warnings
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

import dagster as dg

from offtape_assets.market.calendar import NEW_YORK, sessions_before
from offtape_assets.market.holidays import HOLIDAYS
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions, Table

warnings.filterwarnings("ignore", category=dg.BetaWarning)
"""allow_nonexistent_upstream_partitions is beta in Dagster; the pin makes its behaviour ours."""

DATE_AXIS = "date"
TICKER_AXIS = "ticker"


class Read(NamedTuple):
    """A table an asset reads: the same partition, the trading days before it, or a window of days."""

    table: Table
    sessions_before: int = 0
    """0 reads the asset's own date; n reads the n trading days that end the evening before."""
    is_optional: bool = False
    """An optional input without rows is an empty frame; a required one makes the asset absent."""
    days_back: int = 0
    """n reads the asset's own date and the n calendar days before it."""

    def days(self, day: date) -> list[date]:
        """The dates of `table` that the partition of `day` reads."""
        if self.sessions_before:
            return sessions_before(day, self.sessions_before)
        return [day - timedelta(days=back) for back in range(self.days_back, -1, -1)]

    def days_to_build(self, day: date) -> list[date]:
        """Those that a backfill builds first; an optional window takes the days that are there."""
        return [day] if self.is_optional and self.days_back else self.days(day)


def trailing(table: Table, sessions: int) -> Read:
    """Read the `sessions` trading days before the asset's date, without that date."""
    return Read(table, sessions)


def window(table: Table, days_back: int, is_optional: bool = False) -> Read:
    """Read the asset's own date and the calendar days before it, as many as are there."""
    return Read(table, days_back=days_back, is_optional=is_optional)


def optional(table: Table) -> Read:
    """Read a table that may have no rows."""
    return Read(table, is_optional=True)


class Axes:
    """Dagster partition definitions for one settings object."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _trading_days(self) -> dg.TimeWindowPartitionsDefinition:
        closed = [
            datetime(day.year, day.month, day.day, tzinfo=NEW_YORK)
            for day in HOLIDAYS
            if day >= self._settings.start_date
        ]
        return self._days("0 0 * * 1-5", closed, _next_weekday)

    @cached_property
    def _calendar_days(self) -> dg.TimeWindowPartitionsDefinition:
        return self._days("0 0 * * *", [], _next_day)

    @cached_property
    def _days_and_tickers(self) -> dg.MultiPartitionsDefinition:
        tickers = dg.StaticPartitionsDefinition(list(self._settings.tickers))
        return dg.MultiPartitionsDefinition({DATE_AXIS: self._trading_days, TICKER_AXIS: tickers})

    def _days(
        self, cron: str, closed: list[datetime], following: Callable[[date], date]
    ) -> dg.TimeWindowPartitionsDefinition:
        last = self._settings.last_date
        return dg.TimeWindowPartitionsDefinition(
            start=self._settings.start_date.isoformat(),
            end=following(last).isoformat() if last else None,
            fmt="%Y-%m-%d",
            cron_schedule=cron,
            timezone="America/New_York",
            exclusions=closed,
        )

    def of(self, kind: Partitions) -> dg.PartitionsDefinition | None:
        """The definition for tables partitioned like `kind`."""
        match kind:
            case Partitions.DAY:
                return self._trading_days
            case Partitions.CALENDAR_DAY:
                return self._calendar_days
            case Partitions.DAY_AND_TICKER:
                return self._days_and_tickers
            case Partitions.NONE:
                return None

    def partitions_per_date(self, kind: Partitions) -> int:
        """How many partitions of one date a single run builds."""
        return len(self._settings.tickers) if kind is Partitions.DAY_AND_TICKER else 1

    def mapping(self, reader: Partitions, read: Read) -> dg.PartitionMapping | None:
        """Which partitions of `read` a partition of the reader needs."""
        upstream = read.table.partitions
        if Partitions.NONE in (reader, upstream):
            return None
        across = dg.MultiToSingleDimensionPartitionMapping(partition_dimension_name=DATE_AXIS)
        if read.sessions_before or read.days_back:
            if reader is Partitions.DAY and upstream is Partitions.DAY_AND_TICKER:
                return across  # Dagster maps no window of two axes to one; the Read knows the days
            days = dg.TimeWindowPartitionMapping(
                start_offset=-(read.sessions_before or read.days_back),
                end_offset=-1 if read.sessions_before else 0,
                allow_nonexistent_upstream_partitions=True,
            )
            return self._for(reader, upstream, days)
        if reader is upstream:
            return dg.IdentityPartitionMapping()
        if {reader, upstream} == {Partitions.DAY, Partitions.DAY_AND_TICKER}:
            return across
        days = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)
        return self._for(reader, upstream, days)

    @staticmethod
    def _for(
        reader: Partitions, upstream: Partitions, days: dg.PartitionMapping
    ) -> dg.PartitionMapping:
        if reader is not Partitions.DAY_AND_TICKER:
            return days
        if upstream is Partitions.DAY_AND_TICKER:
            same = dg.DimensionPartitionMapping(TICKER_AXIS, dg.IdentityPartitionMapping())
            by_date = dg.DimensionPartitionMapping(DATE_AXIS, days)
            return dg.MultiPartitionMapping({DATE_AXIS: by_date, TICKER_AXIS: same})
        # Dagster maps no window of one axis to two; the Read still knows the days
        return dg.AllPartitionMapping()


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def _next_weekday(day: date) -> date:
    """Where the axis of trading days ends: Dagster lets a Friday last until Monday."""
    return day + timedelta(days=max(1, 7 - day.weekday()) if day.weekday() >= 4 else 1)
