"""Factor weights and the official library: layouts, dates, vintages, and what is refused."""

import json
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw
from offtape_assets.tables.table import Table

DAY = date(2024, 11, 5)
WEIGHTS = {"MKT-RF": {"A": 0.75, "B": 0.25}, "SMB": {"B": 1.0, "A": -1.0}}
PROSE = "This file was created by using the {} CRSP database.\n\n,Mkt-RF,SMB,HML,RMW,CMA,RF\n"


def read(landing: Path, table: Table, day: date = DAY) -> pl.DataFrame:
    """The single frame the landing source yields."""
    source = LandingSource(landing)
    assert source.fingerprint(table, day)
    (answer,) = source.read(table, day, [], landing)
    assert isinstance(answer.rows, pl.DataFrame)
    return answer.rows


def put(landing: Path, name: str, content: object) -> Path:
    path = landing / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_an_undated_file_stands_for_the_evening_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "factors/factor_weights_tickers.json", WEIGHTS)
    with caplog.at_level("WARNING", logger="offtape_assets"):
        rows = read(tmp_path, raw.FACTOR_WEIGHTS)
    assert rows["as_of"].unique().to_list() == [date(2024, 11, 4)]
    assert rows.select("factor", "ticker", "weight").rows() == [
        ("mkt_rf", "A", 0.75), ("mkt_rf", "B", 0.25), ("smb", "B", 1.0), ("smb", "A", -1.0),
    ]  # fmt: skip
    assert "no as_of" in caplog.text


def test_the_latest_weights_known_before_the_session_are_in_force(tmp_path: Path) -> None:
    for stamp in ("2024-10-31", "2024-11-04", "2024-11-05", "2024-12-01"):
        weights = {"MKT-RF": {stamp: 1.0}}
        put(tmp_path, f"factors/factor_weights_tickers_{stamp}.json", weights)
    put(tmp_path, "factors/factor_weights_tickers.json", {"as_of": "2024-11-01", **WEIGHTS})
    rows = read(tmp_path, raw.FACTOR_WEIGHTS)
    assert rows.rows() == [(date(2024, 11, 4), "mkt_rf", "2024-11-04", 1.0)]
    earlier = read(tmp_path, raw.FACTOR_WEIGHTS, date(2024, 11, 4))
    assert set(earlier["as_of"]) == {date(2024, 11, 1)}


def test_weights_from_the_future_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "factors/factor_weights_tickers.json", {"as_of": "2024-11-05", **WEIGHTS})
    with pytest.raises(SourceError, match="not before the session of 2024-11-05"):
        read(tmp_path, raw.FACTOR_WEIGHTS)


def test_a_ticker_written_twice_gives_two_rows(tmp_path: Path) -> None:
    put(tmp_path, "factors/factor_weights_tickers.json", '{"HML": {"A": 1, "A": 2, "B": -1}}')
    assert read(tmp_path, raw.FACTOR_WEIGHTS)["ticker"].to_list() == ["A", "A", "B"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "write one JSON object"),
        ("[1]", "not an object of factors"),
        ('{"MOM": {"A": 1}}', "'MOM' is none of the factors"),
        ('{"HML": {"A": "x"}}', "HML A weighs 'x'"),
        ('{"as_of": "4.11.2024", "HML": {"A": 1}}', "as_of is '4.11.2024'"),
    ],
)
def test_unusable_weights_name_the_file_and_the_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    put(tmp_path, "factors/factor_weights_tickers.json", text)
    with pytest.raises(SourceError, match=message):
        read(tmp_path, raw.FACTOR_WEIGHTS)


