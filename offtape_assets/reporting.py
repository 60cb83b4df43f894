"""Asking the warehouse the report's questions and writing the page."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl

from offtape_assets.report.page import SECTIONS, Answer, render
from offtape_assets.storage.catalog import open_catalog
from offtape_assets.storage.sql import SQL_FOLDER, parameters
from offtape_assets.storage.warehouse import Warehouse


def write_report(warehouse: Warehouse, day: date, ticker: str, file: Path) -> int:
    """Write the story of `day` to `file`, sections on one name for `ticker`; count those with rows."""
    answers = {}
    with open_catalog(warehouse) as connection:
        for section in SECTIONS:
            sql = (SQL_FOLDER / "queries" / f"{section.query}.sql").read_text()
            given = parameters(sql, date=day, ticker=ticker)
            try:
                answers[section.query] = Answer(sql, connection.execute(sql, given).pl())
            except duckdb.Error as error:  # one broken section must not cost the others
                answers[section.query] = Answer(sql, pl.DataFrame(), str(error).splitlines()[0])
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(day, answers))
    return sum(answer.rows.height > 0 for answer in answers.values())
