"""The Typer application, the options its commands share, and how they speak and fail.

A command parses, prints and exits; the work is elsewhere.
"""

import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from offtape_assets.settings import Settings


class _Application(typer.Typer):
    """Typer, whose unforeseen errors are one line; the trace is for --verbose."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except Exception as error:
            if "--verbose" in sys.argv:
                raise
            first = (str(error).strip() or "no message").splitlines()[0]
            fail(f"{type(error).__name__}: {first}; `offtape --verbose ...` shows the trace")
            sys.exit(FAILED)


app = _Application(
    help="A warehouse that shows where event-day information appears first and how it spreads.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
console = Console()
errors = Console(stderr=True)

FAILED, MISUSED = 1, 2


Warehouse = Annotated[
    str | None, typer.Option(help="Folder or s3:// URL of the warehouse [OFFTAPE_WAREHOUSE].")
]
From = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First date.")]
To = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date, included.")]
MaybeFrom = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First date.")
]
MaybeTo = Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last date.")]
Tickers = Annotated[str | None, typer.Option(help="Comma list, e.g. SPY,NVDA.")]
Landing = Annotated[Path | None, typer.Option(help="Folder in the vendors' own layouts.")]
SourceName = Annotated[str | None, typer.Option(help="simulator, landing or vendors.")]


def fail(message: str, code: int = FAILED) -> typer.Exit:
    """Print one line on standard error and return the exit to raise."""
    errors.print(f"[red]error[/] {escape(message)}", highlight=False, soft_wrap=True)
    return typer.Exit(code)


def settings_from(**given: Any) -> Settings:
    """Settings from the environment, overridden by the options that were given."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as invalid:
        problem = invalid.errors()[0]
        name = "OFFTAPE_" + "_".join(map(str, problem["loc"])).upper()
        raise fail(f"{name}: {problem['msg']} (got {problem['input']!r})", MISUSED) from None


@app.callback()
def main(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show traces of errors.")] = False,
) -> None:
    """Commands of the warehouse; `offtape COMMAND --help` shows examples."""
    level = logging.DEBUG if verbose else logging.ERROR
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    logging.getLogger("offtape_assets").setLevel(level)


def opened_catalog(settings: Settings) -> Any:
    """The warehouse's catalog, read-only."""
    from offtape_assets.storage.catalog import CatalogMissingError, open_catalog
    from offtape_assets.storage.warehouse import Warehouse as Store

    try:
        return open_catalog(Store(settings.warehouse))
    except CatalogMissingError as error:
        raise fail(str(error)) from None
