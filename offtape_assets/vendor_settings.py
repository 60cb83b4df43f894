"""Where the vendors are and with what one asks them: environment variables OFFTAPE_*, typed.

A part of `Settings`. Secrets are `SecretStr`: no log, error, manifest or Dagster record holds them.
"""

import re
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

VendorName = Literal[
    "massive",
    "massive_reference",
    "thetadata",
    "kalshi",
    "kalshi_api",
    "polymarket",
    "deribit",
    "french",
    "fred",
]
ALL_VENDORS: tuple[VendorName, ...] = VendorName.__args__  # type: ignore[attr-defined]


def _secret(*names: str) -> AliasChoices:
    """The project's own variable first, then those the vendors' documents use."""
    return AliasChoices(*names)


class VendorSettings(BaseSettings):
    """Addresses, credentials and paces of the vendors; each is documented in the README."""

    model_config = SettingsConfigDict(
        env_prefix="OFFTAPE_", frozen=True, extra="ignore", populate_by_name=True
    )

    vendors: Annotated[tuple[VendorName, ...], NoDecode] = ALL_VENDORS
    massive_endpoint: str = "https://files.massive.com"
    massive_bucket: str = "flatfiles"
    massive_profile: str | None = Field(None, description="profile of ~/.aws/credentials")
    massive_access_key_id: SecretStr | None = None
    massive_secret_access_key: SecretStr | None = None
    massive_connections: int = Field(2, ge=1, le=8, description="files at once")
    massive_api: str = "https://api.massive.com"
    massive_api_key: SecretStr | None = Field(
        None,
        validation_alias=_secret("OFFTAPE_MASSIVE_API_KEY", "MASSIVE_API_KEY", "POLYGON_API_KEY"),
    )
    thetadata_url: str = "http://127.0.0.1:25503/v3"
    thetadata_v2_url: str = "http://127.0.0.1:25510/v2"
    thetadata_connections: int = Field(2, ge=1, le=8, description="the plan's: 1, 2, 4 or 8")
    thetadata_interval: str = Field("1m", pattern=r"^\d+[smh]$")
    kalshi_reports: str = "https://kalshi-public-docs.s3.amazonaws.com/reporting"
    kalshi_api: str = "https://api.elections.kalshi.com/trade-api/v2"
    polymarket_gamma: str = "https://gamma-api.polymarket.com"
    polymarket_clob: str = "https://clob.polymarket.com"
    polymarket_events: str = Field(
        r"bitcoin-(price|above)-on-", description="pattern of the slugs of wanted events"
    )
    deribit_url: str = "https://www.deribit.com/api/v2/public"
    french_url: str = "https://mba.tuck.dartmouth.edu/pages/faculty/ken.french/ftp"
    fred_url: str = "https://fred.stlouisfed.org/graph/fredgraph.csv"
    fetch_retry_seconds: float = Field(1.0, gt=0, description="first pause of a repeated request")

    @field_validator("vendors", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("polymarket_events")
    @classmethod
    def _is_a_pattern(cls, text: str) -> str:
        re.compile(text)
        return text

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that must appear nowhere."""
        hidden = (self.massive_access_key_id, self.massive_secret_access_key, self.massive_api_key)
        return tuple(secret.get_secret_value() for secret in hidden if secret)
