"""Where the project's SQL files are and how a connection is prepared to run them.

One file holds one SELECT and fills one table: sql/<layer>/<table>.sql. A claim on groups of rows
is sql/<layer>/<table>.check_<claim>.sql and returns the guilty rows.
"""

from pathlib import Path

from offtape_assets.tables.table import Table

_PACKAGE = Path(__file__).resolve().parent.parent
SQL_FOLDER = next(
    folder for folder in (_PACKAGE.parent / "sql", _PACKAGE / "_sql") if folder.is_dir()
)


def query_text(table: Table) -> str:
    """The SELECT that fills `table`."""
    return (SQL_FOLDER / table.schema / f"{table.name}.sql").read_text()


def has_query(table: Table) -> bool:
    """Whether a SQL file fills `table`."""
    return (SQL_FOLDER / table.schema / f"{table.name}.sql").is_file()


def group_checks(table: Table) -> dict[str, str]:
    """Claims on groups of rows: name to the SELECT of the guilty rows."""
    prefix = f"{table.name}.check_"
    files = sorted((SQL_FOLDER / table.schema).glob(f"{prefix}*.sql"))
    return {file.stem.removeprefix(prefix): file.read_text() for file in files}


def views(schema: str) -> dict[str, str]:
    """All SELECTs of a layer by table name, checks excluded."""
    files = sorted((SQL_FOLDER / schema).glob("*.sql"))
    return {file.stem: file.read_text() for file in files if ".check_" not in file.name}


def quoted(text: str) -> str:
    """`text` as a SQL string literal, for statements that take no parameters (views, COPY)."""
    return "'" + text.replace("'", "''") + "'"


def parameters(text: str, **known: object) -> dict[str, object] | None:
    """Those of the known values that a query names as $name; None where it names none."""
    return {name: value for name, value in known.items() if f"${name}" in text} or None
