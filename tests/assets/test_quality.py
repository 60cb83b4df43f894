"""A planted failure of each kind stops exactly what reads the guilty partition, and says why."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.assets import features as features_assets
from offtape_assets.assets import materialize, raw_day
from offtape_assets.assets.house import open_house
from offtape_assets.assets.inputs import Inputs
from offtape_assets.backfill import Backfill, Problem
from offtape_assets.settings import Settings
from offtape_assets.storage.catalog import open_catalog
from offtape_assets.storage.warehouse import Warehouse
from offtape_assets.tables import features, raw
from offtape_assets.tables.table import Table
from tests import small_day

TUESDAY = date(2024, 11, 5)
TICKERS = ["AAA", "BBB"]
SELECT = "features.signed_trades,features.mid_ticks"


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    small_day.land(tmp_path / "landing", TUESDAY, TICKERS, ticks=60)
    return tmp_path / "landing"


def build(landing: Path, warehouse: Path, tickers: list[str] = TICKERS) -> list[Problem]:
    settings = Settings(
        source="landing", landing=landing, warehouse=str(warehouse), tickers=",".join(tickers),
        start_date=TUESDAY, last_date=TUESDAY, workers=1,
    )  # fmt: skip
    return Backfill(settings, open_house(settings), TUESDAY, TUESDAY, SELECT).run()


def standing(warehouse: Path, table: Table) -> dict[str, str]:
    states = Warehouse(str(warehouse)).states([table], TUESDAY)
    return {partition.ticker: state.status for partition, state in states.items()}


def rewrite(landing: Path, bad: list[str]) -> None:
    good = [small_day.trade(TUESDAY, t, number) for t in TICKERS for number in range(1, 60)]
    small_day.write(landing, "trades_v1", TUESDAY, good + bad)


def bad_build(plant: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable:
    """The real function with its first table spoilt for one ticker."""
    real = features_assets.microstructure.build

    def spoilt(inputs: Inputs) -> tuple[pl.DataFrame, ...]:
        first, *rest = real(inputs)
        return (plant(first) if inputs.ticker == "AAA" else first, *rest)

    return spoilt


def plant(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    asset = replace(features_assets.microstructure, build=bad_build(spoil))
    monkeypatch.setattr(features_assets, "microstructure", asset)


def test_a_bad_raw_row_is_set_aside_and_stops_nothing(landing: Path, tmp_path: Path) -> None:
    rewrite(landing, [small_day.trade(TUESDAY, "AAA", 70, "-5")])
    assert build(landing, tmp_path / "w") == []
    with open_catalog(Warehouse(str(tmp_path / "w"))) as catalog:
        found = catalog.execute(
            "select reason, partition_ticker from quality.quarantine"
        ).fetchall()
        by_day = catalog.execute(
            "select gate_expectations > 0, gate_violated, rows_quarantined from mart.quality_by_day"
            " where table_name = 'trades'"
        ).fetchall()
    assert found == [("price_is_positive", "AAA")]
    assert by_day == [(True, 0, 1)]


def test_a_mostly_bad_file_stops_the_readers_of_its_ticker(landing: Path, tmp_path: Path) -> None:
    rewrite(landing, [small_day.trade(TUESDAY, "AAA", 100 + n, "-5") for n in range(100)])
    problems = build(landing, tmp_path / "w")
    assert standing(tmp_path / "w", raw.TRADES) == {"AAA": "failed", "BBB": "done"}
    assert standing(tmp_path / "w", features.SIGNED_TRADES) == {"AAA": "failed", "BBB": "done"}
    assert standing(tmp_path / "w", features.MID_TICKS) == {"AAA": "done", "BBB": "done"}
    assert "most_rows_are_kept (100 of 159 rows)" in problems[0].reason
    assert len(rows_shown(tmp_path / "w", problems[0].reason)) == 100


def test_a_warning_stops_nothing(landing: Path, tmp_path: Path) -> None:
    crossed = [small_day.quote(TUESDAY, "AAA", 70, bid=101, ask=100)]
    good = [small_day.quote(TUESDAY, t, number) for t in TICKERS for number in range(1, 60)]
    small_day.write(landing, "quotes_v1", TUESDAY, good + crossed)
    assert build(landing, tmp_path / "w") == []
    with open_catalog(Warehouse(str(tmp_path / "w"))) as catalog:
        query = "select claim, violations, is_blocking, guilty_tickers from quality.gates where not passed"
        assert catalog.execute(query).fetchall() == [("book_is_not_crossed", 1, False, "AAA")]


def test_a_violated_claim_of_a_feature_stops_its_ticker(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, lambda rows: rows.with_columns(sign_quote_rule=pl.lit(7, pl.Int8)))
    problems = build(landing, tmp_path / "w")
    assert standing(tmp_path / "w", features.SIGNED_TRADES) == {"AAA": "failed", "BBB": "done"}
    assert standing(tmp_path / "w", raw.TRADES) == {"AAA": "done", "BBB": "done"}
    (reason,) = {p.reason for p in problems}
    assert "signs_are_directions (59 of 59 rows)" in reason
    assert len(rows_shown(tmp_path / "w", reason)) == 59


def test_an_error_in_a_function_stops_its_ticker(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, lambda rows: rows.drop("size"))
    (problem,) = build(landing, tmp_path / "w")
    assert "missing columns ['size']" in problem.reason
    assert standing(tmp_path / "w", features.SIGNED_TRADES) == {"AAA": "failed", "BBB": "done"}


def test_what_slips_past_the_step_is_refused_at_the_gate(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sieve that keeps everything: the gate alone sees the bad row."""
    rewrite(landing, [small_day.trade(TUESDAY, "AAA", 70, "-5")])

    monkeypatch.setattr(raw_day, "set_aside", keeps_everything)
    problems = {p.partition.split()[0]: p.reason for p in build(landing, tmp_path / "w")}
    assert set(problems) == {"raw.trades", "features.signed_trades"}
    assert (
        "refused at the gate of raw.trades: price_is_positive (1 of 119 rows)"
        in problems["raw.trades"]
    )
    assert "needs raw.trades, which failed" in problems["features.signed_trades"]
    assert standing(tmp_path / "w", raw.TRADES) == {"AAA": "failed", "BBB": "done"}
    assert standing(tmp_path / "w", features.SIGNED_TRADES) == {"AAA": "failed", "BBB": "done"}
    assert standing(tmp_path / "w", features.MID_TICKS) == {"AAA": "done", "BBB": "done"}
    assert len(rows_shown(tmp_path / "w", problems["raw.trades"])) == 1
    page = (tmp_path / "w/quality/data_docs/raw/2024-11-05/trades.html").read_text()
    assert "price_is_positive" in page
    index = (tmp_path / "w/quality/data_docs/index.html").read_text()
    assert "1 stopped" in index

    monkeypatch.undo()
    assert build(landing, tmp_path / "w") == []
    assert standing(tmp_path / "w", features.SIGNED_TRADES) == {"AAA": "done", "BBB": "done"}


