"""Factors in the graph: a small market's files through the house, weights from the future refused."""

import gzip
import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from offtape_assets.agenda import agenda, chosen
from offtape_assets.backfill import Backfill, Problem
from offtape_assets.definitions import open_house
from offtape_assets.settings import Settings
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables import features_factors, raw
from offtape_assets.tables import model_factors as model
from offtape_assets.tables.table import Table
from tests.small_day import QUOTES_HEADER, nanoseconds, path_of

DAY = date(2024, 11, 29)
"""Closes at 13:00."""
SECONDS = 12_600
LABELS = {"mkt_rf": "MKT-RF", "smb": "SMB", "hml": "HML", "rmw": "RMW", "cma": "CMA"}
STOCKS = [f"S{i:02d}" for i in range(16)]
SELECT = "features.return_decomposition_1s,model.factor_reconciliations"


def weights() -> dict[str, dict[str, float]]:
    """A market of equal names and four long-short portfolios over blocks of a design."""
    held = {"MKT-RF": dict.fromkeys(STOCKS, 1 / len(STOCKS))}
    for place, label in enumerate(list(LABELS.values())[1:]):
        sign = [1 if (i >> place) & 1 else -1 for i in range(len(STOCKS))]
        sides = {side: sign.count(side) for side in (1, -1)}
        held[label] = {t: s / sides[s] for t, s in zip(STOCKS, sign, strict=True)}
    return held


def land(folder: Path, as_of: str, seconds: int = SECONDS) -> None:
    """Quotes of 16 stocks and SPY (which is the market), weights, and the library's day."""
    rng = np.random.default_rng(1)
    moves = 1e-4 * rng.standard_normal((SECONDS, len(STOCKS)))
    market = moves.mean(axis=1) + 2e-5 * rng.standard_normal(SECONDS)
    level = 100 * np.exp(np.cumsum(np.column_stack([moves, market]), axis=0))
    file = path_of(folder, "quotes_v1", DAY)
    file.parent.mkdir(parents=True)
    opening = nanoseconds(DAY, 0.5)
    with gzip.open(file, "wt", compresslevel=1) as out:
        out.write(QUOTES_HEADER + "\n")
        for name, path in zip([*STOCKS, "SPY"], level.T, strict=True):
            for second, mid in enumerate(path[:seconds].tolist()):
                ts = opening + second * 10**9
                out.write(
                    f"{name},12,{mid + 0.005:.4f},200,11,{mid - 0.005:.4f},300,1,,{ts},{second},"
                    f"{ts},1,0\n"
                )
    (folder / "factors").mkdir()
    content = {"as_of": as_of, **weights()}
    (folder / "factors/factor_weights_tickers.json").write_text(json.dumps(content))
    (folder / "french").mkdir()
    (folder / "french/daily.csv").write_text(
        "created by using the 202412 CRSP database.\n,Mkt-RF,SMB,HML,RMW,CMA,RF\n"
        "20241129,    0.60,   -0.10,   -0.20,    0.30,    0.40,    0.02\n"
    )


def backfill(tmp_path: Path, select: str = SELECT) -> tuple[Backfill, list[Problem]]:
    settings = Settings(
        source="landing", landing=tmp_path / "landing", warehouse=str(tmp_path / "warehouse"),
        tickers=("SPY",), workers=1,
    )  # fmt: skip
    made = Backfill(settings, open_house(settings), DAY, DAY, select=select)
    return made, made.run()


def rows(made: Backfill, table: Table, ticker: str = "") -> pl.DataFrame:
    query = made.house.warehouse.source_sql(table, [Partition(table, DAY, ticker)])
    with made.house.connection() as connection:
        return connection.execute(query).pl()


def test_a_small_market_runs_from_its_files_to_the_decomposition(tmp_path: Path) -> None:
    land(tmp_path / "landing", "2024-11-27")
    made, problems = backfill(tmp_path)
    assert not problems
    assert rows(made, raw.QUOTES_1S).height == 17 * SECONDS
    factors = rows(made, features_factors.FACTOR_RETURNS_1S)
    assert factors["coverage"][1:].min() == pytest.approx(1.0)
    exposures = rows(made, features_factors.FACTOR_EXPOSURES_1D, "SPY").row(0, named=True)
    assert exposures["status"] == "ok"
    assert exposures["beta_mkt_rf"] == pytest.approx(1.0, abs=4 * exposures["beta_mkt_rf_sd"])
    assert abs(exposures["beta_hml"]) < 4 * exposures["beta_hml_sd"]
    parts = rows(made, features_factors.RETURN_DECOMPOSITION_1S, "SPY")
    good = parts.filter(pl.col("status") == "ok")
    assert good.height > 0.99 * SECONDS
    whole = good["return_systematic"] + good["return_idiosyncratic"] - good["return_total"]
    assert whole.abs().max() <= 1e-12
    assert good["return_idiosyncratic"].var() < 0.7 * good["return_total"].var()
    found = rows(made, model.FACTOR_RECONCILIATIONS)
    assert dict(found.select("factor", "return_official").rows())["mkt_rf"] == 0.006
    assert set(found["basis"]) == {"intraday"}
    again = Backfill(made.settings, made.house, DAY, DAY, select=SELECT)
    assert not again.run()


def test_weights_from_the_future_stop_what_needs_them(tmp_path: Path) -> None:
    land(tmp_path / "landing", "2024-11-29", seconds=5)
    _, problems = backfill(tmp_path, "features.factor_returns_1s")
    reasons = {problem.partition: problem.reason for problem in problems}
    assert any("not before the session of 2024-11-29" in reason for reason in reasons.values())


def test_a_day_of_betas_needs_no_other_day_of_ticks() -> None:
    plan = agenda(chosen("model.idiosyncratic_amplifications")[0], DAY, DAY)
    before = {
        t.full_name for day, assets in plan.items() if day < DAY for a in assets for t in a.tables
    }
    assert before == {"raw.daily_bars"}
    plan = agenda(chosen("model.factor_reconciliations")[0], DAY, DAY)
    before = {
        t.full_name for day, assets in plan.items() if day < DAY for a in assets for t in a.tables
    }
    assert before == {"raw.factor_library"}
