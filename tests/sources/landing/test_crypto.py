"""Hourly bars of coins and volatility indices."""

import json
from datetime import date, datetime

import pytest

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw

DAY = date(2025, 3, 8)
MIDNIGHT = 1741392000000
HOUR = 3_600_000


@pytest.fixture
def landing(tmp_path):
    index, coin = tmp_path / "deribit" / "volatility_index", tmp_path / "btc"
    index.mkdir(parents=True)
    coin.mkdir()
    rows = [[MIDNIGHT + hour * HOUR, 54, 55, 53, 54.5] for hour in range(-1, 26)]
    rows[3] = [MIDNIGHT + 2 * HOUR, 54, None, 53, 54]
    rows[4] = [MIDNIGHT + 3 * HOUR, 54, 55]
    answer = {"jsonrpc": "2.0", "result": {"data": rows, "continuation": None}}
    (index / "BTC-2025-03.json").write_text(json.dumps(answer))
    ticks = [MIDNIGHT, MIDNIGHT + HOUR]
    fields = {name: [1.0, 2.0] for name in ("open", "high", "low", "close", "volume")}
    (coin / "BTC-2025-03.json").write_text(
        json.dumps({"result": {"status": "ok", "ticks": ticks, **fields}})
    )
    (coin / "ETH-2025-03.json").write_text(json.dumps({"result": {"status": "no_data"}}))
    return tmp_path


def test_index_bars_of_a_day(landing):
    (found,) = LandingSource(landing).read(raw.VOLATILITY_INDEX, DAY, [], landing)
    assert found.rows.height == 22
    assert found.rows["symbol"].unique().to_list() == ["BTC"]
    assert found.rows["ts"][0] == datetime(2025, 3, 8)
    assert found.rows["ts"][-1] == datetime(2025, 3, 8, 23)
    assert found.rejects.height == 2


def test_coin_bars_of_a_day(landing):
    (found,) = LandingSource(landing).read(raw.CRYPTO_BARS, DAY, [], landing)
    assert found.rows["close"].to_list() == [1.0, 2.0]


def test_a_day_without_bars_is_absent(landing):
    source = LandingSource(landing)
    assert list(source.read(raw.CRYPTO_BARS, date(2025, 3, 20), [], landing)) == []
    assert source.fingerprint(raw.CRYPTO_BARS, date(2025, 4, 1)) is None


@pytest.mark.parametrize("text", ["[]", '{"error": {"code": 10028}}', "{"])
def test_answers_that_are_none_are_named(landing, text):
    (landing / "deribit" / "volatility_index" / "BTC-2025-03.json").write_text(text)
    with pytest.raises(SourceError, match=r"BTC-2025-03\.json: not an answer.*fetch the month"):
        list(LandingSource(landing).read(raw.VOLATILITY_INDEX, DAY, [], landing))


@pytest.mark.realdata
def test_recorded_hole_of_a_day(landing_folder):
    """The recorded index lacks 23 hours of 2025-03-08; the coin's bars are whole."""
    source = LandingSource(landing_folder)
    (index,) = source.read(raw.VOLATILITY_INDEX, DAY, [], landing_folder)
    (bars,) = source.read(raw.CRYPTO_BARS, DAY, [], landing_folder)
    assert index.rows.height == 1
    assert bars.rows.height == 24
