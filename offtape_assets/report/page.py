"""The day's story as one HTML file: sections of text, a chart, the rows, and the SQL behind them.

The page loads nothing from the network: Plotly's script is part of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from offtape_assets.report import charts

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

ROWS_SHOWN = 12


@dataclass(frozen=True)
class Section:
    """A question of the day, the query that answers it and how the answer is drawn."""

    query: str
    title: str
    text: str
    draw: "Callable[[pl.DataFrame], Figure] | None" = None


class Answer(NamedTuple):
    """The SQL of a section and its rows."""

    sql: str
    rows: pl.DataFrame
    error: str = ""
    """Why the query could not be answered; empty where it was."""


SECTIONS = (
    Section("event_minutes", "The event's probability", "Filtered from every trade on both contracts, with a 90 % band.", charts.probability),
    Section("largest_shocks", "The largest shocks", "Minutes that surprised the event market most, and each name's move in them.", charts.shocks),
    Section("where_first", "Where it appeared first", "Information shares describe; only a lead test against every other member names a leader.", charts.leaders),
    Section("strongest_lead_lags", "How it was transmitted", "The lag at which two names move most alike.", charts.lead_lags),
    Section("quotes_or_trades", "Quotes or trades", "A change of the mid with a print within the window counts as trade-driven.", charts.drivers),
    Section("iso_and_leadership", "Do sweeps lead?", "ISO activity before windows in which a series leads.", charts.sweeps),
    Section("systematic_or_idiosyncratic", "Systematic or idiosyncratic", "Share of one-second variance that the five factors explain.", charts.systematic),
    Section("factors_of_the_day", "The five factors", "Summed one-second returns from every stock with a weight.", charts.factors),
    Section("density_moments_at_the_close", "What the densities say", "The last risk-neutral law of each name, with what is known of its quality."),
    Section("smile_of_a_name", "One smile in full", "Out-of-the-money quotes with their errors and the curve through them.", charts.smile),
    Section("density_of_a_name", "One density in full", "With its 90 % band.", charts.density),
    Section("gamma_by_strike", "Where dealers are short gamma", "From open interest, dealers assumed to have sold every option.", charts.gamma),
    Section("two_worlds", "The two worlds", "Where each name goes in each outcome, with 90 % bands; names the day does not identify are left out.", charts.two_worlds),
    Section("law_in_two_worlds", "One name in both worlds", "Its densities given each outcome.", charts.law_in_two_worlds),
    Section("joint_correlations", "The joint law", "The constraints leave the dependence open: the band is over priors.", charts.correlations),
    Section("implied_factors", "Factors implied by options", "Volatility from independent names is a lower bound, not an estimate."),
    Section("contract_heat_map", "Bitcoin contracts", "Model probabilities through the day.", charts.heat_map),
    Section("contract_performance", "Did dislocations pay?", "Profit with its standard error and the number of contracts it rests on.", charts.contract_pnl),
    Section("quality_of_the_day", "Can the day be trusted?", "Claims judged and violated, rows set aside."),
    Section("recovery", "Are the numbers right?", "On simulated days every estimator is scored against the planted truth.", charts.recovered),
)  # fmt: skip


def render(day: date, answers: Mapping[str, Answer]) -> str:
    """The whole page; a section without rows says so."""
    from plotly.offline import get_plotlyjs

    parts = [_section(section, answers[section.query]) for section in SECTIONS]
    links = "".join(f'<a href="#{s.query}">{escape(s.title)}</a>' for s in SECTIONS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Offtape {day}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style>'
        f"<script>{get_plotlyjs()}</script></head><body>"
        f"<h1>Event day {day}</h1><nav>{links}</nav>{''.join(parts)}</body></html>"
    )


def _section(section: Section, answer: Answer) -> str:
    head = f'<section id="{section.query}"><h2>{escape(section.title)}</h2><p>{escape(section.text)}</p>'
    sql = f"<details><summary>the SQL, sql/queries/{section.query}.sql</summary><pre>{escape(answer.sql)}</pre></details></section>"
    if answer.error:
        return f"{head}<p class=none>Not answered: {escape(answer.error)}</p>{sql}"
    if answer.rows.is_empty():
        return f"{head}<p class=none>No rows for this date.</p>{sql}"
    chart = ""
    if section.draw:
        chart = section.draw(answer.rows).to_html(
            full_html=False, include_plotlyjs=False, config={"responsive": True}
        )
    return head + chart + _table(answer.rows) + sql


def _table(rows: pl.DataFrame) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in rows.columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(_text(value))}</td>" for value in row) + "</tr>"
        for row in rows.head(ROWS_SHOWN).iter_rows()
    )
    more = (
        f"<p class=none>{rows.height - ROWS_SHOWN:,} more rows</p>"
        if rows.height > ROWS_SHOWN
        else ""
    )
    return f"<div class=wide><table><tr>{cells}</tr>{body}</table></div>{more}"


def _text(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
nav { display: flex; flex-wrap: wrap; gap: .3rem .9rem; }
h2 { margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
.wide { overflow-x: auto; }
.none { color: #777; }
pre { overflow-x: auto; background: #f6f6f6; padding: .7rem; font-size: 12px; }
"""
