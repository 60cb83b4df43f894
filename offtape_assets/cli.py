"""`offtape`: the commands a person types. Parsing, printing and exit codes; the work is elsewhere."""

import json
import logging
import sys
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

from offtape_assets.settings import Settings
from offtape_assets.sources.source import SourceError

app = typer.Typer(
    help="A warehouse that shows where event-day information appears first and how it spreads.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
console = Console()
errors = Console(stderr=True)

FAILED, MISUSED = 1, 2


class Format(StrEnum):
    """How `offtape sql` prints rows."""

    table = "table"
    csv = "csv"
    json = "json"


Warehouse = Annotated[
    str | None, typer.Option(help="Folder or s3:// URL of the warehouse [OFFTAPE_WAREHOUSE].")
]
From = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First date.")]
To = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date, included.")]
Tickers = Annotated[str | None, typer.Option(help="Comma list, e.g. SPY,NVDA.")]
Landing = Annotated[Path | None, typer.Option(help="Folder in the vendors' own layouts.")]
SourceName = Annotated[str | None, typer.Option(help="simulator, landing or vendors.")]


def fail(message: str, code: int = FAILED) -> typer.Exit:
    """Print one line on standard error and return the exit to raise."""
    errors.print(f"[red]error[/] {message}", highlight=False, soft_wrap=True)
    return typer.Exit(code)


def settings_from(**given: Any) -> Settings:
    """Settings from the environment, overridden by the options that were given."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as invalid:
        problem = invalid.errors()[0]
        name = "OFFTAPE_" + "_".join(map(str, problem["loc"])).upper()
        raise fail(f"{name}: {problem['msg']} (got {problem['input']!r})", MISUSED) from None


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show traces of errors.")] = False,
) -> None:
    """Commands of the warehouse; `offtape COMMAND --help` shows examples."""
    level = logging.DEBUG if verbose else logging.ERROR
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("offtape_assets").setLevel(level)


@app.command()
def backfill(
    first: From,
    last: To,
    source: SourceName = None,
    landing: Landing = None,
    tickers: Tickers = None,
    select: Annotated[
        str | None, typer.Option(help="Tables or schemas, e.g. features.universe,model.")
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Tickers built at once.")] = None,
    force: Annotated[bool, typer.Option(help="Rebuild what is unchanged, too.")] = False,
    warehouse: Warehouse = None,
) -> None:
    """Build every table for a range of dates; what is unchanged is skipped.

    Example: [bold]offtape backfill --from 2024-11-04 --to 2024-11-05 --tickers SPY,NVDA[/]
    """
    if last < first:
        raise fail(f"--to {last.date()} lies before --from {first.date()}", MISUSED)
    settings = settings_from(
        source=source,
        landing=landing,
        tickers=tickers,
        workers=workers,
        warehouse=warehouse,
    )
    if not _run_backfill(settings, first.date(), last.date(), select, force):
        raise typer.Exit(FAILED)


@app.command()
def demo(warehouse: Warehouse = None, tickers: Tickers = None) -> None:
    """Simulate the event day for all names, run the whole graph and show what was found."""
    from offtape_assets.report.summary import show_findings

    event_day = Settings().event_date
    settings = settings_from(
        source="simulator",
        warehouse=warehouse,
        tickers=tickers,
    )
    finished = _run_backfill(settings, event_day, event_day, None, force=False)
    with _open_catalog(settings) as connection:
        show_findings(connection, settings, console)
    if not finished:
        raise typer.Exit(FAILED)


@app.command()
def status(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First date.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date.")
    ] = None,
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
        console.print(f"no partitions in {settings.warehouse}; [bold]offtape demo[/] makes some")
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

    settings = settings_from(warehouse=warehouse)
    with _open_catalog(settings) as connection:
        try:
            relation = connection.execute(query)
            names = [column[0] for column in relation.description or ()]
            rows = relation.fetchall()
        except duckdb.Error as error:
            raise fail(str(error)) from None
    _print_rows(names, rows, style)


@app.command()
def simulate(
    first: From,
    last: To,
    out: Annotated[Path, typer.Option(help="Landing folder to write into.")],
    tickers: Tickers = None,
    workers: Annotated[int | None, typer.Option(help="Tickers simulated at once.")] = None,
) -> None:
    """Write the simulated market as vendor files, a landing folder that backfill can read.

    Example: [bold]offtape simulate --from 2024-11-05 --to 2024-11-05 --out landing[/]
    """
    from offtape_assets.sources.opening import simulated_market
    from offtape_assets.sources.simulator.vendor_files import write_landing

    if last < first:
        raise fail(f"--to {last.date()} lies before --from {first.date()}", MISUSED)
    settings = settings_from(source="simulator", tickers=tickers, workers=workers)
    market = simulated_market(settings)
    with Progress(TextColumn("{task.description}"), console=errors, transient=True) as bar:
        task = bar.add_task("simulating", total=None)
        written = write_landing(
            market,
            first.date(),
            last.date(),
            settings.tickers,
            out,
            lambda path: bar.update(task, description=str(path.relative_to(out))),
        )
    size = sum(path.stat().st_size for path in written)
    console.print(f"{len(written)} files, {size / 1e6:.1f} MB in {out}")


@app.command()
def check(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First date.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date.")
    ] = None,
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
        write_report(Store(settings.warehouse), day.date(), ticker, file)
    except CatalogMissingError as error:
        raise fail(str(error)) from None
    console.print(str(file), soft_wrap=True)


@app.command()
def catalog(warehouse: Warehouse = None) -> None:
    """Rebuild offtape.duckdb, the file analysts open, from the partitions that are there."""
    from offtape_assets.storage.catalog import build_catalog
    from offtape_assets.storage.warehouse import Warehouse as Store

    console.print(build_catalog(Store(settings_from(warehouse=warehouse).warehouse)))


@app.command()
def doctor(source: SourceName = None, landing: Landing = None, warehouse: Warehouse = None) -> None:
    """Say what works, what is missing and how to mend it."""
    from offtape_assets.diagnosis import findings

    settings = settings_from(source=source, landing=landing, warehouse=warehouse)
    healthy = True
    for finding in findings(settings):
        healthy &= finding.is_well
        mark = "[green]ok[/]  " if finding.is_well else "[red]bad[/] "
        console.print(f"{mark} {finding.subject}: {finding.detail}", highlight=False)
        if finding.remedy:
            console.print(f"     {finding.remedy}", highlight=False)
    if not healthy:
        raise typer.Exit(FAILED)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
    warehouse: Warehouse = None,
) -> None:
    """Open the Dagster UI on this machine: lineage, runs, checks, backfills."""
    import os
    import subprocess

    from offtape_assets.backfill import instance_folder

    settings = settings_from(warehouse=warehouse)
    home = instance_folder(settings.warehouse)
    environment = os.environ | {"DAGSTER_HOME": str(home), "OFFTAPE_WAREHOUSE": settings.warehouse}
    command = [sys.executable, "-m", "dagster", "dev", "-m", "offtape_assets.definitions"]
    console.print(f"http://127.0.0.1:{port} (Ctrl-C stops it)")
    subprocess.run([*command, "-h", "127.0.0.1", "-p", str(port)], env=environment, check=False)


def _run_backfill(
    settings: Settings, first: date, last: date, select: str | None, force: bool
) -> bool:
    """Run with a progress bar; print what failed and say whether all is done."""
    from offtape_assets.agenda import SelectionError, first_day_needed
    from offtape_assets.backfill import Backfill
    from offtape_assets.definitions import open_house

    try:
        start = first_day_needed(select, first, last)
        settings = settings.model_copy(update={"start_date": start, "last_date": last})
        house = open_house(settings)
        _ = house.source  # a source that cannot be opened is told before anything runs
    except SelectionError as unknown:
        raise fail(str(unknown), MISUSED) from None
    except SourceError as error:
        raise fail(str(error)) from None
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=errors, transient=True) as bar:
        task = bar.add_task("planning", total=None)

        def advance(step: str, finished: int, total: int) -> None:
            bar.update(task, description=step.split("__")[0], completed=finished, total=total)

        house.progress = advance
        problems = Backfill(settings, house, first, last, select, force).run()
    for problem in problems:
        errors.print(
            f"[red]{problem.status}[/] {problem.partition}: {problem.reason}", soft_wrap=True
        )
    done = f"{len(problems)} not done, listed above" if problems else "every partition is done"
    console.print(f"{first} to {last}: {done}; see [bold]offtape status[/]")
    return not problems


def _open_catalog(settings: Settings) -> Any:
    """The warehouse's catalog, read-only."""
    from offtape_assets.storage.catalog import CatalogMissingError, open_catalog
    from offtape_assets.storage.warehouse import Warehouse as Store

    try:
        return open_catalog(Store(settings.warehouse))
    except CatalogMissingError as error:
        raise fail(str(error)) from None


def _print_rows(names: list[str], rows: list[tuple[Any, ...]], style: Format) -> None:
    if style is Format.json:
        print(json.dumps([dict(zip(names, row, strict=True)) for row in rows], default=str))
    elif style is Format.csv:
        import csv

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)
    else:
        grid = Grid(*names)
        for row in rows:
            grid.add_row(*("" if value is None else str(value) for value in row))
        console.print(grid)


if __name__ == "__main__":
    app()
