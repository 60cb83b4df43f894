"""Every fault of the runbook names the test that shows it."""

import re

import pytest

from tests.conftest import PROJECT

FAULTS = (
    "worker killed",
    "driver killed",
    "scheduler killed",
    "disk full",
    "S3 answers 5xx",
    "Postgres restarts",
    "partition file corrupt",
    "two backfills",
    "clocks differ",
    "new version, old partitions",
)


def rows() -> dict[str, list[str]]:
    """The fault table of docs/operations.md by its first column."""
    text = (PROJECT / "docs/operations.md").read_text()
    lines = text.split("| fault |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines]
    return {row[0]: row for row in cells}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_row_with_outcome_remedy_and_a_test_that_exists(fault: str) -> None:
    (row,) = [row for name, row in rows().items() if name.startswith(fault)]
    assert len(row) == 5
    assert all(row)
    found = re.fullmatch(r"`(test_\w+\.py)(?:::(test_\w+)…)?`", row[-1])
    assert found, row[-1]
    functions = re.findall(r"^def (test_\w+)", (PROJECT / "tests" / found[1]).read_text(), re.M)
    assert [name for name in functions if name.startswith(found[2] or "test_")]
