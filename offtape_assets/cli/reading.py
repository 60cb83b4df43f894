"""Commands that read tables: status, sql, check, report, catalog."""

import json
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table as Grid

from offtape_assets.cli.app import (
    FAILED,
    Landing,
    MaybeFrom,
    MaybeTo,
    SourceName,
    Tickers,
    Warehouse,
    app,
    console,
    errors,
    fail,
    opened_catalog,
    settings_from,
)
from offtape_assets.sources.source import SourceError


class Format(StrEnum):
    """How `offtape sql` prints rows."""

    table = "table"
    csv = "csv"
    json = "json"


@app.command()
def status(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    source: SourceName = None,
    landing: Landing = None,
    tickers: Tickers = None,
    warehouse: Warehouse = None,
) -> None:
    """Tables by dates: how many partitions are done, stale, failed, absent or missing."""
    from offtape_assets.standing import as_grid, standings

    settings = settings_from(source=source, landing=landing, tickers=tickers, warehouse=warehouse)
    try:
        found = standings(settings, first.date() if first else None, last.date() if last else None)
    except SourceError as error:
        raise fail(str(error)) from None
    if not found.dates:
        message = f"no partitions in {settings.warehouse}; [bold]offtape demo[/] makes some"
        console.print(message, soft_wrap=True)
        return
    head, *rows = as_grid(found)
    grid = Grid(*head, title="partitions")
    for row in rows:
        grid.add_row(*row)
    console.print(grid)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SQL statement.")],
    style: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    warehouse: Warehouse = None,
) -> None:
    """Ask the warehouse in SQL (DuckDB, read-only).

    Example: [bold]offtape sql "select ticker, sum(num_trades) from features.microstructure_1m
    group by ticker"[/]
    """
    import duckdb

    from offtape_assets.storage.catalog import NotReadingError, check_reads_only

    settings = settings_from(warehouse=warehouse)
    with opened_catalog(settings) as connection:
        try:
            check_reads_only(query)
            relation = connection.execute(query)
            names = [column[0] for column in relation.description or ()]
            rows = relation.fetchall()
        except (duckdb.Error, NotReadingError) as error:
            raise fail(str(error)) from None
    _print_rows(names, rows, style)


@app.command()
def check(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    warehouse: Warehouse = None,
) -> None:
    """Judge every claim again on the partitions that are there; exit 1 where a blocking one fails."""
    from offtape_assets.checking import judged_again
    from offtape_assets.definitions import open_house

    house = open_house(settings_from(warehouse=warehouse))
    grid = Grid("partition", "claim", "violations", "rows", title="claims that are violated")
    judged, blocking = 0, 0
    for partition, verdict in judged_again(
        house, first.date() if first else None, last.date() if last else None
    ):
        judged += 1
        if not verdict.passed:
            blocking += verdict.is_blocking
            grid.add_row(str(partition), verdict.claim, str(verdict.violations), str(verdict.rows))
    if grid.row_count:
        console.print(grid)
    console.print(f"{judged} verdicts, {grid.row_count} violations, {blocking} of them blocking")
    if blocking:
        raise typer.Exit(FAILED)


@app.command()
def report(
    day: Annotated[datetime, typer.Option("--date", formats=["%Y-%m-%d"], help="The day told.")],
    ticker: Annotated[str, typer.Option(help="The name shown in full.")] = "SPY",
    out: Annotated[Path | None, typer.Option(help="File to write.")] = None,
    warehouse: Warehouse = None,
) -> None:
    """Write the day's story as one HTML file that needs no network to read.

    Example: [bold]offtape report --date 2024-11-05 --ticker NVDA[/]
    """
    from offtape_assets.reporting import write_report
    from offtape_assets.storage.catalog import CatalogMissingError
    from offtape_assets.storage.warehouse import Warehouse as Store

    settings = settings_from(warehouse=warehouse)
    folder = Path("reports") if settings.is_remote else Path(settings.warehouse) / "reports"
    file = out or folder / f"{day.date()}.html"
    try:
        answered = write_report(Store(settings.warehouse), day.date(), ticker, file)
    except CatalogMissingError as error:
        raise fail(str(error)) from None
    console.print(str(file), soft_wrap=True)
    if not answered:
        raise fail(
            f"{settings.warehouse} knows nothing of {day.date()}: build it with"
            f" `offtape backfill --from {day.date()} --to {day.date()}`"
        )


@app.command()
def catalog(warehouse: Warehouse = None) -> None:
    """Rebuild offtape.duckdb, the file analysts open, from the partitions that are there."""
    from offtape_assets.storage.catalog import build_catalog
    from offtape_assets.storage.warehouse import Warehouse as Store

    built = build_catalog(Store(settings_from(warehouse=warehouse).warehouse))
    console.print(built.url, soft_wrap=True)
    for name, error in built.broken.items():
        errors.print(f"[red]left out[/] {name}: {escape(error)}", soft_wrap=True, highlight=False)
    if built.broken:
        raise typer.Exit(FAILED)


def _print_rows(names: list[str], rows: list[tuple[Any, ...]], style: Format) -> None:
    if style is Format.json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
    elif style is Format.csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        cells = [["" if value is None else str(value) for value in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
        if sum(widths) + 3 * len(widths) < console.width:
            grid = Grid(*names)
            for row in cells:
                grid.add_row(*map(escape, row))
            console.print(grid)
        else:
            _print_records(names, cells)


def _print_records(names: list[str], cells: list[list[str]]) -> None:
    """Rows too wide for the terminal, one under the other, nothing cut."""
    margin = max(map(len, names))
    for number, row in enumerate(cells, 1):
        console.print(f"[dim]row {number}[/]")
        for name, value in zip(names, row, strict=True):
            console.print(f"{name:<{margin}}  {escape(value)}", highlight=False, soft_wrap=True)
