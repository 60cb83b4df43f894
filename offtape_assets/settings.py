"""The one place where configuration enters: environment variables OFFTAPE_*, typed.

Everything else receives a `Settings` object; nothing else reads the environment.
"""

import os
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from offtape_assets.market.groups import DEFAULT_GROUPS, parse_groups
from offtape_assets.market.universe import STUDY_TICKERS
from offtape_assets.vendor_settings import VendorSettings


class Settings(BaseSettings):
    """All settings of a warehouse; each is documented in docs/settings.md."""

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
    event_settled_hour: float = Field(
        26.0, gt=0, description="outcome known, in hours after New York midnight of event_date"
    )
    event_hedge_factors: Annotated[
        tuple[Literal["mkt_rf", "smb", "hml", "rmw", "cma"], ...], NoDecode
    ] = Field((), description="taken out of prices before conditional means are told apart")
    option_expiries: Annotated[tuple[date, ...], NoDecode] = ()
    snapshot_minutes: int = Field(5, ge=1, le=390)
    risk_free_rate: float | None = Field(None, description="per year, continuously compounded")
    option_exercise: Literal["auto", "european", "american"] = Field(
        "auto", description="auto: european for the simulator, american for recorded US options"
    )
    density_method: Literal["smile", "seed"] = "smile"
    flow_sign: Literal["quote_rule", "lee_ready"] = "quote_rule"
    attribution_window_ms: float = Field(50.0, gt=0)
    leadership_groups: str = Field(DEFAULT_GROUPS, description="name=SPY,IVV; name=QQQ,TQQQ:3")
    leadership_window_minutes: int = Field(30, ge=15, le=390)
    joint_times: str = Field("10:00,13:00,16:00", description="New York times of joint laws")
    joint_states: int = Field(5000, ge=100, le=100_000)
    joint_restarts: int = Field(3, ge=1, le=100)
    factor_max_age_seconds: int = Field(300, ge=1, description="a mid without a quote is unknown")
    factor_coverage_floor: float = Field(0.8, gt=0, le=1, description="of each leg's weight")
    beta_window_seconds: int = Field(300, ge=60, le=23_400)
    beta_method: Literal["kalman", "rolling_ols"] = "kalman"
    up_move_minutes: int = Field(5, ge=1, le=60)
    vendor: VendorSettings = Field(default_factory=VendorSettings)
    workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    data_docs_url: str = Field(
        "http://127.0.0.1:3001", description="where quality/data_docs is served; `offtape ui` does"
    )
    memory_mb: int = Field(
        default_factory=lambda: _half_of_memory(), ge=512, description="of all DuckDB queries"
    )
    seed: int = 20241105
    world: Literal["standard", "reversed", "null", "constant"] = "standard"
    rates: Literal["light", "heavy"] = Field("light", description="how busy the simulated tape is")
    chain_minutes: int = Field(5, ge=1, le=390, description="between simulated option chains")
    planted: Annotated[dict[str, int | float | str], NoDecode] = Field(
        {}, description="simulated quantities, e.g. exercise=american,dividend_yield=0.02"
    )
    cluster: str | None = Field(None, description="address of a Dask scheduler")
    postgres: SecretStr | None = Field(None, description="URL of Dagster's run history")

    @field_validator("tickers", "option_expiries", "event_hedge_factors", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("planted", mode="before")
    @classmethod
    def _split_pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): _number_or_text(text.strip()) for name, _, text in pairs}

    @field_validator("postgres")
    @classmethod
    def _names_its_driver(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith("postgresql+psycopg2://"):
            raise ValueError("must begin with postgresql+psycopg2://, the driver Dagster speaks")
        return url

    @field_validator("leadership_groups")
    @classmethod
    def _groups_can_be_read(cls, text: str) -> str:
        parse_groups(text)
        return text

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
    def has_american_options(self) -> bool:
        """Whether premiums contain the right to exercise early."""
        if self.option_exercise == "auto":
            return self.source != "simulator" or self.planted.get("exercise") == "american"
        return self.option_exercise == "american"

    @property
    def is_remote(self) -> bool:
        """Whether the warehouse lives in an object store."""
        return self.warehouse.startswith("s3://")


def _number_or_text(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _half_of_memory() -> int:
    """Half of this machine's memory in megabytes, or of its container's."""
    bytes_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.is_file() and (text := limit.read_text().strip()).isdecimal():
        bytes_ = min(bytes_, int(text))
    return max(512, bytes_ // 2**21)
