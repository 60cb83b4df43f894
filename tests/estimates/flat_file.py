"""Ticks of one ticker from a vendor flat file, parsed as text for tests that need no source."""

from datetime import date
from pathlib import Path

import polars as pl

STAMPS = ("sip_timestamp", "participant_timestamp")


def read_ticks(landing: Path, kind: str, day: date, ticker: str) -> pl.DataFrame:
    """Rows of raw.trades or raw.quotes (`kind`) of one ticker and day."""
    path = landing / "massive/us_stocks_sip" / f"{kind}_v1" / f"{day:%Y/%m}" / f"{day}.csv.gz"
    text = pl.read_csv(path, infer_schema=False)
    text = text.filter(pl.col("ticker") == ticker).rename(
        {"sip_timestamp": "ts", "participant_timestamp": "participant_ts"}
    )
    return text.select(_typed(name) for name in text.columns)


def _typed(name: str) -> pl.Expr:
    column = pl.col(name).replace("", None)
    if name in {"ts", "participant_ts"}:
        return column.cast(pl.Int64).cast(pl.Datetime("ns"))
    if name == "conditions":
        return (
            pl.when(pl.col(name).fill_null("") == "")
            .then(pl.lit([], dtype=pl.List(pl.Int16)))
            .otherwise(pl.col(name).str.split(",").cast(pl.List(pl.Int16), strict=False))
            .alias(name)
        )
    if name in {"price", "size", "bid_price", "ask_price"}:
        return column.cast(pl.Decimal(18, 6))
    if name in {"ticker", "id"}:
        return column
    return column.cast(pl.Int64)
