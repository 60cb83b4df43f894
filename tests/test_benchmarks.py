"""The table of benchmarks: every script is in it, one script again replaces its own rows only."""

import re
from pathlib import Path

import pytest

from benchmarks import collect
from benchmarks.collect import Measured, keep, measure, page, recorded, replaced, rows_printed
from tests.conftest import PROJECT

ROW = ("10 | 20 names", "0.5", "1.5", "a peer", "3.0", "gap 1e-12", ">= 2x", "True")


def measured(script: str, case: str = "10 | 20 names") -> Measured:
    return Measured(script, "2024-11-05 16:00", "12", "0.1", "whole", (case, *ROW[1:]))


def script(folder: Path, body: str) -> Path:
    file = folder / "kalman.py"
    head = f"import sys\nsys.path.insert(0, {str(PROJECT)!r})\n"
    file.write_text(head + "from benchmarks.harness import Row, arguments, report\n" + body)
    return file


def test_every_script_that_reports_is_collected() -> None:
    reporting = {
        file.stem
        for file in (PROJECT / "benchmarks").glob("*.py")
        if re.search(r"^\s*report\($|^\s*report\(.*\.format\)", file.read_text(), re.MULTILINE)
    }
    assert {name for name in reporting if not name.startswith("study_")} == set(collect.TOPICS)


def test_what_a_script_prints_before_its_rows_is_left_out() -> None:
    text = "a warning\n" + ",".join(collect.ROW_NAMES) + '\n"a, b",1.0,2.0,p,2.0,x,>= 1x,True\n'
    (row,) = rows_printed(text)
    assert row[0] == "a, b"
    assert rows_printed("no rows here\n") == []


def test_one_script_again_replaces_its_own_rows_only(tmp_path: Path) -> None:
    file = tmp_path / "benchmarks.csv"
    assert recorded(file) == []
    keep(file, replaced([], "kalman", [measured("kalman", "old"), measured("kalman", "gone")]))
    keep(file, replaced(recorded(file), "ingest", [measured("ingest")]))
    keep(file, replaced(recorded(file), "kalman", [measured("kalman", "new")]))
    assert [(one.script, one.row[0]) for one in recorded(file)] == [
        ("ingest", ROW[0]),
        ("kalman", "new"),
    ]


def test_the_page_holds_every_row_and_names_what_is_not_measured() -> None:
    missed = measured("vecm")._replace(row=(*ROW[:4], "nan", "", ">= 9x", "False"))
    text = page([measured("kalman"), missed])
    assert r"| kalman | 10 \| 20 names | 0.5 | 1.5 | a peer | 3 | gap 1e-12 | >= 2x | yes |" in text
    assert "|  |  | >= 9x | **no** |" in text
    assert "1 of 2 rows" in text
    not_measured = text.split("Not measured: ")[1].split(".")[0].split(", ")
    assert set(not_measured) == set(collect.TOPICS) - {"kalman", "vecm"}


@pytest.mark.parametrize("quick", [True, False])
def test_a_script_is_run_and_its_rows_are_kept(tmp_path: Path, quick: bool) -> None:
    script(
        tmp_path,
        "options = arguments('')\n"
        "rows = [Row('quick' if options.quick else 'whole', 1.0, 2.0, 'p', 2.0, '', '', True)]\n"
        "report('t', rows, options.format)\n",
    )
    (one,) = measure("kalman", quick, tmp_path)
    assert one.row[0] == one.size == ("quick" if quick else "whole")


def test_a_script_that_fails_keeps_a_row_that_says_so(tmp_path: Path) -> None:
    script(tmp_path, "sys.exit(3)\n")
    (one,) = measure("kalman", False, tmp_path)
    assert one.row[0] == "the script ended in an error"
    assert "exit code 3" in one.row[6]
    assert "**no**" in page([one])
