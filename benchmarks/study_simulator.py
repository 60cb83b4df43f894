"""Stylised facts of the simulated market beside recorded days, as the table of docs/simulator.md.

    python benchmarks/study_simulator.py [--landing FOLDER] [--write]

Facts are measured the same way on both sides, in regular hours. `--write` puts the tables between
the markers of docs/simulator.md.
"""

import argparse
import os
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import polars as pl

from offtape_assets.market.calendar import session
from offtape_assets.sources.landing.landing import LandingSource
from offtape_assets.sources.simulator.simulator import SimulatorSource
from offtape_assets.sources.source import Source
from offtape_assets.tables import raw
from offtape_assets.tables.table import Table

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "simulator.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
EVENT_DAY, QUIET_DAY = date(2024, 11, 5), date(2024, 11, 4)
SECOND = 1_000_000_000


class Column(NamedTuple):
    """One column of a table of facts: where the rows come from."""

    head: str
    source: Source
    day: date
    ticker: str


def frame(column: Column, table: Table) -> pl.DataFrame:
    """The rows of one name, prices as floating point, instants in ns."""
    with TemporaryDirectory() as scratch:
        deliveries = column.source.read(table, column.day, [column.ticker], Path(scratch))
        rows = next(d.rows for d in deliveries if d.ticker == column.ticker)
        rows = pl.read_parquet(rows) if isinstance(rows, Path) else rows
    decimals = [name for name, kind in rows.schema.items() if isinstance(kind, pl.Decimal)]
    rows = rows.with_columns(pl.col(decimals).cast(pl.Float64))
    return rows.with_columns(pl.col("ts").cast(pl.Datetime("ns")).dt.epoch("ns")).sort("ts")


