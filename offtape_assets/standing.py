"""How every table stands on every date: counts of partitions done, stale, failed, absent, missing."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import NamedTuple

from offtape_assets.agenda import is_open
from offtape_assets.assets.materialize import day_job
from offtape_assets.definitions import declared, open_house
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions

COLOURS = {"done": "green", "stale": "yellow", "failed": "red", "absent": "dim", "missing": "dim"}
WIDEST = 6
"""More columns of dates than this do not fit a terminal."""


class Standings(NamedTuple):
    """Counts of partitions by table and date; closed days have none."""

    dates: list[date]
    counts: dict[str, list[Counter[str]]]


def standings(settings: Settings, first: date | None = None, last: date | None = None) -> Standings:
    """How the tables stand on every date that has any partition."""
    house = open_house(settings)
    assets = [a for _, a in declared() if a.partitions is not Partitions.NONE]
    dates = sorted(
        {
            day
            for asset in assets
            for day in house.warehouse.days(asset.tables[0])
            if (first is None or day >= first) and (last is None or day <= last)
        }
    )
    counts: dict[str, list[Counter[str]]] = {}
    scratch = house.warehouse.store.scratch()
    try:
        for asset in assets:
            tickers = settings.tickers if asset.tables[0].has_ticker else ("",)
            row = []
            for day in dates:
                job = day_job(house, asset, day, tickers, scratch)
                open_tickers = tickers if is_open(asset.partitions, day) else ()
                row.append(Counter(job.standing(ticker) for ticker in open_tickers))
            counts |= {table.full_name: row for table in asset.tables}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Standings(dates, counts)


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
