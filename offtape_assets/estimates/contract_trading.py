"""Trading on dislocations: settlements, hourly profits of each rule, trades and what they add up to.

Frames to frames. A position is decided at a price and earns from there; a date's rows are made from
the contract's life up to that date and never from later ones.
"""

from collections.abc import Iterator
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from offtape_assets.estimates.contracts import UNDERLYING, dislocations, eligible, seeded
from offtape_assets.quant.contract_backtest import (
    RoundTrips,
    hourly_profit,
    performance,
    round_trips,
    sigmoid_positions,
    threshold_positions,
)
from offtape_assets.quant.dislocation import bootstrap_threshold

HALF_SPREAD_USD = 0.01
"""Half of a two-cent spread, twice what most recorded mid prices imply; books are thin."""
FEE_RATES = {"polymarket": 0.0, "kalshi": 0.07}
"""A taker's fee is rate p (1 - p) a unit; Polymarket charged none on these contracts."""
THRESHOLD, SIGMOID, SCALED, DELAYED = (
    "threshold",
    "sigmoid",
    "threshold_scaled",
    "threshold_delayed",
)
PERFORMANCE_DAYS = 91
SETTLEMENT_SCHEMA = pl.Schema(
    {
        "contract_id": pl.String(),
        "family": pl.String(),
        "venue": pl.String(),
        "range_low": pl.Float64(),
        "range_high": pl.Float64(),
        "expires_ts": pl.Datetime("us"),
        "settlement_price": pl.Float64(),
        "outcome": pl.Float64(),
        "status": pl.String(),
    }
)
PROFIT_SCHEMA = pl.Schema(
    {
        "contract_id": pl.String(),
        "ts": pl.Datetime("us"),
        "model": pl.String(),
        "rule": pl.String(),
        "position": pl.Float64(),
        "market_price": pl.Float64(),
        "profit": pl.Float64(),
        "cost": pl.Float64(),
        "units_traded": pl.Float64(),
        "family": pl.String(),
    }
)
TRADE_SCHEMA = pl.Schema(
    {
        "contract_id": pl.String(),
        "model": pl.String(),
        "entry_ts": pl.Datetime("us"),
        "exit_ts": pl.Datetime("us"),
        "side": pl.String(),
        "entry_price": pl.Float64(),
        "exit_price": pl.Float64(),
        "pnl": pl.Float64(),
        "cost": pl.Float64(),
        "exit_reason": pl.String(),
    }
)


def contract_settlements(
    markets: pl.DataFrame, volatility: pl.DataFrame, day: date
) -> pl.DataFrame:
    """What each contract that expires on a day paid: the spot price at the expiry in its interval.

    Parameters
    ----------
    markets : raw.prediction_markets of the day. volatility : features.crypto_volatility_1h of it.

    Notes
    -----
    The spot price known at the expiry is the close of the hour that ends there; an expiry off the
    hour, or a missing bar, leaves the outcome unknown.
    """
    spot = volatility.filter(symbol=UNDERLYING).select(
        pl.col("ts").alias("expires_ts"),
        pl.when(pl.col("spot_ts") == pl.col("ts")).then("spot").alias("settlement_price"),
    )
    price = pl.col("settlement_price")
    inside = (price >= pl.col("range_low").fill_null(0.0)) & (
        price < pl.col("range_high").fill_null(float("inf"))
    )
    return (
        markets.filter(pl.col("expires_ts").dt.date() == day)
        .join(spot, on="expires_ts", how="left")
        .with_columns(
            outcome=inside.cast(pl.Float64),
            status=pl.when(price.is_null()).then(pl.lit("no_spot")).otherwise(pl.lit("ok")),
        )
        .select(*SETTLEMENT_SCHEMA)
    )


class _Path(NamedTuple):
    """One contract under one model up to the end of a date."""

    own: pl.DataFrame
    price: NDArray[np.float64]
    is_over: bool
    settlement: float
    stamps: NDArray[np.datetime64]
    """Hours, and the expiry where the contract is over."""
    fee_rate: NDArray[np.float64]


