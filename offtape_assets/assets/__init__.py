"""Tables to tables: what Dagster materializes, one module per subject. No arithmetic here."""
