"""Commands that make tables: backfill, demo, and the simulated market as vendor files."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from offtape_assets.cli.app import (
    FAILED,
    MISUSED,
    From,
    Landing,
    SourceName,
    Tickers,
    To,
    Warehouse,
    app,
    console,
    errors,
    fail,
    opened_catalog,
    settings_from,
)
from offtape_assets.settings import Settings
from offtape_assets.sources.source import SourceError


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
    cluster: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler [OFFTAPE_CLUSTER].")
    ] = None,
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
        cluster=cluster,
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
    with opened_catalog(settings) as connection:
        show_findings(connection, settings, console)
    if not finished:
        raise typer.Exit(FAILED)


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


def _run_backfill(
    settings: Settings, first: date, last: date, select: str | None, force: bool
) -> bool:
    """Run with a progress bar; print what failed and say whether all is done."""
    from offtape_assets.agenda import SelectionError, first_day_needed
    from offtape_assets.backfill import Backfill
    from offtape_assets.definitions import open_house
    from offtape_assets.launching import ClusterError

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
        try:
            problems = Backfill(settings, house, first, last, select, force).run()
        except ClusterError as error:
            raise fail(str(error)) from None
    for problem in problems:
        errors.print(
            f"[red]{problem.status}[/] {problem.partition}: {escape(problem.reason)}",
            highlight=False,
            soft_wrap=True,
        )
    done = f"{len(problems)} not done, listed above" if problems else "every partition is done"
    console.print(f"{first} to {last}: {done}; see [bold]offtape status[/]")
    return not problems
