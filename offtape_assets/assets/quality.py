"""quality: the gate behind every table, between the step that writes it and those that read it.

A partition that violates a blocking expectation is noted as failed before a reader starts, so
that exactly what depends on it stops.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import polars as pl

from offtape_assets.assets.day_job import Outcome, quality_key
from offtape_assets.assets.declare import TableAsset, digest
from offtape_assets.assets.house import House
from offtape_assets.quality.data_docs import page_of, write_page
from offtape_assets.quality.gate import UNJUDGED, Expectation, Passage
from offtape_assets.storage.claims import how_to_see
from offtape_assets.storage.warehouse import Lineage, Partition, State
from offtape_assets.tables.quality import GATES
from offtape_assets.tables.table import Table

GATE = "gate"
"""Name of the asset check that shows a gate's verdict."""

log = logging.getLogger(__name__)


def through_gates(
    house: House, asset: TableAsset, outcomes: Sequence[Outcome], run_id: str
) -> tuple[list[Outcome], list[Passage]]:
    """Judge the tables on every date that is unjudged; refuse the partitions that are guilty.

    Returns
    -------
    outcomes, passages
        The outcomes, those of refused partitions as failed; the verdict of each gate.
    """
    built = {outcome.day for outcome in outcomes if outcome.status == "built"}
    unchanged = {outcome.day for outcome in outcomes if outcome.status == "unchanged"}
    left = {
        day
        for day in unchanged - built
        if is_unjudged(house, asset, day, house.warehouse.states(asset.tables, day))
    }
    days = sorted(built | left, key=lambda day: day or date.min)
    passages: list[Passage] = []
    for table in asset.tables if days else ():
        dates = {day: house.warehouse.rows_written(table, day) for day in days}
        passages += house.gate.judge(table, dates)
    for passage in passages:
        write_page(house.warehouse, passage)
    refused: dict[tuple[date | None, str], str] = {}
    for passage in passages:
        refused = _reasons(passage) | refused
    kept = _refuse(house, asset, outcomes, refused)
    _record(house, passages, run_id)
    return kept, passages


def is_unjudged(
    house: House, asset: TableAsset, day: date | None, states: Mapping[Partition, State]
) -> bool:
    """Whether partitions of a date are not those judged last: a step was killed before its gates."""
    for target in (Partition(table, day) for table in asset.tables):
        judged = _judged(target, states)
        spoken = house.warehouse.lineage(quality_key(GATES, target)) if judged else None
        if judged and (spoken is None or spoken.fingerprint != judged):
            return True
    return False


def _judged(target: Partition, states: Mapping[Partition, State]) -> str:
    """Fingerprint of a date's good partitions, by ticker and the run that built each."""
    good = {
        partition.ticker: f"{state.fingerprint} {state.run_id}"
        for partition, state in states.items()
        if partition[:2] == target[:2] and state.status == "done"
    }
    return digest([good]) if good else ""


def gate_check_spec(table: Table) -> dg.AssetCheckSpec:
    """The asset check of a table's gate."""
    return dg.AssetCheckSpec(
        GATE,
        asset=dg.AssetKey([table.schema, table.name]),
        description="Great Expectations over all rows of the date. Partitions that violate a blocking"
        " expectation are noted as failed, so that what reads them stops and nothing else.",
    )


def gate_check_result(
    house: House, table: Table, passages: Sequence[Passage]
) -> dg.AssetCheckResult:
    """What the gate of a table said in this run, with links to the pages."""
    own = [passage for passage in passages if passage.table == table]
    violated = [(p.label, e) for p in own for e in p.expectations if not e.passed]
    blocking = any(e.is_blocking for _, e in violated)
    pages = [_url(house, page_of(passage)) for passage in own]
    metadata: dict[str, dg.MetadataValue] = {
        "expectations": dg.MetadataValue.int(sum(len(p.expectations) for p in own)),
        "violated": dg.MetadataValue.json([f"{label} {_words(e)}" for label, e in violated]),
        "data_docs": dg.MetadataValue.url(pages[0] if len(pages) == 1 else _url(house, "")),
    }
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([table.schema, table.name]),
        check_name=GATE,
        passed=not violated,
        severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
        description="; ".join(_words(e) for _, e in violated) or "every expectation holds",
        metadata=metadata,
    )


def _reasons(passage: Passage) -> dict[tuple[date | None, str], str]:
    """Why each guilty partition of a verdict is refused, by date and ticker."""
    reasons: dict[tuple[date | None, str], str] = {}
    for expectation in passage.expectations:
        if expectation.passed or not expectation.is_blocking:
            continue
        (day,) = passage.rows  # only dates on which all is well are judged together
        for ticker in expectation.guilty:
            see = how_to_see(Partition(passage.table, day, ticker), expectation.claim)
            reasons.setdefault(
                (day, ticker),
                f"refused at the gate of {passage.table.full_name}: {_words(expectation)}; {see}",
            )
    return reasons


def _refuse(
    house: House,
    asset: TableAsset,
    outcomes: Sequence[Outcome],
    refused: Mapping[tuple[date | None, str], str],
) -> list[Outcome]:
    """Note every guilty partition as failed, also one that an earlier run left unjudged."""
    failed = {(o.day, o.ticker) for o in outcomes if o.status == "failed"}  # they have a note
    guilty = {target: reason for target, reason in refused.items() if target not in failed}
    scratch = house.warehouse.store.scratch()
    for (day, ticker), reason in guilty.items():
        for table in asset.tables:
            house.warehouse.note(Partition(table, day, ticker), "failed", reason, scratch)
    scratch.rmdir()
    return [
        replace(outcome, status="failed", reason=guilty[outcome.day, outcome.ticker])
        if (outcome.day, outcome.ticker) in guilty
        else outcome
        for outcome in outcomes
    ]


def _words(expectation: Expectation) -> str:
    if expectation.violations == UNJUDGED:
        return f"{expectation.claim} (could not be evaluated)"
    return f"{expectation.claim} ({expectation.violations:,} of {expectation.rows:,} rows)"


def _record(house: House, passages: Sequence[Passage], run_id: str) -> None:
    """Replace what quality.gates says of each table and date."""
    scratch = house.warehouse.store.scratch()
    with house.connection() as connection:
        for passage in passages:
            for day in passage.rows:
                frame = _verdicts(passage, day, run_id)
                connection.register("spoken", frame.to_arrow())
                target = Partition(passage.table, day)
                judged = _judged(target, house.warehouse.states([passage.table], day))
                file = house.warehouse.write(
                    connection,
                    "select * from spoken",
                    Partition(GATES),
                    Lineage(run_id, "", "", judged, {}, frame.height),
                    scratch,
                )
                house.warehouse.store.put(file, quality_key(GATES, target))
    scratch.rmdir()


def _verdicts(passage: Passage, day: date | None, run_id: str) -> pl.DataFrame:
    """The rows of quality.gates for one table and date."""
    now = datetime.now(UTC).replace(tzinfo=None)
    where = (passage.table.schema, passage.table.name, day)
    is_alone = len(passage.rows) == 1
    rows = [
        (
            *(*where, e.claim, e.rows if is_alone else passage.rows[day], e.violations),
            *(e.is_blocking, e.passed, ", ".join(e.guilty), page_of(passage), run_id, now),
        )
        for e in passage.expectations
    ]
    return pl.DataFrame(rows, schema=[column.name for column in GATES.columns], orient="row")


def _url(house: House, page: str) -> str:
    return f"{house.settings.data_docs_url.rstrip('/')}/{page}"
