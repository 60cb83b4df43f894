"""Which columns a SELECT reads: tables by their names, columns by following the query's scopes.

sqlglot resolves stars, aliases and common table expressions; it loads on first use.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from offtape_assets.storage.sql import query_text
from offtape_assets.tables.registry import SCHEMAS, mart_tables, stored_tables
from offtape_assets.tables.table import Table

if TYPE_CHECKING:
    from sqlglot.optimizer.scope import Scope

_NAME = re.compile(rf"\b(?:{'|'.join(SCHEMAS)})\.\w+\b")


class Source(NamedTuple):
    """A column of a table of the warehouse."""

    table: str
    column: str


def tables_read(query: str) -> list[str]:
    """Full names of the declared tables that a query names, in order, each once."""
    known = {table.full_name for table in (*stored_tables(), *mart_tables())}
    text = "\n".join(line.partition("--")[0] for line in query.splitlines())
    return list(dict.fromkeys(name for name in _NAME.findall(text) if name in known))


@lru_cache(maxsize=128)
def column_lineage(table: Table) -> dict[str, list[Source]]:
    """The columns each column of a table is made from, for tables filled by a SQL file.

    A column made of constants or counts alone has no sources; one that comes out of an UNPIVOT or
    a lateral VALUES list is not followed into it.
    """
    import logging

    import sqlglot
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of every UNPIVOT
    parsed = sqlglot.parse_one(query_text(table), dialect="duckdb")
    resolved = qualify(
        parsed, schema=_schema(), dialect="duckdb", validate_qualify_columns=False, identify=False
    )
    scope = build_scope(resolved)
    if scope is None:
        return {}
    seen: dict[tuple[int, str], set[Source]] = {}
    return {column.name: sorted(_sources(scope, column.name, seen)) for column in table.columns}


@lru_cache(maxsize=1)
def _schema() -> dict[str, dict[str, dict[str, str]]]:
    found: dict[str, dict[str, dict[str, str]]] = {}
    for table in (*stored_tables(), *mart_tables()):
        columns = {column.name: column.dtype for column in table.all_columns}
        found.setdefault(table.schema, {})[table.name] = columns
    return found


def _sources(scope: "Scope", column: str, seen: dict[tuple[int, str], set[Source]]) -> set[Source]:
    """Columns of tables behind one column of a scope; a union's column has those of its branches."""
    place = (id(scope), column)
    if place in seen:
        return seen[place]
    seen[place] = set()  # a scope that reads itself ends here
    found = set()
    for branch, made in _made(scope, column):
        for name, source in _columns_of(branch, made):
            if isinstance(source, type(scope)):
                found |= _sources(source, name, seen)
            elif source is not None and source.db:
                found.add(Source(f"{source.db}.{source.name}", name))
    seen[place] = found
    return found


def _made(scope: "Scope", column: str) -> "Iterator[tuple[Scope, Any]]":
    """The expressions a column of a scope is made by, each with its scope."""
    if scope.set_operation_scopes:
        names = [select.alias_or_name for select in scope.expression.selects]
        position = names.index(column) if column in names else None
        for branch in scope.set_operation_scopes:
            own = branch.expression.selects
            if position is not None and position < len(own):
                yield from _made(branch, own[position].alias_or_name)
        return
    for select in scope.expression.selects:
        if select.alias_or_name == column:
            yield scope, select


def _columns_of(scope: "Scope", made: Any) -> Iterator[tuple[str, Any]]:
    """Columns an expression names, each with the table or scope it comes from."""
    from sqlglot import expressions

    for named in made.find_all(expressions.Column):
        if named.table:
            yield named.name, scope.sources.get(named.table)
            continue
        for source in scope.sources.values():  # a name that one of the joined relations has
            if isinstance(source, type(scope)):
                names = source.expression.named_selects
            else:
                names = _schema().get(source.db, {}).get(source.name, ())
            if named.name in names:
                yield named.name, source
