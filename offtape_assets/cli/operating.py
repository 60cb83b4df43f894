"""Commands about the house itself: doctor and the Dagster UI."""

import sys
from typing import Annotated

import typer

from offtape_assets.cli.app import (
    FAILED,
    Landing,
    SourceName,
    Warehouse,
    app,
    console,
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
    warehouse: Warehouse = None,
) -> None:
    """Open the Dagster UI on this machine: lineage, runs, checks, backfills."""
    import os
    import subprocess

    from offtape_assets.instance import instance_folder

    settings = settings_from(warehouse=warehouse)
    home = instance_folder(settings)
    environment = os.environ | {"DAGSTER_HOME": str(home), "OFFTAPE_WAREHOUSE": settings.warehouse}
    command = [sys.executable, "-m", "dagster", "dev", "-m", "offtape_assets.definitions"]
    console.print(f"http://127.0.0.1:{port} (Ctrl-C stops it)")
    subprocess.run([*command, "-h", "127.0.0.1", "-p", str(port)], env=environment, check=False)
