"""Pictures of prediction contracts are drawn, also from nothing."""

import base64
from datetime import datetime, timedelta

import polars as pl
import pytest

from offtape_assets.estimates.contract_scores import RELIABILITY_SCHEMA, SCORE_SCHEMA
from offtape_assets.estimates.contract_trading import PROFIT_SCHEMA, TRADE_SCHEMA
from offtape_assets.estimates.contracts import DISLOCATION_SCHEMA, PROBABILITY_SCHEMA
from offtape_assets.report import contracts

PNG = b"\x89PNG"


def _probabilities() -> pl.DataFrame:
    hours = [datetime(2025, 3, 7) + timedelta(hours=hour) for hour in range(4)]
    rows = [
        {
            "contract_id": contract,
            "ts": ts,
            "model": model,
            "method": "closed_form",
            "probability": 0.1 * place,
            "hours_left": 10.0,
            "family": "march-7",
            "range_low": None if place == 0 else 80_000.0 + place,
            "status": "ok",
        }
        for model in ("gbm_riskmetrics", "merton")
        for place, contract in enumerate(("a", "b", "c"))
        for ts in hours
    ]
    return pl.DataFrame(rows, schema_overrides=PROBABILITY_SCHEMA)


@pytest.mark.parametrize("empty", [False, True])
def test_heat_map(empty):
    frame = pl.DataFrame(schema=PROBABILITY_SCHEMA) if empty else _probabilities()
    assert base64.b64decode(contracts.probability_heat_map(frame)).startswith(PNG)


def test_other_pictures():
    gaps = _probabilities().with_columns(dislocation=pl.col("probability") - 0.1)
    for frame in (gaps, pl.DataFrame(schema=DISLOCATION_SCHEMA)):
        text = contracts.contract_lives(
            frame,
            pl.DataFrame(schema=PROFIT_SCHEMA),
            pl.DataFrame(schema=TRADE_SCHEMA),
            _probabilities(),
        )
        assert base64.b64decode(text).startswith(PNG)
    sums = _probabilities().select(
        "family", "ts", price_sum=pl.lit(1.0), is_placeholder=pl.lit(False)
    )
    assert base64.b64decode(contracts.price_sums(sums)).startswith(PNG)
    curves = pl.DataFrame(schema=RELIABILITY_SCHEMA)
    text = contracts.reliability_curves(pl.DataFrame(schema=SCORE_SCHEMA), curves)
    assert base64.b64decode(text).startswith(PNG)
