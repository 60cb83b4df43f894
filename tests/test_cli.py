"""The commands as a user types them: output, exit codes, one-line errors with a remedy."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from offtape_assets.cli import app
from tests import small_day
from tests.test_faults import SELECT, TUESDAY

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with one small day of two tickers."""
    folder = tmp_path_factory.mktemp("cli")
    small_day.land(folder / "landing", TUESDAY, ["AAA", "BBB"])
    result = RUNNER.invoke(
        app,
        [
            *("backfill", "--from", str(TUESDAY), "--to", str(TUESDAY), "--select", SELECT),
            *("--source", "landing", "--landing", str(folder / "landing")),
            *("--tickers", "AAA,BBB", "--warehouse", str(folder / "warehouse")),
        ],
    )
    assert result.exit_code == 0, result.output
    assert "every partition is done" in result.output
    return folder / "warehouse"


def ask(warehouse: Path, *words: str) -> tuple[int, str]:
    result = RUNNER.invoke(app, [*words, "--warehouse", str(warehouse)])
    return result.exit_code, result.output


def test_sql_prints_csv_and_json(warehouse: Path) -> None:
    query = "select ticker, count(*) as n from raw.trades group by all order by all"
    assert ask(warehouse, "sql", query, "--format", "csv") == (0, "ticker,n\nAAA,299\nBBB,299\n")
    code, text = ask(warehouse, "sql", query, "--format", "json")
    assert code == 0
    assert json.loads(text) == [{"ticker": "AAA", "n": 299}, {"ticker": "BBB", "n": 299}]


def test_a_wrong_query_is_one_line_not_a_trace(warehouse: Path) -> None:
    code, text = ask(warehouse, "sql", "select nonsense from raw.trades")
    assert code == 1
    assert "nonsense" in text
    assert "Traceback" not in text


def test_sql_cannot_write(warehouse: Path) -> None:
    code, text = ask(warehouse, "sql", "create table raw.mine (a int)")
    assert code == 1
    assert "read-only" in text


def test_status_counts_partitions(warehouse: Path) -> None:
    landing = warehouse.parent / "landing"
    code, text = ask(
        warehouse, *("status", "--source", "landing", "--landing", str(landing)),
        *("--tickers", "AAA,BBB"),
    )  # fmt: skip
    assert code == 0
    assert "raw.trades" in text
    assert "2 done" in text


def test_a_restated_file_makes_its_partitions_stale(tmp_path: Path) -> None:
    landing, store = tmp_path / "landing", tmp_path / "warehouse"
    small_day.land(landing, TUESDAY, ["AAA"])
    common = ["--source", "landing", "--landing", str(landing), "--tickers", "AAA"]
    dates = ["--from", str(TUESDAY), "--to", str(TUESDAY)]
    assert ask(store, "backfill", *common, *dates, "--select", SELECT)[0] == 0
    small_day.land(landing, TUESDAY, ["AAA"], ticks=200)
    assert "1 stale" in ask(store, "status", *common)[1]
    assert ask(store, "backfill", *common, *dates, "--select", SELECT)[0] == 0
    code, text = ask(store, "sql", "select count(*) as n from raw.trades", "--format", "csv")
    assert (code, text) == (0, "n\n199\n")


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["backfill", "--from", "2024-11-05", "--to", "2024-11-04"], 2, "lies before"),
        (["backfill", "--from", "2024-11-05", "--to", "x"], 2, "--to"),
        (
            ["backfill", "--from", "2024-11-05", "--to", "2024-11-05", "--select", "raw.x"],
            2,
            "raw.x: no such table",
        ),
        (
            ["backfill", "--from", "2024-11-05", "--to", "2024-11-05", "--source", "landing"],
            1,
            "--landing",
        ),
        (
            ["backfill", "--from", "2024-11-05", "--to", "2024-11-05", "--source", "moon"],
            2,
            "OFFTAPE_SOURCE",
        ),
        (["sql", "select 1"], 1, "offtape demo"),
        (["status"], 0, "offtape demo"),
    ],
)
def test_misuse_names_the_remedy(tmp_path: Path, words: list[str], code: int, hint: str) -> None:
    result = RUNNER.invoke(app, [*words, "--warehouse", str(tmp_path / "none")])
    assert result.exit_code == code, result.output
    assert hint in result.output
    assert "Traceback" not in result.output


