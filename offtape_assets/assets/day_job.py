"""One asset on one date: what is known of its inputs and outputs, the pool, the publishing.

`RawDay` and `DerivedDay` say where the rows of a partition come from; everything they share is
here. A ticker that fails never stops the others.
"""

import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from offtape_assets.assets.declare import TableAsset, digest
from offtape_assets.assets.house import House
from offtape_assets.sources.source import SourceError
from offtape_assets.storage import seal
from offtape_assets.storage.claims import Verdict, how_to_see, verdict_rows
from offtape_assets.storage.warehouse import Lineage, Partition, State
from offtape_assets.tables.quality import RESULTS
from offtape_assets.tables.table import Partitions, Table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What became of one partition of an asset."""

    day: date | None
    ticker: str
    status: str
    """'built', 'unchanged', 'absent' or 'failed'."""
    reason: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    seconds: float = 0.0
    verdicts: dict[str, list[Verdict]] = field(default_factory=dict)
    frames: tuple[pl.DataFrame, ...] = ()


class AbsentError(Exception):
    """There is nothing to build from on this date."""


class NotReadyError(Exception):
    """An input failed or was never built."""


class ViolatedError(Exception):
    """A blocking claim is violated."""


@dataclass
class DayJob(ABC):
    """The tickers of one date to build for one asset (one empty ticker where there is no axis)."""

    house: House
    asset: TableAsset
    day: date | None
    tickers: Sequence[str]
    run_id: str
    force: bool
    scratch: Path
    given_states: dict[Partition, State] | None = None
    """What is known of inputs and outputs, where the sender of a task knew it already."""

    def __post_init__(self) -> None:
        self.code_version = self.asset.code_version()
        known = self.given_states
        self.states = self._known_states() if known is None else known
        self._clock = threading.local()

    @abstractmethod
    def expected(self, ticker: str) -> Lineage:
        """How the partition would be signed if it were built now.

        Raises
        ------
        AbsentError, NotReadyError
            If there is nothing to build from, or not yet.
        """

    @abstractmethod
    def make(self, ticker: str) -> Outcome:
        """Build one partition, or say that it is unchanged."""

    def standing(self, ticker: str) -> str:
        """'done', 'stale', 'failed', 'absent' or 'missing'."""
        found = [self.states.get(Partition(table, self.day, ticker)) for table in self.asset.tables]
        if any(state is None for state in found):
            return "missing"
        status = next((state.status for state in found if state and state.status != "done"), "done")
        if status == "failed":
            return status
        try:
            unchanged = self.is_unchanged(ticker, self.expected(ticker))
        except AbsentError:
            return "absent" if status == "absent" else "stale"
        except (NotReadyError, SourceError):
            return "stale"
        return "done" if unchanged else "stale"

    def inputs(self, ticker: str) -> set[Partition]:
        """Partitions of the warehouse that one partition is made from."""
        return set()

    def run(self) -> Iterator[Outcome]:
        """Build every ticker in a pool and yield the outcomes as they come."""
        workers = min(self.house.settings.workers, len(self.tickers))
        with ThreadPoolExecutor(workers, thread_name_prefix="offtape") as pool:
            tasks = [pool.submit(self.attempt, ticker) for ticker in self.tickers]
            for task in as_completed(tasks):
                yield task.result()

    def attempt(self, ticker: str) -> Outcome:
        """Build one partition; whatever goes wrong becomes an outcome and a note."""
        self.start_clock()
        try:
            outcome = self.make(ticker)
            return replace(outcome, seconds=self.elapsed())
        except AbsentError as absent:
            return self.give_up(ticker, "absent", str(absent))
        except (NotReadyError, ViolatedError) as reason:
            return self.give_up(ticker, "failed", str(reason))
        except Exception as error:  # one ticker's failure must leave the others alone
            log.debug("%s %s %s", self.asset.name, self.day, ticker, exc_info=True)
            return self.give_up(ticker, "failed", f"{type(error).__name__}: {error}")

    def start_clock(self) -> None:
        """From here on, this thread works on another partition."""
        self._clock.start = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds this thread has worked on its partition."""
        return time.perf_counter() - float(self._clock.start)

    def give_up(self, ticker: str, status: str, reason: str) -> Outcome:
        """Note beside the partition why it was not built."""
        for table in self.asset.tables:
            target = Partition(table, self.day, ticker)
            self.house.warehouse.note(target, status, reason, self.scratch)
        return Outcome(self.day, ticker, status, reason)

    # -- what is known ---------------------------------------------------------------------

    @property
    def trading_day(self) -> date:
        """The date of the job."""
        if self.day is None:
            raise ValueError(f"{self.asset.name} has no date")
        return self.day

    def is_unchanged(self, ticker: str, lineage: Lineage) -> bool:
        """Whether all tables of the partition were made from these inputs by this code."""
        if self.force:
            return False
        found = [self.states.get(Partition(table, self.day, ticker)) for table in self.asset.tables]
        return all(
            state is not None
            and state.status == "done"
            and state.fingerprint == lineage.fingerprint
            for state in found
        )

    def lineage(self, inputs: dict[str, str]) -> Lineage:
        """How a partition made from `inputs` would be signed."""
        settings = {name: getattr(self.house.settings, name) for name in self.asset.settings}
        fingerprint = digest([self.code_version, settings, inputs])
        return Lineage(self.run_id, self.code_version, self.house.source.name, fingerprint, inputs)

    def _known_states(self) -> dict[Partition, State]:
        warehouse = self.house.warehouse
        same_day = list(self.asset.tables)
        states: dict[Partition, State] = {}
        for read in self.asset.reads:
            if read.table.partitions is Partitions.NONE:
                states |= warehouse.states([read.table], None)
            elif read.sessions_before or read.days_back:
                for day in read.days(self.trading_day):
                    states |= warehouse.states([read.table], day)
            else:
                same_day.append(read.table)
        return states | warehouse.states(same_day, self.day)

    # -- writing ---------------------------------------------------------------------------

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        query: str,
        target: Partition,
        lineage: Lineage,
        rows: int,
    ) -> Path:
        """Write a partition's rows to a file that no reader sees yet."""
        signed = replace(lineage, rows=rows)
        return self.house.warehouse.write(connection, query, target, signed, self.scratch)

    def publish(
        self,
        connection: duckdb.DuckDBPyConnection,
        files: Sequence[tuple[Path, Partition]],
        verdicts: dict[str, list[Verdict]],
    ) -> None:
        """Record the verdicts, then show the rows; a violated blocking claim is an error."""
        violated, see = [], ""
        for file, target in files:
            own = verdicts[target.table.full_name]
            self.write_quality(connection, RESULTS, target, verdict_rows(target, own, self.run_id))
            guilty = [v for v in own if v.is_blocking and not v.passed]
            violated += [
                f"{target.table.full_name}: {v.claim} ({v.violations:,} of {v.rows:,} rows)"
                for v in guilty
            ]
            see = see or (how_to_see(target, guilty[0].claim) if guilty else "")
            self.house.warehouse.publish(file, target, self.elapsed())
        if violated:
            raise ViolatedError(f"violated {'; '.join(violated)}; {see}")

    def write_quality(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: Table,
        target: Partition,
        rows: pl.DataFrame,
    ) -> None:
        """Replace what a quality table says of one partition."""
        connection.register("spoken", rows.to_arrow())
        lineage = Lineage(self.run_id, "", "", "", {}, rows.height)
        place = Partition(table, None, target.ticker)
        file = self.house.warehouse.write(
            connection, "select * from spoken", place, lineage, self.scratch
        )
        seal.close(file)
        self.house.warehouse.store.put(file, quality_key(table, target))


def quality_key(table: Table, target: Partition) -> str:
    """Key of what a quality table says of one partition."""
    return f"{Partition(table).folder}/{target.file}"


def check_columns(table: Table, frame: pl.DataFrame) -> None:
    """Raise where a frame lacks a declared column or brings one nobody declared."""
    declared = {column.name for column in table.columns}
    given = set(frame.columns)
    if declared != given:
        raise ValueError(
            f"{table.full_name}: missing columns {sorted(declared - given)},"
            f" undeclared columns {sorted(given - declared)}"
        )
