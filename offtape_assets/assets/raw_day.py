"""Raw tables of one date: rows from the source, judged row by row, bad ones set aside."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from offtape_assets.assets.day_job import (
    AbsentError,
    DayJob,
    Outcome,
    check_columns,
    quality_key,
)
from offtape_assets.sources.source import RawRows
from offtape_assets.storage.claims import judge, quarantine_rows, set_aside, verdicts_of_arrival
from offtape_assets.storage.connection import only_row
from offtape_assets.storage.sql import quoted
from offtape_assets.storage.warehouse import Lineage, Partition
from offtape_assets.tables.quality import QUARANTINE

log = logging.getLogger(__name__)


class RawDay(DayJob):
    """A raw table on one date, or a reference table on none."""

    @property
    def asked_day(self) -> date:
        """The date the source is asked for."""
        return self.day or date.max

    def run(self) -> Iterator[Outcome]:
        """Let the files arrive, read one that holds all tickers once, or ask for each in a pool."""
        source, table = self.house.source, self.asset.tables[0]
        source.arrive(table, self.asked_day, self._asked(self.tickers), self.house.progress)
        if self.house.source.reads_day_files:
            return self._read_once()
        return super().run()

    def expected(self, ticker: str) -> Lineage:
        """Signed by what the source would read."""
        table = self.asset.tables[0]
        found = self.house.source.fingerprint(table, self.asked_day, ticker)
        if found is None:
            raise AbsentError(f"the source has no {table.full_name} for {ticker or self.day}")
        inputs = {self.house.source.name: found}
        if not table.has_ticker:
            inputs["tickers"] = ",".join(self.house.settings.tickers)
        return self.lineage(inputs)

    def make(self, ticker: str) -> Outcome:
        """Ask the source for one ticker."""
        lineage = self.expected(ticker)
        if self.is_unchanged(ticker, lineage):
            return Outcome(self.day, ticker, "unchanged")
        table = self.asset.tables[0]
        wanted = self._asked([ticker])
        for delivery in self.house.source.read(table, self.asked_day, wanted, self.scratch):
            return self._land(delivery, lineage)
        raise AbsentError(f"the source has no {table.full_name} for {ticker or self.day}")

    def _asked(self, tickers: Sequence[str]) -> list[str]:
        """Tickers to name to the source: those of the partitions, or all where they have none."""
        table = self.asset.tables[0]
        return list(tickers) if table.has_ticker else list(self.house.settings.tickers)

    def _read_once(self) -> Iterator[Outcome]:
        waiting: dict[str, Lineage] = {}
        for ticker in self.tickers:
            try:
                lineage = self.expected(ticker)
            except AbsentError as absent:
                yield self.give_up(ticker, "absent", str(absent))
                continue
            except Exception as error:  # an unreadable folder fails the tickers, not the run
                yield self.give_up(ticker, "failed", f"{error}")
                continue
            if self.is_unchanged(ticker, lineage):
                yield Outcome(self.day, ticker, "unchanged")
            else:
                waiting[ticker] = lineage
        if waiting:
            yield from self._read_waiting(waiting)

    def _read_waiting(self, waiting: dict[str, Lineage]) -> Iterator[Outcome]:
        table = self.asset.tables[0]
        wanted = self._asked(list(waiting))
        self.start_clock()
        try:
            for delivery in self.house.source.read(table, self.asked_day, wanted, self.scratch):
                outcome = self._attempt_landing(delivery, waiting.pop(delivery.ticker))
                yield replace(outcome, seconds=self.elapsed())
                self.start_clock()
        except Exception as error:  # the day's file is unusable: all that still wait have failed
            log.debug("%s %s", self.asset.name, self.day, exc_info=True)
            for ticker in waiting:
                yield self.give_up(ticker, "failed", f"{error}")
            return
        for ticker in waiting:
            yield self.give_up(ticker, "absent", f"no {table.full_name} for {ticker or self.day}")

    def _attempt_landing(self, delivery: RawRows, lineage: Lineage) -> Outcome:
        try:
            return self._land(delivery, lineage)
        except Exception as error:  # one ticker's rows must not stop the others
            log.debug("%s %s", self.asset.name, delivery.ticker, exc_info=True)
            return self.give_up(delivery.ticker, "failed", f"{error}")

    def _land(self, delivery: RawRows, lineage: Lineage) -> Outcome:
        target = Partition(self.asset.tables[0], self.day, delivery.ticker)
        with self.house.connection() as connection:
            if isinstance(delivery.rows, Path):
                rows = f"select * from read_parquet({quoted(str(delivery.rows))})"
            else:
                check_columns(target.table, delivery.rows)
                connection.register("delivered", delivery.rows.to_arrow())
                rows = "select * from delivered"
            kept, arrived, bad = set_aside(connection, rows, target)
            file = self.write(connection, kept, target, lineage, arrived - bad.height)
            count = f"select count(*) from read_parquet({quoted(str(file))})"
            stored = only_row(connection, count)[0]
            verdicts = [
                *verdicts_of_arrival(target.table, arrived, stored, bad, delivery.rejects),
                *judge(connection, file, target),
            ]
            quarantined = pl.concat([bad, delivery.rejects])
            if quarantined.height:
                spoken = quarantine_rows(target, quarantined)
                self.write_quality(connection, QUARANTINE, target, spoken)
            else:
                self.house.warehouse.store.delete(quality_key(QUARANTINE, target))
            name = target.table.full_name
            self.publish(connection, [(file, target)], {name: verdicts})
        if isinstance(delivery.rows, Path):
            delivery.rows.unlink(missing_ok=True)
        counts = {name: stored}
        return Outcome(
            self.day,
            delivery.ticker,
            "built",
            rows=counts,
            quarantined=quarantined.height,
            verdicts={name: verdicts},
        )
