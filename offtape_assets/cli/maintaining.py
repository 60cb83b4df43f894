"""Commands that keep a warehouse well: verify, vacuum, plan."""

from datetime import datetime
from typing import Annotated

import typer

from offtape_assets.cli.app import (
    FAILED,
    Landing,
    SourceName,
    Tickers,
    Warehouse,
    app,
    console,
    errors,
    fail,
    settings_from,
)
from offtape_assets.sources.source import SourceError

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]


@app.command()
def verify(
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First date.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date.")
    ] = None,
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