def test_weights_are_made_from_characteristics(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    names = 200
    frame = pl.DataFrame({
        "ticker": [f"T{i}" for i in range(names)],
        "exchange": rng.choice(["NYSE", "NASDAQ"], names),
        "market_cap": rng.lognormal(7, 2, names),
        "book_to_market": rng.normal(0.6, 0.3, names),
        "profitability": rng.normal(0.2, 0.2, names),
        "investment": rng.normal(0.1, 0.2, names),
        "growth": rng.lognormal(0, 0.2, names),
    })  # fmt: skip
    put(tmp_path, "factors/characteristics_2024-11-04.csv", frame.write_csv())
    sums = read(tmp_path, raw.FACTOR_WEIGHTS).group_by("factor").agg(pl.col("weight").sum())
    assert dict(sums.rows()) == pytest.approx(
        {"mkt_rf": 1, "smb": 0, "hml": 0, "rmw": 0, "cma": 0}, abs=1e-12
    )
    put(tmp_path, "factors/characteristics_2024-11-04.csv", frame.drop("growth").write_csv())
    with pytest.raises(SourceError, match="the columns are ticker, exchange"):
        read(tmp_path, raw.FACTOR_WEIGHTS)


def library(vintage: str, market: str) -> str:
    return (
        PROSE.format(vintage) + "20241104,    0.10,    0.20,  -99.99,    0.30,   -999,    0.02\n"
        f"20241105,  {market},    0.66,   -0.14,   -0.40,   -0.20,    0.02\n\n"
        "Copyright 2026 Eugene F. Fama and Kenneth R. French\n"
    )


def test_the_library_is_percent_between_prose(tmp_path: Path) -> None:
    put(tmp_path, "french/F-F_Research_Data_5_Factors_2x3_daily.csv", library("202601", "1.30"))
    assert read(tmp_path, raw.FACTOR_LIBRARY).rows() == [
        ("202601", 0.013, 0.0066, -0.0014, -0.004, -0.002, 0.0002)
    ]
    gaps = read(tmp_path, raw.FACTOR_LIBRARY, date(2024, 11, 4)).row(0)
    assert gaps[3] is None
    assert gaps[5] is None


def test_every_vintage_is_a_row_and_a_copy_is_none(tmp_path: Path) -> None:
    put(tmp_path, "french/daily.csv", library("202601", "1.30"))
    put(tmp_path, "french/202601/copy.CSV", library("202601", "1.30"))
    put(tmp_path, "french/202412/F-F_5.csv", library("202412", "1.31"))
    put(tmp_path, "french/202412/F-F_3.csv", ",Mkt-RF,SMB,HML,RF\n20241105, 1, 2, 3, 4\n")
    put(tmp_path, "french/monthly.csv", PROSE.format("202601") + "202411, 1, 2, 3, 4, 5, 6\n")
    rows = read(tmp_path, raw.FACTOR_LIBRARY)
    assert sorted(rows.select("vintage", "mkt_rf").rows()) == [
        ("202412", 0.0131),
        ("202601", 0.013),
    ]


def test_a_date_without_a_row_is_absent(tmp_path: Path) -> None:
    put(tmp_path, "french/daily.csv", library("202601", "1.30"))
    assert LandingSource(tmp_path).fingerprint(raw.FACTOR_LIBRARY, date(2024, 11, 6)) is None
    assert LandingSource(tmp_path).fingerprint(raw.FACTOR_WEIGHTS, DAY) is None


def test_a_cell_that_is_no_percentage_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "french/daily.csv", library("202601", "n.a."))
    with pytest.raises(SourceError, match=r"'n\.a\.' is not a percentage"):
        read(tmp_path, raw.FACTOR_LIBRARY)


@pytest.mark.realdata
def test_the_recorded_library_and_weights(landing_folder: Path) -> None:
    source = LandingSource(landing_folder)
    (answer,) = source.read(raw.FACTOR_LIBRARY, DAY, [], landing_folder)
    assert answer.rows.select("mkt_rf", "smb", "hml", "rmw", "cma").row(0) == (
        0.013, 0.0066, -0.0014, -0.004, -0.002,
    )  # fmt: skip
    (answer,) = source.read(raw.FACTOR_WEIGHTS, DAY, [], landing_folder)
    weights = answer.rows
    assert weights["ticker"].n_unique() == 3240
    assert not weights.select("factor", "ticker").is_duplicated().any()
    sums = weights.group_by("factor", pl.col("weight") > 0).agg(pl.col("weight").alias("sum").sum())
    for factor, is_long, total in sums.rows():
        assert total == pytest.approx(1.0 if is_long else -1.0), factor
