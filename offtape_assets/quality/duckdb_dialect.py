"""What lets Great Expectations 1.24 read DuckDB: its connection must outlive a single query.

Without this every metric comes back empty (issue 11579 of Great Expectations). The test of this
module tells when a release no longer needs it.
"""


class _Dialect(str):
    """A name that also answers to `.value`, as the members of the engine's own list do."""

    @property
    def value(self) -> str:
        """The name itself."""
        return str(self)


def keep_connections_open() -> None:
    """Put DuckDB among the dialects whose connection Great Expectations keeps.

    Raises
    ------
    RuntimeError
        If this release of Great Expectations has no such list.
    """
    import great_expectations
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    kept = getattr(engine, "_PERSISTED_CONNECTION_DIALECTS", None)
    if not isinstance(kept, tuple):
        raise RuntimeError(
            f"great-expectations {great_expectations.__version__} keeps no list of dialects whose"
            " connection stays open: install great-expectations~=1.24.0"
        )
    if "duckdb" not in kept:
        engine._PERSISTED_CONNECTION_DIALECTS = (*kept, _Dialect("duckdb"))
