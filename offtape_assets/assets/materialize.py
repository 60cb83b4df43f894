"""From a declaration to a Dagster asset: keys, partitions, docs, checks, and the step itself.

The step hands the partitions of the run to `RawDay` or `DerivedDay` and tells Dagster what became
of them. Failed tickers do not stop the step; the asset's check `every_partition_is_built` turns
the run red and lists them.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path

import dagster as dg

from offtape_assets.assets.cluster import build_on_cluster
from offtape_assets.assets.day_job import DayJob, Outcome
from offtape_assets.assets.declare import TableAsset
from offtape_assets.assets.derived_day import DerivedDay
from offtape_assets.assets.described import OWNERS, asset_key, column_schema, lineage_of
from offtape_assets.assets.house import House
from offtape_assets.assets.quality import gate_check_result, gate_check_spec, through_gates
from offtape_assets.assets.raw_day import RawDay
from offtape_assets.partitions import DATE_AXIS, TICKER_AXIS, Axes
from offtape_assets.storage.claims import Verdict
from offtape_assets.storage.sql import group_checks, has_query
from offtape_assets.storage.warehouse import Partition, State
from offtape_assets.tables.table import Partitions, Table

FORCE_TAG = "offtape/force"
"""A run with this tag rebuilds the tables it lists, or all, though nothing changed."""
Target = tuple[date | None, str]


def to_dagster(
    asset: TableAsset, axes: Axes, group: str
) -> tuple[dg.AssetsDefinition, dg.AssetChecksDefinition]:
    """The Dagster asset that fills the declared tables, and the check on its partitions."""
    definition = axes.of(asset.partitions)
    specs = [_spec(asset, table, axes, group) for table in asset.tables]
    policy = dg.BackfillPolicy.multi_run(axes.partitions_per_date(asset.partitions))

    @dg.multi_asset(
        name=asset.name,
        specs=specs,
        partitions_def=definition,
        backfill_policy=policy if definition else None,
        check_specs=[spec for table in asset.tables for spec in _check_specs(table)],
        required_resource_keys={"house"},
    )
    def step(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        yield from _run(context, asset)

    return step, _completeness_check(asset, definition)


def day_job(
    house: House,
    asset: TableAsset,
    day: date | None,
    tickers: Sequence[str],
    scratch: Path,
    run_id: str = "",
    force: bool = False,
) -> DayJob:
    """The job that builds an asset's partitions of one date."""
    kind = RawDay if asset.is_raw else DerivedDay
    return kind(house, asset, day, tickers, run_id, force, scratch)


def build_targets(
    house: House, asset: TableAsset, targets: Sequence[Target], run_id: str, force: bool = False
) -> Iterator[Outcome]:
    """Build partitions of an asset date by date; outcomes come as they are ready."""
    scratch = house.warehouse.store.scratch()
    finished = 0
    try:
        jobs = (
            day_job(house, asset, day, [ticker for _, ticker in group], scratch, run_id, force)
            for day, group in groupby(targets, key=lambda target: target[0])
        )
        local = (outcome for job in jobs for outcome in job.run())
        for outcome in build_on_cluster(jobs) if house.settings.cluster else local:
            finished += 1
            house.progress(asset.name, finished, len(targets))
            yield outcome
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(context: dg.AssetExecutionContext, asset: TableAsset) -> Iterator[dg.MaterializeResult]:
    house: House = context.resources.house
    keys = context.partition_keys if asset.partitions is not Partitions.NONE else []
    targets = _targets(keys, asset)
    forced = context.run.tags.get(FORCE_TAG, "").split(",")
    force = any(name in forced for name in ("all", *(t.full_name for t in asset.tables)))
    built = list(build_targets(house, asset, targets, context.run_id, force))
    outcomes, passages = through_gates(house, asset, built, context.run_id)
    for outcome in outcomes:
        if outcome.status == "failed":
            context.log.error(f"{asset.name} {outcome.day} {outcome.ticker}: {outcome.reason}")
    if all(outcome.status == "failed" for outcome in outcomes):
        reasons = sorted({outcome.reason for outcome in outcomes})
        raise dg.Failure(f"{asset.name}: no partition could be built: {'; '.join(reasons[:3])}")
    for table in asset.tables:
        yield dg.MaterializeResult(
            asset_key=asset_key(table),
            metadata=_metadata(asset, table, outcomes),
            check_results=[
                *_check_results(table, outcomes),
                gate_check_result(house, table, passages),
            ],
        )


def _targets(keys: Sequence[str], asset: TableAsset) -> list[Target]:
    if asset.partitions is Partitions.NONE:
        return [(None, "")]
    return sorted((_split(key) for key in keys), key=lambda target: target[0] or date.min)


def _keys_of_run(
    tags: Mapping[str, str], definition: dg.PartitionsDefinition | None
) -> Sequence[str]:
    """Partition keys of a run; a check has no partitions of its own and must ask the tags."""
    if definition is None:
        return []
    if "dagster/partition" in tags:
        return [tags["dagster/partition"]]
    first, last = (tags[f"dagster/asset_partition_range_{end}"] for end in ("start", "end"))
    return definition.get_partition_keys_in_range(dg.PartitionKeyRange(first, last))


