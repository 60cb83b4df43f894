"""Commands about the house itself: doctor and the Dagster UI."""

import sys
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
    settings_from,
)


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
    source: SourceName = None,
    landing: Landing = None,
    tickers: Tickers = None,
    warehouse: Warehouse = None,
) -> None:
    """Open the Dagster UI on this machine: lineage, runs, checks, backfills, pages of the gates.

    Example: [bold]offtape ui --tickers SPY,NVDA[/]
    """
    import os
    import subprocess

    from offtape_assets.instance import instance_folder
    from offtape_assets.quality.serving import serve_pages
    from offtape_assets.storage.warehouse import Warehouse as Store

    settings = settings_from(source=source, landing=landing, tickers=tickers, warehouse=warehouse)
    given = {
        "DAGSTER_HOME": str(instance_folder(settings)),
        "OFFTAPE_WAREHOUSE": settings.warehouse,
        "OFFTAPE_SOURCE": settings.source,
        "OFFTAPE_TICKERS": ",".join(settings.tickers),
        "PYTHONWARNINGS": "ignore",
    }
    if settings.landing:
        given["OFFTAPE_LANDING"] = str(settings.landing)
    try:
        pages = serve_pages(Store(settings.warehouse), settings.data_docs_url)
    except OSError as error:
        pages = None
        errors.print(
            f"[yellow]pages of the gates are not served at {settings.data_docs_url}[/]: {error};"
            " set OFFTAPE_DATA_DOCS_URL to a free port",
            soft_wrap=True,
        )
    command = [sys.executable, "-m", "dagster", "dev", "-m", "offtape_assets.definitions"]
    console.print(f"http://127.0.0.1:{port} (Ctrl-C stops it)")
    if pages:
        console.print(f"{settings.data_docs_url} shows what the gates said")
    subprocess.run(
        [*command, "-h", "127.0.0.1", "-p", str(port)], env=os.environ | given, check=False
    )
