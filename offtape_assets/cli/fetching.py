"""The command that brings vendors' files into the landing folder: fetch."""

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table as Grid

from offtape_assets.cli.app import (
    FAILED,
    MISUSED,
    From,
    Landing,
    Tickers,
    To,
    app,
    console,
    errors,
    fail,
    settings_from,
)
from offtape_assets.sources.source import SourceError

if TYPE_CHECKING:
    from offtape_assets.sources.manifest import Entry
    from offtape_assets.sources.vendors.refusal import Refusal
    from offtape_assets.sources.vendors.vendor import Offer, Wanted

NOT_AS_HOPED = ("absent_unexpected", "forbidden", "failed")
"""Standings that get a line of their own and make the command fail."""


class Answer(NamedTuple):
    """What is told of one file."""

    vendor: str
    dataset: str
    path: str
    status: str
    size: int
    reason: str


@app.command()
def fetch(
    first: From,
    last: To,
    vendor: Annotated[
        str | None, typer.Option(help="Comma list, e.g. massive,kalshi [OFFTAPE_VENDORS].")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Comma list, e.g. trades_v1,day_aggs_v1; default all.")
    ] = None,
    landing: Landing = None,
    tickers: Tickers = None,
    look: Annotated[
        bool, typer.Option("--look", help="Only ask what there is, and how large; fetch nothing.")
    ] = False,
) -> None:
    """Download the vendors' files of a range of dates; what is whole is not fetched again.

    Example: [bold]offtape fetch --vendor massive --from 2024-11-05 --to 2024-11-05 --landing
    landing[/]
    """
    from offtape_assets.sources.vendors.refusal import Refusal
    from offtape_assets.sources.vendors.source import VendorSource

    if last < first:
        raise fail(f"--to {last.date()} lies before --from {first.date()}", MISUSED)
    settings = settings_from(source="vendors", landing=landing, tickers=tickers)
    try:
        source = VendorSource(settings)
    except SourceError as error:
        raise fail(str(error)) from None
    names = _chosen("--vendor", vendor, list(source.vendors))
    known = [one for name in names for one in source.vendors[name].datasets]
    datasets = _chosen("--dataset", dataset, known)
    days = first.date(), last.date()
    answers: list[Answer] = []
    with _bars() as bars:
        for name in names:
            fetcher = source.fetcher(name, _advance(bars))
            for wanted in fetcher.wanted(datasets, *days, settings.tickers):
                try:
                    if look:
                        answers += map(_of_offer, fetcher.look(wanted))
                    else:
                        answers += map(_of_entry, fetcher.fetch(wanted))
                except Refusal as refusal:
                    raise fail(str(refusal)) from None
    if _tell(answers, str(source.folder)):
        raise typer.Exit(FAILED)


def _chosen(option: str, given: str | None, known: list[str]) -> list[str]:
    """The names of a comma list, or all known ones."""
    names = [part.strip() for part in (given or "").split(",") if part.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise fail(f"{option}: {', '.join(unknown)} is none of {', '.join(known)}", MISUSED)
    return [name for name in known if name in names] if names else known


def _bars() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    speed = (TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(*columns, *speed, console=errors, transient=True)


def _advance(bars: Progress) -> Callable[[str, int, int | None], None]:
    """One bar a file while it is on its way."""
    tasks: dict[str, TaskID] = {}

    def advance(path: str, done: int, total: int | None) -> None:
        if path not in tasks:
            tasks[path] = bars.add_task(path.rpartition("/")[2])
        bars.update(tasks[path], completed=done, total=total, visible=done != total)

    return advance


def _of_entry(entry: "Entry") -> Answer:
    kept = f"; the version before is {entry.kept_as}" if entry.kept_as else ""
    length = entry.content_length or 0
    return Answer(
        entry.vendor, entry.dataset, entry.path, entry.status, length, entry.reason + kept
    )


def _of_offer(answer: "tuple[Wanted, Offer | Refusal]") -> Answer:
    wanted, found = answer
    if isinstance(found, Exception):
        return Answer(*_about(wanted), found.standing, 0, str(found))
    return Answer(*_about(wanted), "offered", found.size or 0, "")


def _about(wanted: "Wanted") -> tuple[str, str, str]:
    return wanted.vendor, wanted.dataset, wanted.path


def _tell(answers: list[Answer], folder: str) -> bool:
    """Print counts by dataset and every answer that is not as hoped; say whether there is one."""
    grid = Grid("vendor", "dataset", "files", "GB", title=f"files of {folder}")
    groups = sorted({(answer.vendor, answer.dataset) for answer in answers})
    for vendor, dataset in groups:
        own = [answer for answer in answers if answer[:2] == (vendor, dataset)]
        counts = Counter(answer.status for answer in own)
        told = " ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        grid.add_row(vendor, dataset, told, f"{sum(a.size for a in own) / 1e9:.3f}")
    console.print(grid)
    bad = [answer for answer in answers if answer.status in NOT_AS_HOPED]
    for answer in bad:
        told = escape(f"{answer.path}: {answer.reason}")
        errors.print(f"[red]{answer.status}[/] {told}", soft_wrap=True)
    for answer in answers:
        if answer.status == "ok" and answer.reason:
            console.print(escape(f"{answer.path}{answer.reason}"), soft_wrap=True)
    return bool(bad)
