"""All declared tables, in the order of the layers."""

from functools import lru_cache

from offtape_assets.tables import (
    features,
    features_factors,
    mart,
    model_conditional,
    model_contracts,
    model_event,
    model_factors,
    model_joint,
    model_leadership,
    model_options,
    quality,
    raw,
    truth,
)
from offtape_assets.tables.table import Table

SCHEMAS = ("raw", "features", "model", "mart", "quality", "truth")
_MODULES = (
    raw,
    features,
    features_factors,
    model_conditional,
    model_contracts,
    model_event,
    model_factors,
    model_joint,
    model_leadership,
    model_options,
    quality,
    truth,
)


@lru_cache(maxsize=1)
def stored_tables() -> tuple[Table, ...]:
    """Tables with files of their own."""
    return tuple(_declared_in(_MODULES))


@lru_cache(maxsize=1)
def mart_tables() -> tuple[Table, ...]:
    """Views an analyst reads."""
    return tuple(_declared_in((mart,)))


def table_named(full_name: str) -> Table:
    """The table `schema.name`.

    Raises
    ------
    KeyError
        If no such table is declared.
    """
    return {table.full_name: table for table in stored_tables() + mart_tables()}[full_name]


def _declared_in(modules: tuple[object, ...]) -> list[Table]:
    found = [value for module in modules for value in vars(module).values()]
    return [value for value in found if isinstance(value, Table)]
