"""Sale and quote conditions as the vendor's look-up lists them: one JSON snapshot of all pages."""

import json
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from offtape_assets.sources.source import REJECT_SCHEMA, RawRows, SourceError

FILE = Path("massive", "reference", "conditions.json")
SCHEMA = pl.Schema(
    {
        "condition": pl.Int64(),
        "condition_type": pl.String(),
        "name": pl.String(),
        "data_types": pl.List(pl.String()),
        "sip_codes": pl.String(),
        "updates_high_low": pl.Boolean(),
        "updates_open_close": pl.Boolean(),
        "updates_volume": pl.Boolean(),
        "is_legacy": pl.Boolean(),
    }
)
_RULES = ("updates_high_low", "updates_open_close", "updates_volume")


class ConditionReader:
    """Reads raw.vendor_conditions."""

    def __init__(self, landing: Path) -> None:
        self._file = landing / FILE

    def files(self, day: date, ticker: str = "") -> list[Path]:
        """The snapshot, whatever the date."""
        return [self._file] if self._file.is_file() else []

    def read(self, day: date, tickers: Sequence[str], scratch: Path) -> Iterator[RawRows]:
        """Yield one row a condition.

        Raises
        ------
        SourceError
            If the file is not the vendor's JSON.
        """
        for path in self.files(day):
            try:
                answers = list(json.loads(path.read_bytes())["results"])
            except (ValueError, KeyError, TypeError) as error:
                raise SourceError(
                    f"{path}: no list of conditions ({error!r}); fetch it again"
                ) from error
            rows, rejects = [], []
            for answer in answers:
                try:
                    rows.append(_row(answer))
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    rejects.append((f"{type(error).__name__}: {error}", json.dumps(answer)))
            yield RawRows(
                "",
                pl.DataFrame(rows, SCHEMA, orient="row"),
                pl.DataFrame(rejects, REJECT_SCHEMA, orient="row"),
            )


def _row(answer: dict[str, Any]) -> tuple[Any, ...]:
    rules = (answer.get("update_rules") or {}).get("consolidated") or {}
    return (
        int(answer["id"]),
        str(answer["type"]),
        str(answer["name"]),
        list(answer["data_types"]),
        json.dumps(answer.get("sip_mapping") or {}, sort_keys=True),
        *(rules.get(rule) for rule in _RULES),
        bool(answer.get("legacy", False)),
    )