def test_doctor_says_what_is_missing_and_how_to_mend_it(tmp_path: Path) -> None:
    result = RUNNER.invoke(
        app, ["doctor", "--source", "landing", "--warehouse", str(tmp_path / "none")]
    )
    assert result.exit_code == 1
    assert "--landing" in result.output
    assert RUNNER.invoke(app, ["doctor", "--warehouse", str(tmp_path)]).exit_code == 0


def test_absence_is_a_failure_only_for_tables_asked_by_name(tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    small_day.land(landing, TUESDAY, ["AAA"])
    common = ["backfill", "--source", "landing", "--landing", str(landing), "--tickers", "AAA,ZZZ"]
    common += ["--from", str(TUESDAY), "--to", str(TUESDAY)]
    assert ask(tmp_path / "a", *common, "--select", "raw")[0] == 0
    code, text = ask(tmp_path / "b", *common, "--select", "raw.trades")
    assert code == 1
    assert "ZZZ" in text


def test_check_judges_what_is_there_again(warehouse: Path) -> None:
    code, text = ask(warehouse, "check")
    assert code == 0
    assert "0 of them blocking" in text


def test_check_finds_a_torn_file(tmp_path: Path) -> None:
    small_day.land(tmp_path / "landing", TUESDAY, ["AAA"])
    store = tmp_path / "warehouse"
    common = ["backfill", "--source", "landing", "--landing", str(tmp_path / "landing")]
    common += ["--from", str(TUESDAY), "--to", str(TUESDAY), "--tickers", "AAA"]
    assert ask(store, *common, "--select", "raw.trades")[0] == 0
    file = next((store / "raw/trades").rglob("data.parquet"))
    file.write_bytes(file.read_bytes()[:100])
    code, text = ask(store, "check")
    assert code == 1
    assert "file_is_readable" in text
    assert ask(store, *common, "--select", "raw.trades")[0] == 0
    assert ask(store, "check")[0] == 0


def test_check_takes_one_end_of_a_range(warehouse: Path) -> None:
    after = ask(warehouse, "check", "--from", "2024-11-06")[1]
    before = ask(warehouse, "check", "--to", "2024-11-05")[1]
    assert int(after.split(" verdicts")[0].split()[-1]) < int(
        before.split(" verdicts")[0].split()[-1]
    )


def test_a_report_on_a_date_nobody_built_says_how_to_build_it(warehouse: Path) -> None:
    code, text = ask(warehouse, "report", "--date", "2023-01-03")
    assert code == 1
    assert "offtape backfill --from 2023-01-03" in text


def test_brackets_in_a_message_are_printed_as_they_are(warehouse: Path) -> None:
    code, text = ask(warehouse, "sql", "select [1, nonsense] from raw.trades")
    assert code == 1
    assert "[1, nonsense]" in text
    assert ask(warehouse, "sql", "select '[red]' as word")[1].count("[red]") == 1


def test_an_error_nobody_foresaw_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(settings: object) -> None:
        raise RuntimeError("the disk is on fire\nsecond line")

    monkeypatch.setattr("offtape_assets.diagnosis.findings", breaks)
    monkeypatch.setattr("sys.argv", ["offtape", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        app()
    assert stopped.value.code == 1
    said = capsys.readouterr().err
    assert "RuntimeError: the disk is on fire" in said.replace("\n", " ")
    assert "second line" not in said
    assert "Traceback" not in said


def test_every_command_explains_itself() -> None:
    overview = RUNNER.invoke(app, ["--help"]).output
    assert "--install-completion" in overview
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        help_text = RUNNER.invoke(app, [name, "--help"]).output
        assert command.callback.__doc__.splitlines()[0].split()[0] in help_text
