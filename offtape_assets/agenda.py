"""What a backfill builds and in which order: the selection, the dates it needs, the waves.

A wave is a set of assets with the same kind of partition whose inputs are built.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import groupby

from offtape_assets.assets.declare import TableAsset
from offtape_assets.definitions import declared
from offtape_assets.market.calendar import is_session
from offtape_assets.tables.table import Partitions

_ORDER = (
    Partitions.NONE,
    Partitions.CALENDAR_DAY,
    Partitions.DAY_AND_TICKER,
    Partitions.DAY,
)


class SelectionError(Exception):
    """A name in --select is no table and no schema."""


def chosen(select: str | None) -> tuple[list[TableAsset], set[str]]:
    """The assets to run for a selection, upstream included, and the names of its tables."""
    assets = [asset for _, asset in declared()]
    by_table = {table.full_name: asset for asset in assets for table in asset.tables}
    names = [part.strip() for part in (select or "").split(",") if part.strip()]
    wanted = {
        full_name
        for full_name in by_table
        if not names or full_name in names or full_name.split(".")[0] in names
    }
    known = set(by_table) | {full_name.split(".")[0] for full_name in by_table}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SelectionError(
            f"{', '.join(unknown)}: no such table or schema; known are {', '.join(sorted(known))}"
        )
    needed: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        asset = by_table[name]
        needed |= {table.full_name for table in asset.tables}
        waiting += [r.table.full_name for r in asset.reads if r.table.full_name in by_table]
    return [a for a in assets if any(t.full_name in needed for t in a.tables)], wanted


def waves(assets: Sequence[TableAsset]) -> list[list[TableAsset]]:
    """Assets in an order that builds inputs first, grouped by kind of partition."""
    remaining = list(assets)
    inside = {table.full_name for asset in assets for table in asset.tables}
    built: set[str] = set()
    ordered: list[list[TableAsset]] = []
    while remaining:
        best = max((_wave(remaining, kind, built, inside) for kind in _ORDER), key=len)
        if not best:
            raise ValueError(f"a circle of reads among {[a.name for a in remaining]}")
        ordered.append(best)
        built |= {table.full_name for asset in best for table in asset.tables}
        remaining = [asset for asset in remaining if asset not in best]
    return ordered


def _wave(
    remaining: Sequence[TableAsset], kind: Partitions, built: set[str], inside: set[str]
) -> list[TableAsset]:
    wave: list[TableAsset] = []
    done = set(built)
    grew = True
    while grew:
        grew = False
        for asset in remaining:
            needs = {r.table.full_name for r in asset.reads} & inside
            if asset.partitions is kind and asset not in wave and needs <= done:
                wave.append(asset)
                done |= {table.full_name for table in asset.tables}
                grew = True
    return wave


def calendar_days(first: date, last: date) -> Iterator[date]:
    """All dates in [first, last]."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def agenda(assets: Sequence[TableAsset], first: date, last: date) -> dict[date, list[TableAsset]]:
    """Which assets to build on which date: the range, and the days before it that they read."""
    by_table = {table.full_name: asset for asset in assets for table in asset.tables}
    needed: dict[date, list[TableAsset]] = {}
    waiting = [
        (asset, day)
        for asset in assets
        for day in calendar_days(first, last)
        if is_open(asset.partitions, day)
    ]
    while waiting:
        asset, day = waiting.pop()
        if asset in needed.setdefault(day, []):
            continue
        needed[day].append(asset)
        for read in asset.reads:
            upstream = by_table.get(read.table.full_name)
            waiting += [
                (upstream, other)
                for other in read.days_to_build(day)
                # days before the range stay alike, weekends too, so that they make one batch
                if upstream and (other < first or is_open(upstream.partitions, other))
            ]
    return {day: [a for a in assets if a in needed[day]] for day in sorted(needed)}


def batches(
    plan: dict[date, list[TableAsset]], first: date, together: int
) -> Iterator[tuple[list[date], list[TableAsset]]]:
    """Dates that make up one run per wave: a few, but the days before the range at once."""
    before = [day for day in plan if day < first]
    for needed, days in groupby(before, key=lambda day: plan[day]):
        yield list(days), needed
    asked = [day for day in plan if day >= first]
    for needed, alike in groupby(asked, key=lambda day: plan[day]):
        same = list(alike)
        for start in range(0, len(same), together):
            yield same[start : start + together], needed


def is_open(kind: Partitions, day: date) -> bool:
    """Whether tables of this kind have a partition on `day`."""
    if kind is Partitions.NONE:
        return False
    return kind is Partitions.CALENDAR_DAY or is_session(day)


def first_day_needed(select: str | None, first: date, last: date) -> date:
    """The earliest date a backfill must build, days read before the range included."""
    return min(agenda(chosen(select)[0], first, last), default=first)