def _paths(rows: pl.DataFrame, settlements: pl.DataFrame) -> Iterator[tuple[str, str, _Path]]:
    """Every contract and model with its life so far; `rows` are model.dislocations."""
    outcome = dict(zip(settlements["contract_id"], settlements["outcome"], strict=True))
    ordered = rows.sort("model", "contract_id", "ts")
    for (model, contract), own in ordered.group_by("model", "contract_id", maintain_order=True):
        is_over = contract in outcome
        paid = outcome.get(contract)
        stamps = own["ts"].to_numpy()
        if is_over:
            stamps = np.append(stamps, own["expires_ts"].to_numpy()[:1])
        yield (
            str(model),
            str(contract),
            _Path(
                own,
                own["market_price"].to_numpy(),
                is_over,
                np.nan if paid is None else paid,
                stamps,
                np.array([FEE_RATES.get(own["venue"][0], 0.0)]),
            ),
        )


def _positions(path: _Path, contract: str, seed: int) -> dict[str, NDArray[np.float64]]:
    """Position of each rule after each hour's decision."""
    gap = eligible(path.own, "dislocation")[:, None]
    unit = path.own["threshold"].to_numpy()[:, None]
    scaled = path.own.with_columns(gap=pl.col("market_price") - pl.col("probability_scaled"))
    scaled_gap = eligible(scaled, "gap")
    scaled_unit = bootstrap_threshold(scaled_gap, seeded(seed, contract, "threshold"))
    held = threshold_positions(gap, unit)
    return {
        THRESHOLD: held,
        SIGMOID: sigmoid_positions(gap, unit),
        SCALED: threshold_positions(scaled_gap[:, None], scaled_unit[:, None]),
        DELAYED: np.vstack([np.zeros((1, 1)), held[:-1]]),
    }


