"""Prediction contracts in the graph: the days a date needs, and one simulated expiry day."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from offtape_assets import backfill as backfill_module
from offtape_assets.agenda import agenda, chosen
from offtape_assets.backfill import Backfill
from offtape_assets.definitions import declared, open_house
from offtape_assets.settings import Settings
from offtape_assets.storage.warehouse import Partition
from offtape_assets.tables import features, raw
from offtape_assets.tables import model_contracts as model
from offtape_assets.tables.table import Table

FRIDAY = date(2024, 11, 8)


def _plan(select: str) -> dict[date, set[str]]:
    found = agenda(chosen(select)[0], FRIDAY, FRIDAY)
    return {
        day: {t.full_name for asset in assets for t in asset.tables}
        for day, assets in found.items()
    }


def test_a_date_needs_its_contracts_lives_and_their_history():
    """Required windows are built first; windows of settled contracts take the dates that are there."""
    plan = _plan("model.contract_performance,model.contract_scores")
    life, history = FRIDAY - timedelta(days=8), FRIDAY - timedelta(days=38)
    assert min(plan) == history
    assert plan[history] == {"raw.crypto_bars", "raw.volatility_index"}
    assert "model.contract_probabilities" in plan[life]
    assert "model.dislocations" not in plan[life]
    assert "model.dislocations" in plan[FRIDAY]
    assert "model.contract_scores" in plan[FRIDAY]


def test_models_read_features_and_raw_is_read_by_features():
    for group, asset in declared():
        if group != "contracts":
            continue
        layers = {read.table.schema for read in asset.reads}
        if asset.tables[0].schema == "features":
            assert layers == {"raw"}
        else:
            # settlements need the terms of contracts that no price came from
            assert layers <= {"features", "model"} or asset.tables[0] == model.CONTRACT_SETTLEMENTS


def _backfill(settings: Settings) -> Backfill:
    return Backfill(
        settings, open_house(settings), FRIDAY, FRIDAY, select=model.CONTRACT_SETTLEMENTS.full_name
    )


def _rows(backfill: Backfill, table: Table) -> pl.DataFrame:
    query = backfill.house.warehouse.source_sql(table, [Partition(table, FRIDAY, "")])
    with backfill.house.connection() as connection:
        return connection.execute(query).pl()


def test_a_simulated_expiry_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Thirty dates of bars before one expiry; the catalog of views is not under test."""
    monkeypatch.setattr(backfill_module, "build_catalog", lambda warehouse: None)
    first = min(_plan(model.CONTRACT_SETTLEMENTS.full_name))
    settings = Settings(
        warehouse=str(tmp_path), start_date=first, last_date=FRIDAY, tickers="SPY", workers=1
    )
    backfill = _backfill(settings)
    assert backfill.run() == []
    known = _rows(backfill, features.CRYPTO_VOLATILITY_1H)
    assert known.height == 24
    assert known["status"].unique().to_list() == ["ok"]
    assert known["n_hours"].min() == 168
    settled = _rows(backfill, model.CONTRACT_SETTLEMENTS)
    assert settled["outcome"].sum() == 1
    bars = sorted((tmp_path / "raw" / raw.CRYPTO_BARS.name).glob("date=*/data.parquet"))
    assert len(bars) == 31
