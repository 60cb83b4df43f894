"""The manifest survives kills, keeps every answer and is read by several at once."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

import duckdb

from offtape_assets.sources.manifest import Entry, Manifest, now

OK = Entry(
    "massive", "trades_v1", "a.csv.gz", "2024-11-05", "2024-11-05", "ok", now(), etag='"1"',
    content_length=10, sha256="ab",
)  # fmt: skip


def test_the_last_answer_stands_and_the_last_landed_file_is_held(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(OK)
    manifest.append(replace(OK, status="restated", etag='"2"'))
    manifest.append(replace(OK, path="b.csv.gz", status="forbidden"))
    other = Manifest(tmp_path)
    assert other.held("a.csv.gz") == OK
    assert [e.status for e in other.standing()] == ["restated", "forbidden"]
    assert other.held("b.csv.gz") is None
    assert other.latest("c.csv.gz") is None
    manifest.append(replace(OK, etag='"2"'))
    held = other.held("a.csv.gz")
    assert held is not None
    assert held.etag == '"2"'
    assert len(other.entries()) == 4


def test_a_line_torn_by_a_kill_costs_that_line_only(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(OK)
    with manifest.file.open("ab") as file:
        file.write(b'{"vendor": "massive", "path": "tor')
    assert Manifest(tmp_path).entries() == [OK]
    Manifest(tmp_path).append(replace(OK, path="b.csv.gz"))
    assert [e.path for e in Manifest(tmp_path).entries()] == ["a.csv.gz", "b.csv.gz"]


def test_fields_of_a_later_version_are_ignored(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(OK)
    text = manifest.file.read_text().replace("{", '{"invented_later": 1, ', 1)
    manifest.file.write_text(text)
    assert Manifest(tmp_path).entries() == [OK]


def _append(folder: str, number: int) -> None:
    for count in range(50):
        Manifest(Path(folder)).append(replace(OK, path=f"{number}-{count}", reason="x" * 2000))


def test_processes_append_whole_lines(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.starmap(_append, [(str(tmp_path), number) for number in range(4)])
    assert len({entry.path for entry in Manifest(tmp_path).entries()}) == 200


def test_anyone_reads_it_as_a_table(tmp_path: Path) -> None:
    manifest = Manifest(tmp_path)
    manifest.append(OK)
    manifest.append(replace(OK, path="b.csv.gz", status="absent_expected"))
    query = f"select status, count(*) from read_json('{manifest.file}') group by all order by all"
    assert duckdb.sql(query).fetchall() == [("absent_expected", 1), ("ok", 1)]
