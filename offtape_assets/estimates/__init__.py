"""Frames to frames: pick columns, loop groups, name units. No Dagster, no DuckDB, no mathematics."""