def in_session(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """Rows of regular trading hours."""
    first, last = (int(moment.timestamp()) * SECOND for moment in session(day))
    return rows.filter(pl.col("ts").is_between(first, last - 1))


def kurtosis(values: np.ndarray) -> float:
    """Fourth moment over the squared second; 3 for a normal."""
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def autocorrelation(values: np.ndarray) -> float:
    """First autocorrelation."""
    return float(np.corrcoef(values[1:], values[:-1])[0, 1])


def tape_facts(column: Column) -> dict[str, float]:
    """Facts of one name's day of quotes and trades."""
    quotes = in_session(frame(column, raw.QUOTES), column.day).drop_nulls(
        ["bid_price", "ask_price"]
    )
    quotes = quotes.filter(
        (pl.col("bid_price") > 0) & (pl.col("ask_price") < 5 * pl.col("bid_price").median())
    )
    trades = in_session(frame(column, raw.TRADES), column.day)
    trades = trades.filter((pl.col("price") > 0) & (pl.col("size") > 0))
    return quote_facts(quotes) | trade_facts(trades, quotes)


def quote_facts(quotes: pl.DataFrame) -> dict[str, float]:
    """Returns, spreads and sizes."""
    ts = quotes["ts"].to_numpy()
    bid, ask = quotes["bid_price"].to_numpy(), quotes["ask_price"].to_numpy()
    mid = (bid + ask) / 2
    grid = np.arange(ts[0] // SECOND + 1, ts[-1] // SECOND) * SECOND
    log_mid = np.log(mid[np.searchsorted(ts, grid) - 1])
    second, minute = np.diff(log_mid), np.diff(log_mid[::60])
    slow = np.diff(log_mid[::300]).var() / 300
    life = np.diff(ts, append=ts[-1])
    open_book = ask > bid
    cents = np.rint((ask - bid) * 100)
    return {
        "1 s returns: autocorrelation": autocorrelation(second),
        "1 s returns: kurtosis": kurtosis(second),
        "1 min returns: autocorrelation": autocorrelation(minute),
        "1 min returns: kurtosis": kurtosis(minute),
        "1 min |returns|: autocorrelation": autocorrelation(np.abs(minute)),
        "signature: variance at 1 s / 5 min": second.var() / slow,
        "signature: variance at 10 s / 5 min": np.diff(log_mid[::10]).var() / 10 / slow,
        "volatility of the session, %": 100 * np.sqrt(slow * len(grid)),
        "spread, time-weighted, bp": 1e4 * np.average((ask - bid) / mid, weights=life * open_book),
        "spread of one cent, share of time": np.average(cents == 1, weights=life),
        "spread over 3 cents, share of time": np.average(cents > 3, weights=life),
        "locked rows": float((bid == ask).mean()),
        "crossed rows": float((bid > ask).mean()),
        "shown size, median shares": float(np.median(quotes["bid_size"].to_numpy())),
        "quotes that move a price": float(((np.diff(bid) != 0) | (np.diff(ask) != 0)).mean()),
        "quotes a second": len(ts) / len(grid),
    }


def trade_facts(trades: pl.DataFrame, quotes: pl.DataFrame) -> dict[str, float]:
    """Prints: timing, sizes, conditions, places in the spread."""
    ts = trades["ts"].to_numpy()
    counts = np.bincount((ts - ts[0]) // SECOND)
    gaps = np.diff(ts) / SECOND
    has = {
        number: trades["conditions"].list.contains(number).fill_null(False).to_numpy()
        for number in (14, 37)
    }
    size, price = trades["size"].to_numpy(), trades["price"].to_numpy()
    odd = has[37] | (size < 100)
    slot = np.searchsorted(quotes["ts"].to_numpy(), ts) - 1
    seen = slot >= 0
    bid, ask = (quotes[name].to_numpy()[slot] for name in ("bid_price", "ask_price"))
    regular = seen & (ask > bid)
    place = (price - bid)[regular] / (ask - bid)[regular]
    share_of_day = np.cumsum(counts) / counts.sum()
    half_hour, midday = min(1800, len(counts) - 1), (len(counts) // 2 - 900, len(counts) // 2 + 900)
    return {
        "quotes per trade": quotes.height / trades.height,
        "trades a second": trades.height / len(counts),
        "trades a second: variance / mean": counts.var() / counts.mean(),
        "gaps between trades: coefficient of variation": gaps.std() / gaps.mean(),
        "at the midpoint": float((np.abs(place - 0.5) < 1e-6).mean()),
        "inside the spread": float(((place > 0.001) & (place < 0.999)).mean()),
        "outside the quotes": float(((place < -0.001) | (place > 1.001)).mean()),
        "sweeps (condition 14)": float(has[14].mean()),
        "odd lots": float(odd.mean()),
        "off exchange": float((trades["exchange"].to_numpy() == 4).mean()),
        "size, median": float(np.median(size)),
        "size, mean": float(size.mean()),
        "first half hour, share of trades": share_of_day[half_hour],
        "middle half hour": share_of_day[midday[1]] - share_of_day[midday[0]],
        "last half hour": 1 - share_of_day[-half_hour],
    }


def chain_facts(column: Column, spot: Callable[[np.ndarray], np.ndarray]) -> dict[str, float]:
    """Spreads by moneyness, parity, staleness of one name's options with 5 to 30 days to go."""
    rows = frame(column, raw.OPTION_QUOTES)
    days = (pl.col("expiry") - column.day).dt.total_days()
    rows = in_session(rows, column.day).filter(days.is_between(5, 30))
    rows = rows.with_columns(
        pl.Series("spot", spot(rows["ts"].to_numpy())),
        mid=(pl.col("bid_price") + pl.col("ask_price")) / 2,
        width=pl.col("ask_price") - pl.col("bid_price"),
    )
    away = (pl.col("strike") / pl.col("spot")).log() * pl.when(pl.col("option_right") == "C").then(
        1
    ).otherwise(-1)
    rows = rows.with_columns(away=away)
    facts = {}
    for low, high in ((-0.10, -0.05), (-0.02, 0.02), (0.02, 0.05), (0.05, 0.10)):
        part = rows.filter(pl.col("away").is_between(low, high) & (pl.col("mid") > 0))
        name = f"spread / mid, {100 * low:+.0f} to {100 * high:+.0f} % out of the money"
        facts[name] = part.select((pl.col("width") / pl.col("mid")).median()).item()
    none = rows.filter(pl.col("away") > 0.15).select(pl.col("bid_price").is_null().mean()).item()
    facts["no bid beyond 15 % out"] = none
    key = ["ts", "expiry", "strike"]
    calls, puts = (rows.filter(pl.col("option_right") == right) for right in "CP")
    pairs = calls.join(puts, on=key, suffix="_put").filter(pl.col("away").abs() < 0.05)
    pairs = pairs.with_columns(forward=pl.col("mid") - pl.col("mid_put") + pl.col("strike"))
    residual = (pl.col("forward") - pl.col("forward").median().over("ts", "expiry")).abs()
    facts["parity residual / (sum of spreads), median"] = pairs.select(
        (residual / (pl.col("width") + pl.col("width_put"))).median()
    ).item()
    option = ["expiry", "strike", "option_right"]
    still = rows.sort(*option, "ts").select(
        (pl.col("bid_price").diff().over(option) == 0)
        & (pl.col("ask_price").diff().over(option) == 0),
        moved=(pl.col("spot").log().diff().abs() > 1e-4).over(option),
        near=pl.col("away").abs() < 0.05,
    )
    near = still.filter(pl.col("moved") & pl.col("near"))
    facts["unchanged near the money though the spot moved"] = near.select(pl.nth(0).mean()).item()
    return facts


def event_facts(prices: np.ndarray, sizes: np.ndarray | None) -> dict[str, float]:
    """Bounce of successive trade prices and sizes of one contract."""

    def ratio(step: int) -> float:
        return float(np.var(prices[step:] - prices[:-step]) / (step * np.var(np.diff(prices))))

    facts = {"variance ratio VR(2)": ratio(2), "variance ratio VR(20)": ratio(20)}
    if sizes is not None:
        facts["contracts a trade, median"] = float(np.median(sizes))
        facts["contracts a trade, mean"] = float(np.mean(sizes))
        facts["trades"] = float(len(prices))
    return facts


def markdown(title: str, heads: list[str], columns: list[dict[str, float]]) -> str:
    """A table of facts by source."""
    names = list(dict.fromkeys(name for facts in columns for name in facts))
    lines = [f"### {title}", "", "| fact | " + " | ".join(heads) + " |"]
    lines.append("|---|" + "---:|" * len(heads))
    for name in names:
        cells = [f"{facts[name]:.3g}" if name in facts else "" for facts in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def tape_table(recorded: LandingSource, market: SimulatorSource) -> str:
    """Recorded names first, then simulated ones of like traffic, then busy ones."""
    columns = [
        Column("IBM 2013", recorded, date(2013, 10, 7), "IBM"),
        Column("BAC 2013", recorded, date(2013, 10, 7), "BAC"),
        Column("XXX 2018", recorded, date(2018, 1, 2), "XXX"),
        *(Column(f"sim {name}", market, QUIET_DAY, name) for name in ("JPM", "XLF", "CEG", "NVDA")),
        Column("sim SPY, event day", market, EVENT_DAY, "SPY"),
    ]
    facts = [tape_facts(column) for column in columns]
    return markdown("Tape, regular hours", [column.head for column in columns], facts)


def recorded_spot(recorded: LandingSource, day: date, ticker: str) -> Callable:
    """The underlying of a recorded chain from its minute bars, the last close before."""
    with TemporaryDirectory() as scratch:
        rows = next(iter(recorded.read(raw.MINUTE_BARS, day, [ticker], Path(scratch)))).rows
        bars = pl.read_parquet(rows) if isinstance(rows, Path) else rows
    bars = bars.sort("ts")
    ends = bars["ts"].cast(pl.Datetime("ns")).dt.epoch("ns").to_numpy() + 60 * SECOND
    close = bars["close"].cast(pl.Float64).to_numpy()
    return lambda ts: close[np.maximum(np.searchsorted(ends, ts, side="right") - 1, 0)]


def simulated_spot(market: SimulatorSource, day: date, ticker: str) -> Callable:
    """The underlying of a simulated chain."""
    truth = market.session(day)
    path = truth.price(ticker)
    return lambda ts: path[ts // SECOND - truth.start]


def chain_table(recorded: LandingSource, market: SimulatorSource) -> str:
    """Recorded chains beside simulated ones at the recorded interval of a minute."""
    by_minute = SimulatorSource(chain_minutes=1)
    heads, facts = [], []
    for head, day, ticker in (
        ("GOOG 2015 (1 min)", date(2015, 12, 24), "GOOG"),
        ("AAPL 2014 (1 h)", date(2014, 6, 6), "AAPL"),
    ):
        column = Column(head, recorded, day, ticker)
        heads.append(head)
        facts.append(chain_facts(column, recorded_spot(recorded, day, ticker)))
    for ticker in ("GOOG", "SHW", "AAPL", "SPY"):
        column = Column(f"sim {ticker} (1 min)", by_minute, EVENT_DAY, ticker)
        heads.append(column.head)
        facts.append(chain_facts(column, simulated_spot(by_minute, EVENT_DAY, ticker)))
    return markdown("Option chains, 5 to 30 days", heads, facts)


def event_table(recorded: LandingSource, market: SimulatorSource) -> str:
    """The event contract: simulated days, the reported figures of the real tape, another tape."""
    heads = ["PRES-2024-DJT as reported"]
    facts = [{"variance ratio VR(2)": 0.53, "variance ratio VR(20)": 0.06}]
    for head, source, day, contract in (
        ("SENATEGA 2022-11-08", recorded, date(2022, 11, 8), "SENATEGA-2022-R"),
        ("SENATEGA 2022-11-09", recorded, date(2022, 11, 9), "SENATEGA-2022-R"),
        *(
            (f"sim {day}", market, day, "PRES-2024-DJT")
            for day in (date(2024, 10, 20), QUIET_DAY, EVENT_DAY, date(2024, 11, 6))
        ),
    ):
        with TemporaryDirectory() as scratch:
            rows = next(iter(source.read(raw.KALSHI_TRADES, day, [], Path(scratch)))).rows
            rows = pl.read_parquet(rows) if isinstance(rows, Path) else rows
        rows = rows.filter(pl.col("contract") == contract).sort("ts", maintain_order=True)
        prices, sizes = (
            rows[name].cast(pl.Float64).to_numpy() for name in ("price", "contracts_traded")
        )
        heads.append(head)
        facts.append(event_facts(prices, sizes))
    table = markdown("Event contract, trade by trade", heads, facts)
    return table + "\n" + hourly_table(recorded, market)


def hourly_table(recorded: LandingSource, market: SimulatorSource) -> str:
    """Hourly closes of the recorded candles beside the simulated truth at the hours."""
    candles = pl.read_csv(recorded.folder / "kalshi" / "candlesticks" / "PRES-2024-DJT.csv")
    candles = candles.with_columns(pl.col("timestamp").str.to_datetime())
    closes = candles.drop_nulls("price_close").filter(
        pl.col("timestamp") < pl.lit(date(2024, 11, 5)).cast(pl.Datetime)
    )
    real = closes.select(
        pl.when(pl.col("timestamp").diff().dt.total_hours() == 1).then(pl.col("price_close").diff())
    ).drop_nulls()
    hours = np.arange(market.event.listed, market.event.day_begins, 3600)
    made = 100 * np.diff(np.rint(100 * market.event.probability(hours)) / 100)
    columns = []
    for moves in (real.to_series().to_numpy(), made):
        columns.append({
            "hourly change, standard deviation, cents": float(moves.std()),
            "hourly change, kurtosis": kurtosis(moves),
            "hours without a change": float((np.abs(moves) < 0.5).mean()),
        })  # fmt: skip
    return markdown(
        "Event contract by the hour, before the day", ["recorded", "simulated"], columns
    )


def daily_rows(source: Source, table: Table, days: list[date]) -> pl.DataFrame:
    """Rows of a calendar-day table over several days."""
    frames = []
    with TemporaryDirectory() as scratch:
        for day in days:
            frames += [d.rows for d in source.read(table, day, [], Path(scratch))]
    return pl.concat(frames).sort("ts", maintain_order=True)


def coin_facts(source: Source, last: date) -> dict[str, float]:
    """A week of weekly contracts that settles on `last`, and 60 days of the coin before."""
    days = [last - timedelta(days=n) for n in range(60, -1, -1)]
    close = daily_rows(source, raw.CRYPTO_BARS, days)["close"].cast(pl.Float64).to_numpy()
    moves = np.diff(np.log(close))
    index = daily_rows(source, raw.VOLATILITY_INDEX, days)["close"].cast(pl.Float64).to_numpy()
    prices = daily_rows(source, raw.PREDICTION_PRICES, days[-9:])
    with TemporaryDirectory() as scratch:
        terms = next(iter(source.read(raw.PREDICTION_MARKETS, last, [], Path(scratch)))).rows
    mine = terms.filter(pl.col("expires_ts").dt.date() == last)["contract_id"]
    prices = prices.filter(pl.col("contract_id").is_in(mine.to_list()))
    hour = pl.col("ts").dt.truncate("1h")
    sums = (
        prices.group_by(hour)
        .agg(pl.col("price").cast(pl.Float64).sum())
        .sort("ts")["price"]
        .to_numpy()
    )
    changes = prices.sort("contract_id", "ts").select(
        pl.col("price").cast(pl.Float64).diff().over("contract_id").abs()
    )
    return {
        "hourly returns: standard deviation, %": 100 * moves.std(),
        "hourly returns: kurtosis": kurtosis(moves),
        "hourly |returns|: autocorrelation": autocorrelation(np.abs(moves)),
        "volatility index, mean points": index.mean(),
        "volatility index: hourly change, sd": np.diff(index).std(),
        "sum of range prices, first hour": sums[0],
        "sum of range prices, later: mean": float(np.mean(sums[1:])),
        "sum of range prices, later: sd": float(np.std(sums[1:])),
        "hourly change of a contract, mean": changes.to_series().mean(),
    }


def coin_table(recorded: LandingSource, market: SimulatorSource) -> str:
    """Coins and contracts."""
    weeks = [("recorded", recorded, date(2025, 3, 7)), ("recorded", recorded, date(2025, 3, 14))]
    weeks += [("simulated", market, date(2025, 3, 7)), ("simulated", market, date(2024, 11, 8))]
    heads = [f"{name}, week to {last}" for name, _, last in weeks]
    return markdown("Coin and weekly contracts", heads, [coin_facts(s, d) for _, s, d in weeks])


def tables(landing: Path) -> Iterable[str]:
    """All tables."""
    recorded, market = LandingSource(landing), SimulatorSource()
    yield tape_table(recorded, market)
    yield chain_table(recorded, market)
    yield event_table(recorded, market)
    yield coin_table(recorded, market)


def main() -> None:
    """Print the tables, or put them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("OFFTAPE_TEST_LANDING", PROJECT.parent / "shared" / "data" / "landing")
    parser.add_argument("--landing", type=Path, default=Path(default))
    parser.add_argument("--write", action="store_true", help="update docs/simulator.md")
    given = parser.parse_args()
    text = "\n".join(tables(given.landing))
    if not given.write:
        print(text)
        return
    page = PAGE.read_text()
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


if __name__ == "__main__":
    main()
