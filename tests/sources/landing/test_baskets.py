"""Fund baskets: the latest evening before the date, bad rows set aside, wrong files refused."""

from datetime import date

import polars as pl
import pytest

from offtape_assets.sources.landing.baskets import BasketReader
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw

DAY = date(2024, 11, 5)


def write(landing, evening, fund, text):
    path = landing / "baskets" / evening / f"{fund}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_latest_evening_before_the_date_is_read(tmp_path):
    write(tmp_path, "2024-11-01", "SPY", "ticker,shares_per_share\nAAPL,9\n")
    write(tmp_path, "2024-11-04", "SPY", "ticker,shares_per_share\nAAPL,0.5\nMSFT,0.25\n")
    write(tmp_path, "2024-11-05", "SPY", "ticker,shares_per_share\nAAPL,7\n")
    source = LandingSource(tmp_path)
    (found,) = source.read(raw.ETF_BASKETS, DAY, [], tmp_path)
    assert found.rows.rows() == [
        (date(2024, 11, 4), "SPY", "AAPL", 0.5),
        (date(2024, 11, 4), "SPY", "MSFT", 0.25),
    ]
    assert found.rejects.is_empty()
    assert source.fingerprint(raw.ETF_BASKETS, DAY)


@pytest.mark.parametrize("evening", ["2024-11-05", "2024-10-20", "latest"])
def test_no_evening_that_counts_is_no_basket(tmp_path, evening):
    write(tmp_path, evening, "SPY", "ticker,shares_per_share\nAAPL,9\n")
    assert list(BasketReader(tmp_path).read(DAY, [], tmp_path)) == []
    assert LandingSource(tmp_path).fingerprint(raw.ETF_BASKETS, DAY) is None


def test_text_that_is_no_number_is_set_aside(tmp_path):
    write(tmp_path, "2024-11-04", "SMH", "ticker,shares_per_share\nNVDA,-\nAMD,1e-1\nNA,2\n")
    (found,) = BasketReader(tmp_path).read(DAY, [], tmp_path)
    assert found.rows.select("ticker", "shares_per_share").rows() == [("AMD", 0.1), ("NA", 2.0)]
    assert found.rejects["reason"].to_list() == ["text_is_of_the_declared_type"]
    assert '"NVDA"' in found.rejects["row_json"][0]
    assert found.rows.schema["shares_per_share"] == pl.Float64


def test_other_columns_are_refused_with_the_remedy(tmp_path):
    write(tmp_path, "2024-11-04", "SPY", "Ticker,Weight\nAAPL,7\n")
    with pytest.raises(SourceError, match="ticker,shares_per_share"):
        list(BasketReader(tmp_path).read(DAY, [], tmp_path))
