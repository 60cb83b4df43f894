"""How every table stands on every date: counts of partitions done, stale, failed, absent, missing."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import NamedTuple

from offtape_assets.agenda import agenda, is_open, waves
from offtape_assets.assets.day_job import DayJob
from offtape_assets.assets.materialize import day_job
from offtape_assets.definitions import declared, open_house
from offtape_assets.settings import Settings
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables.table import Partitions

COLOURS = {"done": "green", "stale": "yellow", "failed": "red", "absent": "dim", "missing": "dim"}
WIDEST = 6
"""More columns of dates than this do not fit a terminal."""


class Standings(NamedTuple):
    """Counts of partitions by table and date; closed days have none."""

    dates: list[date]
    counts: dict[str, list[Counter[str]]]


def standings(settings: Settings, first: date | None = None, last: date | None = None) -> Standings:
    """How the tables stand on every date that has any partition.

    A partition is stale, too, where one that it is made from is.
    """
    house = open_house(settings)
    assets = [a for _, a in declared() if a.partitions is not Partitions.NONE]
    known = sorted({day for asset in assets for day in house.warehouse.days(asset.tables[0])})
    known = [day for day in known if last is None or day <= last]
    dates = [day for day in known if first is None or day >= first]
    if not dates:
        return Standings([], {})
    before = agenda(assets, dates[0], dates[-1])  # what the days shown read of earlier ones
    stale: set[Partition] = set()
    counts: dict[str, list[Counter[str]]] = {}
    scratch = house.warehouse.store.scratch()
    try:
        for asset in (asset for wave in waves(assets) for asset in wave):
            by_day = {
                day: _judged(day_job(house, asset, day, settings.tickers, scratch), stale)
                for day in known
                if is_open(asset.partitions, day) and (day in dates or asset in before.get(day, []))
            }
            for table in asset.tables:
                counts[table.full_name] = [by_day.get(day, Counter()) for day in dates]
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    order = [table.full_name for asset in assets for table in asset.tables]
    return Standings(dates, {name: counts[name] for name in order})


def _judged(job: DayJob, stale: set[Partition]) -> Counter[str]:
    """How one asset stands on one date; what is stale is added to `stale`."""
    asset, day = job.asset, job.trading_day
    found: Counter[str] = Counter()
    for ticker in job.tickers if asset.tables[0].has_ticker else ("",):
        standing = job.standing(ticker)
        if standing == "done" and not stale.isdisjoint(job.inputs(ticker)):
            standing = "stale"
        if standing == "stale":
            stale |= {Partition(table, day, ticker) for table in asset.tables}
        found[standing] += 1
    return found


def as_grid(found: Standings) -> Iterator[list[str]]:
    """A header and one row per table: by date where the dates fit, else summed over them."""
    columns = [[row[i] for row in found.counts.values()] for i in range(len(found.dates))]
    spans = [
        [i for i, _ in group]
        for cells, group in groupby(enumerate(columns), key=lambda pair: pair[1])
        if any(cells)
    ]
    if len(spans) > WIDEST:
        yield ["table", "dates", "partitions"]
        for name, row in found.counts.items():
            known = [
                d for d, cell in zip(found.dates, row, strict=True) if cell.keys() - {"missing"}
            ]
            total = sum(row, Counter())
            del total["missing"]
            yield [name, _span(known), _cell(total)] if known else [name, "", "[dim]missing[/]"]
        return
    yield ["table", *(_span([found.dates[i] for i in span]) for span in spans)]
    for name, row in found.counts.items():
        yield [name, *(_cell(row[span[0]]) for span in spans)]


def _span(dates: list[date]) -> str:
    if not dates:
        return ""
    return f"{dates[0]}" if dates[0] == dates[-1] else f"{dates[0]} .. {dates[-1]}"


def _cell(counts: Counter[str]) -> str:
    return " ".join(
        f"[{colour}]{counts[status]} {status}[/]"
        for status, colour in COLOURS.items()
        if counts[status]
    )
