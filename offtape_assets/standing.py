"""How every table stands on every date: counts of partitions done, stale, failed, absent, missing."""

import shutil
from collections import Counter
from datetime import date

from offtape_assets.agenda import is_open
from offtape_assets.assets.materialize import day_job
from offtape_assets.definitions import declared, open_house
from offtape_assets.settings import Settings
from offtape_assets.tables.table import Partitions

_COLOURS = {"done": "green", "stale": "yellow", "failed": "red", "absent": "dim", "missing": "dim"}


def standings(
    settings: Settings, first: date | None = None, last: date | None = None
) -> tuple[dict[str, list[str]], list[date]]:
    """Table names to one cell per date, and the dates, which are those with any partition."""
    house = open_house(settings)
    assets = [asset for _, asset in declared()]
    dates = sorted(
        {
            day
            for asset in assets
            for day in house.warehouse.days(asset.tables[0])
            if (first is None or day >= first) and (last is None or day <= last)
        }
    )
    rows: dict[str, list[str]] = {}
    scratch = house.warehouse.store.scratch()
    try:
        for asset in assets:
            if asset.partitions is Partitions.NONE:
                continue
            cells = []
            for day in dates:
                if not is_open(asset.partitions, day):
                    cells.append("")
                    continue
                tickers = settings.tickers if asset.tables[0].has_ticker else ("",)
                job = day_job(house, asset, day, tickers, scratch)
                cells.append(_cell(Counter(job.standing(ticker) for ticker in tickers)))
            rows |= {table.full_name: cells for table in asset.tables}
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return rows, dates


def merged(rows: dict[str, list[str]], dates: list[date]) -> tuple[dict[str, list[str]], list[str]]:
    """The same cells with runs of equal dates in one column, headed by the first and last date."""
    spans: list[list[int]] = []
    for column in range(len(dates)):
        cells = [row[column] for row in rows.values()]
        if spans and cells == [row[spans[-1][0]] for row in rows.values()]:
            spans[-1].append(column)
        elif any(cells):
            spans.append([column])
    heads = [
        dates[span[0]].isoformat()
        + (f"\n.. {dates[span[-1]].isoformat()}" if len(span) > 1 else "")
        for span in spans
    ]
    return {name: [cells[span[0]] for span in spans] for name, cells in rows.items()}, heads


def _cell(counts: Counter[str]) -> str:
    return " ".join(
        f"[{colour}]{counts[status]} {status}[/]"
        for status, colour in _COLOURS.items()
        if counts[status]
    )
