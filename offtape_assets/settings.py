"""The one place where configuration enters: environment variables OFFTAPE_*, typed.

Everything else receives a `Settings` object; nothing else reads the environment.
"""

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from offtape_assets.market.universe import STUDY_TICKERS


class Settings(BaseSettings):
    """All settings of a warehouse; each is documented in the README."""

    model_config = SettingsConfigDict(env_prefix="OFFTAPE_", frozen=True, extra="forbid")

    source: Literal["simulator", "landing", "vendors"] = "simulator"
    landing: Path | None = Field(None, description="folder in the vendors' own layouts")
    warehouse: str = Field("warehouse", description="local folder or s3:// URL")
    tickers: Annotated[tuple[str, ...], NoDecode] = STUDY_TICKERS
    start_date: date = Field(date(2024, 10, 1), description="first date of the partition axis")
    last_date: date | None = Field(None, description="last date of the partition axis; none: today")
    event_yes: str = "PRES-2024-DJT"
    event_no: str = "PRES-2024-KH"
    event_date: date = date(2024, 11, 5)
    option_expiries: Annotated[tuple[date, ...], NoDecode] = ()
    snapshot_minutes: int = Field(5, ge=1, le=390)
    risk_free_rate: float | None = Field(None, description="per year, continuously compounded")
    flow_sign: Literal["quote_rule", "lee_ready"] = "quote_rule"
    attribution_window_ms: float = Field(50.0, gt=0)
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    seed: int = 20241105
    world: Literal["standard", "reversed", "null", "constant"] = "standard"
    rates: Literal["light", "heavy"] = Field("light", description="how busy the simulated tape is")
    cluster: str | None = Field(None, description="address of a Dask scheduler")

    @field_validator("tickers", "option_expiries", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("tickers")
    @classmethod
    def _distinct(cls, tickers: tuple[str, ...]) -> tuple[str, ...]:
        if not tickers:
            raise ValueError("name at least one ticker, for example OFFTAPE_TICKERS=SPY,NVDA")
        for ticker in tickers:
            if "/" in ticker or "|" in ticker or ticker in {".", ".."}:
                raise ValueError(f"{ticker!r} is not a ticker: '/' and '|' are not allowed")
        return tuple(dict.fromkeys(tickers))

    @property
    def is_remote(self) -> bool:
        """Whether the warehouse lives in an object store."""
        return self.warehouse.startswith("s3://")
