"""One number for the bytes of a small simulated day; run as a script it prints it.

python -m tests.sources.simulator.digest
"""

from datetime import date
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from offtape_assets.sources.simulator.settings import VERSION
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.tables import raw, truth

DAY = date(2024, 11, 5)
TABLES = (
    raw.TRADES, raw.QUOTES, raw.MINUTE_BARS, raw.DAILY_BARS, raw.OPTION_QUOTES, raw.OPEN_INTEREST,
    raw.KALSHI_TRADES, raw.FACTOR_WEIGHTS, raw.FACTOR_LIBRARY, raw.CRYPTO_BARS, raw.PREDICTION_PRICES,
    truth.EVENT_PATH, truth.CONDITIONAL_LAWS, truth.TRADE_INITIATORS, truth.CONTRACT_FAIR_VALUES,
    truth.JOINT_CORRELATIONS,
)  # fmt: skip
"""Ticks, chains, the event, doubles that pass through exp and log, and a matrix."""


def market_digest() -> str:
    """Digest of every row of one name's day and of the version."""
    market = SimulatorSource(message_scale=0.1, market_names=60, chain_minutes=65)
    digest = sha256(VERSION.encode())
    with TemporaryDirectory() as scratch:
        for table in TABLES:
            for delivered in market.read(table, DAY, ("XLU",), Path(scratch)):
                plain = delivered.rows.with_columns(
                    pl.col(pl.Decimal).cast(pl.String),
                    pl.col(pl.List).cast(pl.List(pl.String)).list.join(" "),
                )
                digest.update(plain.write_csv().encode())
    return digest.hexdigest()


if __name__ == "__main__":
    print(market_digest())