def trade_contracts(
    prices: pl.DataFrame,
    probabilities: pl.DataFrame,
    settlements: pl.DataFrame,
    day: date,
    seed: int,
    half_spread: float = HALF_SPREAD_USD,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Dislocations of a day, what every rule earned on it, and the trades that ended on it.

    Parameters
    ----------
    prices, probabilities : features.contract_prices and model.contract_probabilities of the day
    and the days before, so that they hold the contracts' lives so far.
    settlements : model.contract_settlements of the day; may be empty.
    seed : names the bootstrap's random numbers. half_spread : dollars a unit traded.

    Returns
    -------
    dislocations, profits, trades : rows of model.dislocations, model.contract_profits and
    model.contract_trades (the article's rule).
    """
    midnight = datetime(day.year, day.month, day.day)
    today = pl.col("ts") >= midnight
    gaps = dislocations(prices, probabilities, seed)
    alive = set(gaps.filter(today)["contract_id"]) | set(settlements["contract_id"])
    lives = gaps.filter(pl.col("contract_id").is_in(list(alive)))
    profits, trades = [pl.DataFrame(schema=PROFIT_SCHEMA)], [pl.DataFrame(schema=TRADE_SCHEMA)]
    for model, contract, path in _paths(lives, settlements):
        for rule, position in _positions(path, contract, seed).items():
            price, settlement = path.price[:, None], np.array([path.settlement])
            profit, cost = hourly_profit(position, price, settlement, half_spread, path.fee_rate)
            profits.append(_profit_rows(path, model, contract, rule, position, profit, cost))
            if rule == THRESHOLD:
                made = round_trips(position[:, 0], path.price, cost[:, 0], path.settlement)
                trades.append(_trade_rows(path, model, contract, made))
    return (
        gaps.filter(today),
        pl.concat(profits).filter(today),
        pl.concat(trades).filter(pl.col("exit_ts") >= midnight),
    )


def _profit_rows(
    path: _Path,
    model: str,
    contract: str,
    rule: str,
    position: NDArray[np.float64],
    profit: NDArray[np.float64],
    cost: NDArray[np.float64],
) -> pl.DataFrame:
    count = path.stamps.size
    held = np.append(position[:, 0], 0.0)[:count]
    price = np.append(path.price, path.settlement)[:count]
    left = 0.0 if np.isfinite(path.settlement) else abs(position[-1, 0])
    traded = np.append(np.abs(np.diff(position[:, 0], prepend=0.0)), left)[:count]
    return pl.DataFrame(
        {
            "contract_id": contract,
            "ts": path.stamps,
            "model": model,
            "rule": rule,
            "position": held,
            "market_price": price,
            "profit": profit[:count, 0],
            "cost": cost[:count, 0],
            "units_traded": traded,
            "family": path.own["family"][0],
        },
        schema=PROFIT_SCHEMA,
    ).with_columns(pl.col("market_price").fill_nan(None))


def _trade_rows(path: _Path, model: str, contract: str, made: RoundTrips) -> pl.DataFrame:
    """Finished trades: those still open when the hours end are finished only by the expiry."""
    done = (made.exit < path.price.size) | path.is_over
    side = np.where(made.side > 0, "long", "short")
    return pl.DataFrame(
        {
            "contract_id": contract,
            "model": model,
            "entry_ts": path.stamps[made.entry[done]],
            "exit_ts": path.stamps[made.exit[done]],
            "side": side[done],
            "entry_price": made.entry_price[done],
            "exit_price": made.exit_price[done],
            "pnl": made.pnl[done] + made.cost[done],
            "cost": made.cost[done],
            "exit_reason": made.reason[done],
        },
        schema=TRADE_SCHEMA,
    )


_FIGURES = pl.Schema(
    {
        "model": pl.String(),
        "costs": pl.String(),
        "sharpe_hourly": pl.Float64(),
        "sharpe_annual": pl.Float64(),
        "sharpe_se": pl.Float64(),
        "hit_ratio": pl.Float64(),
        "max_drawdown": pl.Float64(),
        "turnover": pl.Float64(),
        "pnl": pl.Float64(),
        "n_trades": pl.Int64(),
        "pnl_se": pl.Float64(),
        "sharpe_annual_se": pl.Float64(),
        "hit_ratio_se": pl.Float64(),
        "trade_hit_ratio": pl.Float64(),
        "n_contracts": pl.Int64(),
        "n_expiries": pl.Int64(),
        "n_hours": pl.Int64(),
        "first_ts": pl.Datetime("us"),
    }
)
COMPARISON_SCHEMA = pl.Schema({"rule": pl.String(), **_FIGURES})


def contract_performance(
    profits: pl.DataFrame, trades: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Figures of the article's rule, and of all rules for comparison, with and without costs.

    Parameters
    ----------
    profits : model.contract_profits of the dates to add up. trades : model.contract_trades of them.

    Returns
    -------
    performance, comparisons : rows of the two tables. A rule that never traded has no row.
    """
    rows = []
    for (model, rule), own in profits.sort("contract_id", "ts").group_by(
        "model", "rule", maintain_order=True
    ):
        traded = own.filter(pl.col("position") != 0.0)
        if traded.is_empty():
            continue
        first = traded.select(pl.col("ts").min()).item()
        finished = trades.filter(model=model) if rule == THRESHOLD else None
        for costs in ("without", "with"):
            rows.append({"rule": rule} | _figures(own, str(model), costs, first, finished))
    everything = pl.DataFrame(rows, COMPARISON_SCHEMA).with_columns(
        pl.col(pl.Float64).fill_nan(None)
    )
    return everything.filter(rule=THRESHOLD).drop("rule"), everything


def _figures(
    own: pl.DataFrame, model: str, costs: str, first: datetime, trades: pl.DataFrame | None
) -> dict[str, object]:
    """One statement; quiet hours between the first position and the last price count."""
    net = pl.col("profit") - (pl.col("cost") if costs == "with" else 0.0)
    hourly = (
        own.filter(pl.col("ts") >= first)
        .group_by(pl.col("ts").dt.truncate("1h"))
        .agg(net.sum().alias("net"))
        .sort("ts")
    )
    found = performance(hourly["net"].to_numpy())
    traded = own.filter(pl.col("position") != 0.0)
    won = None
    if trades is not None and trades.height:
        gain = pl.col("pnl") - (pl.col("cost") if costs == "with" else 0.0)
        won = trades.select((gain > 0.0).mean()).item()
    return {
        "model": model,
        "costs": costs,
        "sharpe_hourly": found.sharpe_hourly,
        "sharpe_annual": found.sharpe_annual,
        "sharpe_se": found.sharpe_hourly_se,
        "hit_ratio": found.hit_ratio,
        "max_drawdown": found.max_drawdown,
        "turnover": float(own["units_traded"].sum()),
        "pnl": found.pnl,
        "n_trades": None if trades is None else trades.height,
        "pnl_se": found.pnl_se,
        "sharpe_annual_se": found.sharpe_annual_se,
        "hit_ratio_se": found.hit_ratio_se,
        "trade_hit_ratio": won,
        "n_contracts": traded["contract_id"].n_unique(),
        "n_expiries": traded["family"].n_unique(),
        "n_hours": found.n_hours,
        "first_ts": first,
    }
