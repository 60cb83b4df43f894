"""Where partitions live and how they are replaced, read and catalogued. DuckDB, no Dagster."""
