"""SQL is not put together from values, paths stay inside, secrets stay hidden, analysts only read."""

import ast
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from offtape_assets.cli import app
from offtape_assets.settings import Settings
from offtape_assets.storage.catalog import build_catalog
from offtape_assets.storage.store import S3Store
from offtape_assets.storage.warehouse import Partition, Warehouse
from offtape_assets.tables import raw
from tests.cluster import bucket
from tests.conftest import PROJECT
from tests.storage.test_warehouse import BAR, BARS, put

DAY = date(2024, 11, 5)
SAFE_CALLS = {"quoted", "int", "len", "select_list", "empty_select", "source_sql", "join", "str"}
"""Calls whose result may stand in SQL: literals with quotes doubled, numbers, declared columns."""
SAFE_ATTRIBUTES = {
    "full_name",
    "schema",
    "name",
    "dtype",
    "predicate",
    "columns",
    "sort_columns",
    "grain",
}
"""Words of the declarations (tables/), never of data."""


def sql_of(tree: ast.AST) -> Iterator[ast.JoinedStr]:
    """The f-strings given to execute, executemany or sql of a connection."""
    for node in ast.walk(tree):
        is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if is_call and node.func.attr in ("execute", "executemany"):  # type: ignore[attr-defined]
            for argument in node.args[:1]:  # type: ignore[attr-defined]
                yield from (n for n in ast.walk(argument) if isinstance(n, ast.JoinedStr))


def unsafe(node: ast.expr, fragments: set[str]) -> bool:
    """Whether an expression inside SQL text may carry a value."""
    if isinstance(node, ast.Call):
        name = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        return name not in SAFE_CALLS and not name.startswith("_")
    if isinstance(node, ast.Attribute):
        return node.attr not in SAFE_ATTRIBUTES
    if isinstance(node, ast.Name):
        return node.id not in fragments
    return not isinstance(node, ast.Constant | ast.JoinedStr | ast.IfExp)


FRAGMENTS = {
    *("query", "files", "names", "columns", "order", "footer", "hive", "rows", "kept", "reasons"),
    *("json", "key", "declared", "schema", "name", "kind", "text", "options", "counts", "count"),
}
"""Local names of SQL fragments that are themselves made of declarations or by quoted()."""


def test_no_value_is_formatted_into_sql() -> None:
    found = []
    for path in sorted((PROJECT / "offtape_assets").rglob("*.py")):
        if not any(layer in path.parts for layer in ("storage", "assets", "cli")):
            continue
        for text in sql_of(ast.parse(path.read_text())):
            for part in ast.walk(text):
                if isinstance(part, ast.FormattedValue) and unsafe(part.value, FRAGMENTS):
                    found.append(f"{path.name}:{part.lineno} {ast.unparse(part.value)}")
    assert found == []


@pytest.mark.parametrize("ticker", ["x'; drop table y; --", "a' or '1'='1", 'q"x', "$date", "%27"])
def test_a_hostile_ticker_is_a_value_everywhere(tmp_path: Path, ticker: str) -> None:
    warehouse = Warehouse(str(tmp_path))
    target = Partition(BARS, DAY, ticker)
    put(warehouse, target, BAR)
    state = warehouse.state(target)
    assert state is not None
    assert state.status == "done"


@given(st.text(min_size=1))
def test_no_ticker_leaves_its_folder(ticker: str) -> None:
    try:
        key = Partition(raw.TRADES, DAY, ticker).file
    except UnicodeEncodeError:
        return  # half a surrogate pair has no bytes, and so no path
    assert key.count("/") == 4
    assert key.startswith("raw/trades/date=2024-11-05/ticker=")
    assert not {".", "..", ""} & set(key.split("/"))
    assert "\0" not in key


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", "."])
def test_a_path_is_no_ticker(name: str) -> None:
    with pytest.raises(ValueError, match="not a ticker"):
        Settings(tickers=name)


HARMLESS = "select 1 as n"
HARMFUL = {
    "copy (select 1) to '{root}/raw/x.parquet'": "read-only",
    "explain analyze copy (select 1) to '{root}/x'": "read-only",
    "attach '/tmp/other.db' as other": "read-only",
    "create table raw.mine (a int)": "read-only",
    "select * from read_csv('/etc/passwd')": "disabled",
    "select * from glob('/etc/*')": "disabled",
}


def test_analysts_read_the_warehouse_and_nothing_else(tmp_path: Path) -> None:
    build_catalog(Warehouse(str(tmp_path)))
    asked = CliRunner().invoke(app, ["sql", HARMLESS, "--warehouse", str(tmp_path)])
    assert asked.exit_code == 0
    for query, why in HARMFUL.items():
        words = ["sql", query.format(root=tmp_path), "--warehouse", str(tmp_path)]
        refused = CliRunner().invoke(app, words)
        assert refused.exit_code == 1, query
        assert why in refused.output.replace("\n", " "), query
    assert not list(tmp_path.rglob("x*"))


def test_the_bucket_s_key_is_in_no_file_and_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with bucket() as access:
        for name, value in {**access, "AWS_SECRET_ACCESS_KEY": "the-secret-key"}.items():
            monkeypatch.setenv(name, value)
        warehouse = Warehouse("s3://offtape/study")
        put(warehouse, Partition(BARS, DAY, "SPY"), BAR)
        build_catalog(warehouse)
        assert isinstance(warehouse.store, S3Store)
        for key in warehouse.store.keys(""):
            assert b"the-secret-key" not in (warehouse.store.read_bytes(key) or b"")
        query = "select secret_string from duckdb_secrets()"
        asked = CliRunner().invoke(app, ["sql", query, "--warehouse", "s3://offtape/study"])
        assert "the-secret-key" not in asked.output


def test_the_ui_listens_on_this_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def remember(command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", remember)
    CliRunner().invoke(app, ["ui", "--warehouse", str(tmp_path)])
    (command,) = [c for c in commands if "dagster" in " ".join(c)]
    assert command[command.index("-h") + 1] == "127.0.0.1"
