"""`offtape`: the commands a person types, a module a kind; importing them registers them."""

from offtape_assets.cli import building, fetching, maintaining, operating, reading
from offtape_assets.cli.app import app

__all__ = ["app", "building", "fetching", "maintaining", "operating", "reading"]
