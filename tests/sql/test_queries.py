"""The example queries run on an empty warehouse and name their question."""

from pathlib import Path

import pytest

from offtape_assets.storage.catalog import build_catalog, open_catalog
from offtape_assets.storage.sql import SQL_FOLDER, parameters
from offtape_assets.storage.warehouse import Warehouse

QUERIES = sorted((SQL_FOLDER / "queries").glob("*.sql"))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    empty = Warehouse(str(tmp_path_factory.mktemp("empty")))
    build_catalog(empty)
    return empty


def test_there_is_a_query_for_each_of_the_four_questions() -> None:
    assert len(QUERIES) >= 12
    names = {query.stem for query in QUERIES}
    assert {
        "where_first",
        "strongest_lead_lags",
        "systematic_or_idiosyncratic",
        "density_moments_at_the_close",
    } <= names


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.stem)
def test_a_query_binds_and_says_what_it_answers(warehouse: Warehouse, query: Path) -> None:
    text = query.read_text()
    assert text.startswith("-- ")
    with open_catalog(warehouse) as connection:
        given = parameters(text, date="2024-11-05", ticker="SPY")
        assert connection.execute(text, given).fetchall() == []