def keeps_everything(connection, rows, partition):
    """A sieve that sets nothing aside."""
    names = ", ".join(column.name for column in partition.table.columns)
    count = connection.execute(f"select count(*) from ({rows})").fetchone()[0]
    nothing = pl.DataFrame(schema={"reason": pl.String, "row_json": pl.String})
    return f"select {names} from ({rows})", count, nothing


def rows_shown(warehouse: Path, reason: str) -> list[tuple]:
    """What the command at the end of a reason prints."""
    command = re.search(r'offtape sql (".*")$', reason)
    assert command is not None, reason
    (query,) = shlex.split(command.group(1))
    with open_catalog(Warehouse(str(warehouse))) as catalog:
        return catalog.execute(query).fetchall()


def test_a_gate_that_a_kill_left_out_is_passed_on_the_rerun(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            materialize, "through_gates", lambda house, asset, outcomes, run_id: (outcomes, [])
        )
        assert build(landing, tmp_path / "w") == []
    assert list((tmp_path / "w").glob("quality/gates/**/*.parquet")) == []
    assert build(landing, tmp_path / "w") == []
    with open_catalog(Warehouse(str(tmp_path / "w"))) as connection:
        judged = {name for (name,) in connection.execute(
            "select distinct schema_name || '.' || table_name from quality.gates"
        ).fetchall()}  # fmt: skip
    assert {"raw.trades", "raw.quotes", "features.signed_trades", "features.mid_ticks"} <= judged
    before = {f: f.stat().st_mtime_ns for f in (tmp_path / "w").glob("quality/gates/**/*.parquet")}
    assert build(landing, tmp_path / "w") == []
    after = {f: f.stat().st_mtime_ns for f in (tmp_path / "w").glob("quality/gates/**/*.parquet")}
    assert after == before  # judged once


def test_what_a_kill_left_unjudged_is_refused_though_another_ticker_is_asked_for(
    landing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(landing, [small_day.trade(TUESDAY, "AAA", 70, "-5")])
    with monkeypatch.context() as patch:
        patch.setattr(raw_day, "set_aside", keeps_everything)
        patch.setattr(
            materialize, "through_gates", lambda house, asset, outcomes, run_id: (outcomes, [])
        )
        build(landing, tmp_path / "w")
    assert standing(tmp_path / "w", raw.TRADES) == {"AAA": "done", "BBB": "done"}
    build(landing, tmp_path / "w", ["BBB"])
    assert standing(tmp_path / "w", raw.TRADES) == {"AAA": "failed", "BBB": "done"}
