"""Polymarket's answers: terms of contracts, price histories, and what comes apart with a reason."""

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from offtape_assets.sources.landing.contract_terms import contract_terms
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.landing.prediction import MarketReader, PriceReader
from offtape_assets.sources.source import SourceError
from offtape_assets.tables import raw

DAY = date(2025, 3, 7)


@pytest.mark.parametrize(
    ("title", "terms"),
    [
        ("84,000-86,000", ("range", 84000.0, 86000.0)),
        ("$84,000 – $86,000", ("range", 84000.0, 86000.0)),
        ("86-88k", ("range", 86000.0, 88000.0)),
        ("86k—88k", ("range", 86000.0, 88000.0)),
        (">88,000", ("above", 88000.0, None)),
        ("≥ $88.5k", ("above", 88500.0, None)),
        ("<78,000", ("below", None, 78000.0)),
    ],
)
def test_short_titles(title, terms):
    assert contract_terms(title, "") == terms


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("Will Bitcoin be between $84,000 and $86,000 on March 7?", ("range", 84000.0, 86000.0)),
        ("Will the price of Bitcoin be greater than $88,000 on March 7?", ("above", 88000.0, None)),
        ("Will the price of Bitcoin be above $86,000 on April 18?", ("above", 86000.0, None)),
        ("Will the price of Bitcoin be less than $78,000 on March 7?", ("below", None, 78000.0)),
    ],
)
def test_questions_decide_where_the_title_does_not(question, terms):
    assert contract_terms("86,000", question) == terms


@pytest.mark.parametrize(
    ("title", "question", "reason"),
    [
        ("↑ 100,000", "What price will Bitcoin hit in March?", "touched"),
        ("100,000", "Will Bitcoin reach $100,000 in March?", "touched"),
        ("maybe", "Will it rain?", "neither"),
        ("88,000-86,000", "", "empty range"),
    ],
)
def test_other_payoffs_are_refused(title, question, reason):
    with pytest.raises(ValueError, match=reason):
        contract_terms(title, question)


def _market(number: int, title: str, **changes: object) -> dict:
    answer = {
        "question": f"Will Bitcoin be {title}?",
        "groupItemTitle": title,
        "slug": f"bitcoin-{number}",
        "outcomes": '["No", "Yes"]',
        "clobTokenIds": json.dumps([f"{number}00", f"{number}11"]),
        "startDate": "2025-02-28T19:00:05Z",
        "endDate": "2025-03-07T12:00:00-05:00",
        "events": [{"slug": "bitcoin-price-on-march-7"}],
    }
    return answer | changes


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    folder = tmp_path / "polymarket"
    (folder / "prices-history").mkdir(parents=True)
    markets = [
        _market(1, "<78,000"),
        _market(2, ">78,000"),
        _market(3, "↑ 99,000"),
        _market(4, "<1,000", outcomes='["Up", "Down"]'),
        _market(5, "<2,000", endDate="2025-03-01T00:00:00Z"),
        {"question": "no terms at all"},
    ]
    (folder / "markets.json").write_text(json.dumps(markets))
    stamp = int(datetime.fromisoformat("2025-03-07T15:00:05+00:00").timestamp())
    points = [
        {"t": stamp - 86_400, "p": 0.9},
        {"t": stamp, "p": 0.4},
        {"t": stamp + 3600, "p": "0.5"},
        {"t": "soon", "p": 0.1},
        {"t": stamp + 7200, "p": None},
    ]
    (folder / "prices-history" / "111.json").write_text(json.dumps({"history": points}))
    return tmp_path


def test_markets_of_a_day(landing):
    (found,) = MarketReader(landing).read(DAY, [], landing)
    assert found.rows["contract_id"].to_list() == ["111", "211"]  # the token named Yes
    assert found.rows["kind"].to_list() == ["below", "above"]
    assert found.rows["family"].unique().to_list() == ["bitcoin-price-on-march-7"]
    assert found.rows["expires_ts"][0] == datetime(2025, 3, 7, 17)
    reasons = found.rejects["reason"].to_list()
    assert len(reasons) == 3
    assert any("touched" in reason for reason in reasons)
    assert any("not one Yes" in reason for reason in reasons)


def test_prices_of_a_day(landing):
    (found,) = PriceReader(landing).read(DAY, [], landing)
    assert found.rows["price"].to_list() == [0.4, 0.5]
    assert found.rows["ts"][0] == datetime(2025, 3, 7, 15, 0, 5)
    assert found.rejects.height == 2


def test_a_day_without_contracts_is_absent(landing):
    source = LandingSource(landing)
    for table in (raw.PREDICTION_MARKETS, raw.PREDICTION_PRICES):
        assert source.fingerprint(table, date(2025, 4, 1)) is None
        assert list(source.read(table, date(2025, 4, 1), [], landing)) == []
        assert source.fingerprint(table, DAY) is not None


def test_torn_files_are_named(landing):
    history = landing / "polymarket" / "prices-history" / "111.json"
    history.write_text('{"history": [')
    with pytest.raises(SourceError, match=r"111\.json.*fetch the token again"):
        list(PriceReader(landing).read(DAY, [], landing))
    (landing / "polymarket" / "markets.json").write_text("{}")
    with pytest.raises(SourceError, match=r"markets\.json: not a list"):
        list(MarketReader(landing).read(DAY, [], landing))


@pytest.mark.realdata
def test_recorded_weeks(landing_folder):
    """Bounds read from the titles equal those the recording states; ranges tile the line."""
    answers = json.loads((landing_folder / "polymarket" / "markets.json").read_bytes())
    stated = {json.loads(a["clobTokenIds"])[0]: (a["range_low"], a["range_high"]) for a in answers}
    (found,) = MarketReader(landing_folder).read(DAY, [], landing_folder)
    assert found.rows.height == 14
    assert found.rejects.height == 0
    for row in found.rows.iter_rows(named=True):
        assert (row["range_low"], row["range_high"]) == stated[row["contract_id"]]
    for _, family in found.rows.group_by("family"):
        family = family.sort("range_low", nulls_last=False)
        assert family["range_low"].to_list()[1:] == family["range_high"].to_list()[:-1]
    (prices,) = PriceReader(landing_folder).read(DAY, [], landing_folder)
    assert prices.rows.height == 21 * 7 + 6 * 7
    assert prices.rows.select(pl.col("price").is_between(0, 1).all()).item()
