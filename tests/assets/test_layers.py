"""Which layers read which: features from raw, models from features, but for stated facts."""

from offtape_assets.definitions import declared

STATED_FACTS = {
    "raw.daily_bars",
    "raw.etf_baskets",
    "raw.factor_library",
    "raw.factor_weights",
    "raw.kalshi_trades",
    "raw.minute_bars",
    "raw.open_interest",
    "raw.prediction_markets",
}
"""Raw tables that models read; why is in docs/decisions.md."""


def test_models_read_features_models_and_stated_facts() -> None:
    read_by_models = {
        read.table.full_name
        for _, asset in declared()
        if asset.tables[0].schema == "model"
        for read in asset.reads
        if read.table.schema not in ("features", "model")
    }
    assert read_by_models == STATED_FACTS


def test_features_read_raw_and_features() -> None:
    layers = {
        read.table.schema
        for _, asset in declared()
        if asset.tables[0].schema == "features"
        for read in asset.reads
    }
    assert layers == {"raw", "features"}
