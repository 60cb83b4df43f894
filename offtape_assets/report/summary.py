"""What a run found, printed on a terminal: rows by table, claims that failed, a query to try."""

from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from offtape_assets.settings import Settings
from offtape_assets.tables.registry import stored_tables


def show_findings(connection: Any, settings: Settings, console: Console) -> None:
    """Print row counts, violated claims, quarantined rows and where to look next."""
    rows = Grid("table", "rows", title="what was built")
    for table in stored_tables():
        count = connection.execute(f"select count(*) from {table.full_name}").fetchone()[0]
        if count:
            rows.add_row(table.full_name, f"{count:,}")
    console.print(rows)
    claims = Grid("table", "claim", "partitions", "rows", title="claims that were violated")
    for row in connection.execute(_VIOLATED).fetchall():
        claims.add_row(*map(str, row))
    console.print(claims)
    aside = Grid("table", "reason", "rows", title="rows set aside in quality.quarantine")
    for row in connection.execute(_SET_ASIDE).fetchall():
        aside.add_row(*map(str, row))
    console.print(aside)
    recovery = Grid(
        *("estimator", "quantity", "estimates", "ok", "bias", "rmse", "sd of z", "90 % coverage"),
        title="estimates beside the planted truth (mart.recovery_scores)",
    )
    for row in connection.execute(_RECOVERY).fetchall():
        recovery.add_row(*("" if value is None else str(value) for value in row))
    if recovery.row_count:
        console.print(recovery)
    console.print(
        f"\nthe warehouse is {settings.warehouse}; try\n  offtape sql {_TRY!r}\n"
        "  offtape status\n  offtape ui",
        highlight=False,
    )


_VIOLATED = """
select schema_name || '.' || table_name, claim, count(*), sum(violations)::bigint
from quality.results where not passed group by all order by all
"""
_SET_ASIDE = """
select schema_name || '.' || table_name, reason, count(*)
from quality.quarantine group by all order by all
"""
_RECOVERY = """
select
    estimator, quantity, estimates, estimates_ok, printf('%.3g', bias), printf('%.3g', rmse),
    printf('%.2f', sd_z), printf('%.2f', coverage_90)
from mart.recovery_scores order by all
"""
_TRY = (
    "select ticker, sum(num_trades) as trades, avg(pct_trades_iso) as iso_share"
    " from features.microstructure_1m group by ticker order by trades desc limit 10"
)
