"""Commands that keep a warehouse well: verify, vacuum, plan."""

from typing import Annotated

import typer
from rich.table import Table as Grid

from offtape_assets.cli.app import (
    FAILED,
    MISUSED,
    From,
    Landing,
    MaybeFrom,
    MaybeTo,
    SourceName,
    Tickers,
    To,
    Warehouse,
    app,
    console,
    errors,
    fail,
    settings_from,
)
from offtape_assets.sources.source import SourceError


@app.command()
def verify(
    first: MaybeFrom = None,
    last: MaybeTo = None,
    repair: Annotated[
        bool, typer.Option(help="Put damaged files aside and build again what is missing.")
    ] = False,
    source: SourceName = None,
    landing: Landing = None,
    tickers: Tickers = None,
    warehouse: Warehouse = None,
) -> None:
    """Compare every partition with what was written: bytes, row counts, claims, lineage.

    Example: [bold]offtape verify --from 2024-11-05 --to 2024-11-05 --repair[/]
    """
    from offtape_assets import verifying
    from offtape_assets.definitions import open_house

    settings = settings_from(source=source, landing=landing, tickers=tickers, warehouse=warehouse)
    days = (first.date() if first else None, last.date() if last else None)
    try:
        house = open_house(settings)
        found = list(verifying.faults(house, *days))
    except SourceError as error:
        raise fail(str(error)) from None
    for fault in found:
        console.print(f"[red]{fault.kind}[/] {fault.partition}: {fault.detail}", soft_wrap=True)
    console.print(f"{len(found)} faults in {settings.warehouse}", soft_wrap=True)
    if found and repair:
        for problem in verifying.repair(house, found):
            errors.print(f"[red]{problem.status}[/] {problem.partition}: {problem.reason}")
        found = list(verifying.faults(house, *days))
        console.print(f"{len(found)} faults after repair")
    if found:
        raise typer.Exit(FAILED)


@app.command()
def vacuum(
    keep_hours: Annotated[
        float, typer.Option(min=0, help="Leave alone what is younger than this.")
    ] = 24.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list.")] = False,
    warehouse: Warehouse = None,
) -> None:
    """Remove what nothing reads: scratch of dead processes, orphans, damaged files, old versions."""
    from offtape_assets.storage.warehouse import Warehouse as Store
    from offtape_assets.vacuuming import remove, waste

    store = Store(settings_from(warehouse=warehouse).warehouse)
    if not dry_run:
        for name in store.store.sweep():
            console.print(f"scratch {name}")
    count, size = 0, 0
    for piece in waste(store, keep_hours):
        console.print(f"{piece.kind} {piece.key}", soft_wrap=True, highlight=False)
        count, size = count + 1, size + piece.size
        if not dry_run:
            remove(store, piece)
    verb = "would be removed" if dry_run else "removed"
    console.print(f"{count} files of {size / 1e6:.1f} MB {verb}")


@app.command()
def plan(
    first: From,
    last: To,
    workers: Annotated[int | None, typer.Option(help="Threads here, or of the cluster.")] = None,
    on_cluster: Annotated[bool, typer.Option("--on-cluster", help="Workers of a cluster.")] = False,
    source: SourceName = None,
    landing: Landing = None,
    tickers: Tickers = None,
    warehouse: Warehouse = None,
) -> None:
    """Predict a backfill's time, memory and disk from what this warehouse recorded so far.

    Example: [bold]offtape plan --from 2015-01-02 --to 2024-12-31 --workers 32 --on-cluster[/]
    """
    from offtape_assets import planning
    from offtape_assets.definitions import open_house

    if last < first:
        raise fail(f"--to {last.date()} lies before --from {first.date()}", MISUSED)
    settings = settings_from(
        source=source, landing=landing, tickers=tickers, workers=workers, warehouse=warehouse
    )
    house, days = open_house(settings), (first.date(), last.date())
    try:
        rates = planning.learn(house)
    except planning.NoRecordError as error:
        raise fail(str(error)) from None
    found = planning.predict(house, rates, *days, settings.workers, on_cluster)
    grid = Grid("stage", "partitions", "work, hours", "size, GB", title="what it will take")
    for stage in found.stages:
        cells = f"{stage.work_seconds / 3600:.3f}", f"{stage.size / 1e9:.3f}"
        grid.add_row(stage.name, str(stage.partitions), *cells)
    console.print(grid)
    console.print(
        f"{found.dates} dates, {len(settings.tickers)} names, {settings.workers} workers:"
        f" {found.wall_seconds / 60:.1f} minutes, {found.memory_mb} MB of memory a process,"
        f" {found.size / 1e9:.2f} GB of disk (learnt from {rates.learnt_from} partitions)",
        soft_wrap=True,
    )
    useful = planning.useful_workers(house, rates, *days)
    console.print(f"a cluster of up to {useful} one-thread workers is busy at least half the time")
