"""Tables made from tables on one date: find the inputs, call the function, judge, publish."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from offtape_assets.assets.day_job import (
    AbsentError,
    DayJob,
    NotReadyError,
    Outcome,
    check_columns,
)
from offtape_assets.assets.inputs import Inputs
from offtape_assets.partitions import Read
from offtape_assets.storage.claims import judge
from offtape_assets.storage.warehouse import Lineage, Partition
from offtape_assets.tables.table import Partitions


class DerivedDay(DayJob):
    """Tables filled by a function of other tables, on one date."""

    def expected(self, ticker: str) -> Lineage:
        """Signed by the fingerprints of the inputs as they are now."""
        return self._signed(self._inputs_of(ticker))

    def inputs(self, ticker: str) -> set[Partition]:
        """The partitions its reads stand for; none where one of them is absent or not ready."""
        try:
            return {one for found in self._inputs_of(ticker).values() for one in found}
        except (AbsentError, NotReadyError):
            return set()

    def make(self, ticker: str) -> Outcome:
        """Build one partition unless its inputs and code are unchanged."""
        found = self._inputs_of(ticker)
        lineage = self._signed(found)
        if self.is_unchanged(ticker, lineage):
            return Outcome(self.day, ticker, "unchanged")
        return self._build(found, ticker, lineage)

    def _inputs_of(self, ticker: str) -> dict[Read, list[Partition]]:
        return {read: self._ready(read, ticker) for read in self.asset.reads}

    def _signed(self, found: dict[Read, list[Partition]]) -> Lineage:
        return self.lineage(
            {
                str(partition): self.states[partition].fingerprint
                for partitions in found.values()
                for partition in partitions
            }
        )

    def _build(self, found: dict[Read, list[Partition]], ticker: str, lineage: Lineage) -> Outcome:
        house = self.house
        targets = [Partition(table, self.day, ticker) for table in self.asset.tables]
        with house.connection(1 if ticker else house.settings.workers) as connection:
            inputs = Inputs(connection, house.warehouse, house.settings, targets[0], found)
            frames = self._call(inputs)
            files, verdicts = [], {}
            for target, frame in zip(targets, frames, strict=True):
                check_columns(target.table, frame)
                connection.register("made", frame.to_arrow())
                file = self.write(connection, "select * from made", target, lineage, frame.height)
                files.append((file, target))
                verdicts[target.table.full_name] = judge(connection, file, target)
            self.publish(connection, files, verdicts)
            drawn = self._drawn(frames, inputs)
        rows = {
            target.table.full_name: frame.height
            for target, frame in zip(targets, frames, strict=True)
        }
        return Outcome(self.day, ticker, "built", rows=rows, verdicts=verdicts, frames=drawn)

    def _call(self, inputs: Inputs) -> Sequence[pl.DataFrame]:
        build = self.asset.build
        if build is None:
            raise ValueError(f"{self.asset.name} has no function")
        made = build(inputs)
        return (made,) if isinstance(made, pl.DataFrame) else made

    def _drawn(self, frames: Sequence[pl.DataFrame], inputs: Inputs) -> tuple[pl.DataFrame, ...]:
        """Frames are kept only where a picture will be drawn from them."""
        if self.asset.picture is None:
            return ()
        return (*frames, *(inputs.frame(table) for table in self.asset.picture_reads))

    def _ready(self, read: Read, ticker: str) -> list[Partition]:
        """The partitions a read stands for; raises where they are absent or not ready."""
        table = read.table
        days = self._days(read)
        candidates = {
            partition: state
            for partition, state in self.states.items()
            if partition.table == table
            and partition.day in days
            and partition.ticker in ({ticker} if ticker and table.has_ticker else self._axis(read))
        }
        ready = [partition for partition, state in candidates.items() if state.status == "done"]
        if ready or read.is_optional:
            return sorted(ready, key=lambda p: (p.day or date.min, p.ticker))
        failed = [state.reason for state in candidates.values() if state.status == "failed"]
        if failed:
            raise NotReadyError(f"needs {table.full_name}, which failed: {failed[0]}")
        if candidates or read.sessions_before or read.days_back:
            raise AbsentError(f"needs {table.full_name}, of which there are no rows")
        raise NotReadyError(f"needs {table.full_name}, which was not built")

    def _days(self, read: Read) -> set[date | None]:
        if read.table.partitions is Partitions.NONE:
            return {None}
        return set(read.days(self.trading_day)) if self.day else {None}

    def _axis(self, read: Read) -> set[str]:
        return set(self.house.settings.tickers) if read.table.has_ticker else {""}