def _split(key: str) -> Target:
    if isinstance(key, dg.MultiPartitionKey):
        parts = key.keys_by_dimension
        return date.fromisoformat(parts[DATE_AXIS]), parts[TICKER_AXIS]
    day, _, ticker = key.partition("|")
    return date.fromisoformat(day), ticker


def _spec(asset: TableAsset, table: Table, axes: Axes, group: str) -> dg.AssetSpec:
    deps = [
        dg.AssetDep(asset_key(read.table), partition_mapping=axes.mapping(asset.partitions, read))
        for read in asset.reads
    ]
    kinds = {"duckdb", "parquet", "sql" if has_query(table) else "python"}
    return dg.AssetSpec(
        asset_key(table),
        deps=deps,
        description=f"One row: {table.grain}.",
        group_name=group if table.schema == "model" else table.schema,
        owners=OWNERS,
        kinds=kinds,
        code_version=asset.code_version(),
        automation_condition=None if asset.is_raw else dg.AutomationCondition.eager(),
        metadata={
            "dagster/column_schema": column_schema(table),
            "dagster/table_name": table.full_name,
        },
    )


def _claims(table: Table) -> dict[str, str]:
    """Names of everything checked on a table, with the reason for the claim."""
    claims = {claim.name: claim.reason for claim in table.claims}
    if table.schema == "raw":
        claims |= {
            "rows_in_are_kept_or_set_aside": "no row is lost on the way",
            "most_rows_are_kept": "when most rows are bad, the file is",
            "text_is_of_the_declared_type": "a cell that is no number is set aside",
        }
        if table.key:
            claims["key_is_not_repeated"] = "a second row of the same key is set aside"
    if table.key:
        claims["key_is_unique"] = "the key identifies a row"
    return claims | dict.fromkeys(group_checks(table), "see the SQL file of the check")


def _check_specs(table: Table) -> list[dg.AssetCheckSpec]:
    claims = [
        dg.AssetCheckSpec(name, asset=asset_key(table), description=reason)
        for name, reason in _claims(table).items()
    ]
    return [*claims, gate_check_spec(table)]


def _check_results(table: Table, outcomes: Sequence[Outcome]) -> Iterator[dg.AssetCheckResult]:
    found: dict[str, list[tuple[str, Verdict]]] = {}
    for outcome in outcomes:
        for verdict in outcome.verdicts.get(table.full_name, []):
            found.setdefault(verdict.claim, []).append((outcome.ticker, verdict))
    for name in _claims(table):
        verdicts = found.get(name, [])
        guilty = {ticker: v.violations for ticker, v in verdicts if not v.passed}
        blocking = any(v.is_blocking for _, v in verdicts)
        yield dg.AssetCheckResult(
            asset_key=asset_key(table),
            check_name=name,
            passed=not guilty,
            severity=dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN,
            metadata={
                "rows": sum(v.rows for _, v in verdicts),
                "violations": sum(guilty.values()),
                "partitions": dg.MetadataValue.json(guilty),
            },
        )


def _metadata(
    asset: TableAsset, table: Table, outcomes: Sequence[Outcome]
) -> dict[str, dg.MetadataValue | dg.TableColumnLineage]:
    built = [outcome for outcome in outcomes if outcome.status == "built"]
    counts = Counter(outcome.status for outcome in outcomes)
    metadata: dict[str, dg.MetadataValue | dg.TableColumnLineage] = {
        "dagster/row_count": dg.MetadataValue.int(
            sum(outcome.rows.get(table.full_name, 0) for outcome in built)
        ),
        **{f"partitions_{status}": dg.MetadataValue.int(n) for status, n in counts.items()},
        "rows_quarantined": dg.MetadataValue.int(sum(outcome.quarantined for outcome in built)),
        "seconds": dg.MetadataValue.float(float(sum(outcome.seconds for outcome in built))),
    }
    if has_query(table):
        metadata |= lineage_of(table)
    drawn = next((outcome for outcome in built if outcome.frames), None)
    if asset.picture and drawn:
        png = asset.picture(*drawn.frames)
        metadata["picture"] = dg.MetadataValue.md(f"![{table.name}](data:image/png;base64,{png})")
    return metadata


def _completeness_check(
    asset: TableAsset, definition: dg.PartitionsDefinition | None
) -> dg.AssetChecksDefinition:
    table = asset.tables[0]

    @dg.asset_check(
        name="every_partition_is_built",
        asset=asset_key(table),
        description="No partition of the run failed; failed ones are listed.",
        required_resource_keys={"house"},
    )
    def complete(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        house: House = context.resources.house
        targets = _targets(_keys_of_run(context.run.tags, definition), asset)
        states: dict[Partition, State] = {}
        for day in {day for day, _ in targets}:
            states |= house.warehouse.states([table], day)
        failed = {
            str(target): states[target].reason
            for target in (Partition(table, day, ticker) for day, ticker in targets)
            if target in states and states[target].status == "failed"
        }
        if failed:
            raise dg.Failure("; ".join(f"{name}: {reason}" for name, reason in failed.items()))
        return dg.AssetCheckResult(passed=True)

    return complete
