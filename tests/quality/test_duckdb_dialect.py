"""The shim is needed, and tells when it is not."""

import subprocess
import sys

ASK = """
import great_expectations as gx, duckdb, sys
from great_expectations import expectations as gxe
if sys.argv[1] == "with":
    from offtape_assets.quality.duckdb_dialect import keep_connections_open
    keep_connections_open()
    keep_connections_open()
file = sys.argv[2]
duckdb.connect(file).execute("create table rows_of_a_date as select 1 as number").close()
context = gx.get_context(mode="ephemeral")
context.variables.progress_bars = {"globally": False}
source = context.data_sources.add_sql("warehouse", connection_string=f"duckdb:///{file}")
batch = source.add_table_asset("rows_of_a_date").add_batch_definition_whole_table("all")
result = batch.get_batch().validate(gxe.ExpectTableRowCountToEqual(value=1))
print("holds" if result.success else "unknown")
"""


def ask(shim: str, file: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", ASK, shim, file], capture_output=True, text=True, check=True
    )
    return run.stdout.strip().splitlines()[-1]


def test_great_expectations_reads_duckdb_with_the_shim(tmp_path) -> None:
    assert ask("with", str(tmp_path / "with.duckdb")) == "holds"


def test_the_shim_is_still_needed(tmp_path) -> None:
    answer = ask("without", str(tmp_path / "without.duckdb"))
    assert answer == "unknown", "this release reads DuckDB alone: remove quality/duckdb_dialect.py"
