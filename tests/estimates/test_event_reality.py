"""Whether simulated trades look like recorded ones: hourly candles of PRES-2024-DJT beside ours."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from offtape_assets.sources.simulator.event import Event
from offtape_assets.sources.simulator.kalshi import trades
from offtape_assets.sources.simulator.settings import World

CANDLES = Path("kalshi", "candlesticks", "PRES-2024-DJT.csv")


def variance_ratio(close: np.ndarray, hours: int) -> float:
    """Variance of changes over some hours over that many times the hourly variance."""
    return float(np.var(close[hours:] - close[:-hours]) / (hours * np.var(np.diff(close))))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1])


def traits(candles: pl.DataFrame) -> dict[str, float]:
    close, change = candles["close"].to_numpy(), np.diff(candles["close"].to_numpy())
    spread = (candles["high"] - candles["low"]).to_numpy()
    return {
        "off_grid": float(np.abs(close * 100 - np.round(close * 100)).max()),
        "variance_ratio_6": variance_ratio(close, 6),
        "variance_ratio_12": variance_ratio(close, 12),
        "autocorrelation": float(np.corrcoef(change[1:], change[:-1])[0, 1]),
        "volume_and_range": rank_correlation(candles["volume"].to_numpy(), spread),
    }


@pytest.fixture(scope="module")
def recorded(landing_folder: Path) -> dict[str, float]:
    cents = pl.read_csv(landing_folder / CANDLES, try_parse_dates=True).drop_nulls("price_close")
    before = cents.filter(pl.col("timestamp") < pl.datetime(2024, 11, 5, 12))
    return traits(
        before.select(
            *(pl.col(f"price_{name}").alias(name) / 100 for name in ("close", "high", "low")),
            "volume",
        )
    )


@pytest.fixture(scope="module")
def simulated() -> dict[str, float]:
    world = World()
    event = Event(world)
    days = [date(2024, 10, 5) + timedelta(days=k) for k in range(31)]
    own = pl.concat(trades(world, event, day, ("YES", "NO")) for day in days)
    own = own.filter(contract="YES").with_columns(
        pl.col("price", "contracts_traded").cast(pl.Float64)
    )
    price = pl.col("price")
    hourly = own.sort("ts", maintain_order=True).group_by_dynamic("ts", every="1h")
    return traits(
        hourly.agg(
            close=price.last(),
            high=price.max(),
            low=price.min(),
            volume=pl.col("contracts_traded").sum(),
        )
    )


@pytest.mark.realdata
def test_both_trade_in_whole_cents(recorded, simulated) -> None:
    assert recorded["off_grid"] < 1e-9
    assert simulated["off_grid"] < 1e-9


@pytest.mark.realdata
@pytest.mark.parametrize("trait", ["variance_ratio_6", "variance_ratio_12"])
def test_prices_bounce_far_more_than_the_probability_moves(recorded, simulated, trait) -> None:
    for found in (recorded, simulated):
        assert found[trait] < 0.6
    assert simulated[trait] == pytest.approx(recorded[trait], abs=0.2)


@pytest.mark.realdata
def test_hourly_changes_turn_back(recorded, simulated) -> None:
    for found in (recorded, simulated):
        assert -0.5 < found["autocorrelation"] < -0.2


@pytest.mark.realdata
def test_volume_comes_with_movement(recorded, simulated) -> None:
    for found in (recorded, simulated):
        assert found["volume_and_range"] > 0.35
