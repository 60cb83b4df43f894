"""What is expected of a table's rows on a date, derived from its declaration and nothing else.

The suite of Great Expectations is made from these and run by quality/gate.py.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from offtape_assets.storage.claims import UNIQUE
from offtape_assets.storage.sql import group_checks
from offtape_assets.tables.table import Table

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite

COLUMNS = "columns_are_declared"
COUNT = "rows_are_as_written"
ROWS_WRITTEN = "rows_written"
"""Name of the suite's parameter: rows that the footers of the date's files promise."""


class Expected(NamedTuple):
    """One expectation, in SQL that yields what the table's rows are judged by.

    `holds` is a predicate on a row; `guilty` a SELECT of guilty rows over `{batch}`. One is empty.
    """

    claim: str
    reason: str
    is_blocking: bool
    holds: str = ""
    guilty: str = ""

    def found_in(self, table: Table) -> str:
        """Name of the table of guilty rows; the gate fills it before Great Expectations asks."""
        return f"{table.schema}_{table.name}_{self.claim}"

    def found(self, table: Table) -> str:
        """The guilty rows that the gate found; the batch is named because it must be."""
        return f"select * from {self.found_in(table)} where exists (from {{batch}})"


def expected_of(table: Table) -> list[Expected]:
    """The expectations on the rows of a table: its key, its claims, its claims on groups."""
    found = []
    if table.key:
        names = _key(table)
        guilty = (
            f"select {names}, count(*) as copies from {{batch}}"
            f" where {code_of(table)} in (from {repeated_codes(table)})"
            " group by all having count(*) > 1"
        )
        found.append(Expected(UNIQUE, f"{names} identify a row", True, guilty=guilty))
    for claim in table.claims:
        is_blocking = claim.is_blocking or claim.quarantines
        found.append(Expected(claim.name, claim.reason, is_blocking, holds=claim.predicate))
    for name, query in group_checks(table).items():
        guilty = _literal(_without_comments(query)).replace("from judged", "from {batch}")
        reason = f"see sql/{table.schema}/{table.name}.check_{name}.sql"
        found.append(Expected(name, reason, True, guilty=guilty))
    return found


def judged_rows(table: Table, rows: str) -> str:
    """The rows with a column for each claim on a row, NULL where it is violated.

    Great Expectations counts the NULLs of all columns in one query, so that the claims of a table
    cost one scan together.
    """
    verdicts = [
        f", case when ({expected.holds}) then true end as {expected.claim}"
        for expected in expected_of(table)
        if expected.holds
    ]
    return f"select *{''.join(verdicts)} from ({rows})"


def repeated_codes(table: Table) -> str:
    """Name of the table of key hashes that occur twice; the gate fills it once per date."""
    return f"{table.schema}_{table.name}_repeated"


def code_of(table: Table) -> str:
    """The hash of a row's key, in SQL."""
    return f"hash({_key(table)})"


def suite_of(table: Table) -> "ExpectationSuite":
    """The suite of a table: declared columns, rows as many as written, and `expected_of`."""
    import great_expectations as gx
    from great_expectations import expectations as gxe

    def about(claim: str, reason: str, is_blocking: bool = True) -> dict[str, Any]:
        return {
            "description": f"{claim}: {reason}",
            "severity": "critical" if is_blocking else "warning",
            "meta": {"claim": claim, "is_blocking": is_blocking},
        }

    found = expected_of(table)
    names = [column.name for column in table.all_columns] + [e.claim for e in found if e.holds]
    expectations = [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=names,
            exact_match=True,
            **about(COLUMNS, "the files hold the declared columns and no other"),
        ),
        gxe.ExpectTableRowCountToEqual(
            value={"$PARAMETER": ROWS_WRITTEN},
            **about(COUNT, "as many rows are read as the files' footers promise"),
        ),
    ]
    for expected in found:
        words = about(expected.claim, expected.reason, expected.is_blocking)
        expectations.append(
            gxe.ExpectColumnValuesToNotBeNull(column=expected.claim, **words)
            if expected.holds
            else gxe.UnexpectedRowsExpectation(unexpected_rows_query=expected.found(table), **words)
        )
    return gx.ExpectationSuite(table.full_name, expectations=expectations)


def _key(table: Table) -> str:
    """Columns that identify a row of a date, those of the path included."""
    return ", ".join(f'"{name}"' for name in [*table.path_columns, *table.key])


def _literal(text: str) -> str:
    """SQL whose braces are no placeholders."""
    return text.replace("{", "{{").replace("}", "}}")


def _without_comments(query: str) -> str:
    lines = query.strip().removesuffix(";").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))
