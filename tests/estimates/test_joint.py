"""The joint law from frames: a lognormal market with funds, its truth recovered, failures named."""

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from scipy.stats import lognorm

from offtape_assets.estimates.factor_laws import balance_legs, factor_frames
from offtape_assets.estimates.joint import FIT_SCHEMA
from offtape_assets.estimates.joint_day import (
    CONDITIONAL_FIT_SCHEMA,
    JointInputs,
    JointPlan,
    joint_day,
    leverage_of,
    wanted_times,
)
from offtape_assets.estimates.joint_marginals import fund_holdings, snapshot_times
from offtape_assets.estimates.joint_starts import realized_correlation
from offtape_assets.market.groups import parse_groups
from offtape_assets.tables.model_joint import (
    FACTOR_LAWS,
    FACTOR_MOMENTS,
    JOINT_CORRELATIONS,
    JOINT_FITS,
    JOINT_OPTIONS,
    JOINT_STATES,
)

DAY = date(2024, 11, 5)
EXPIRY = date(2024, 11, 15)
TS = datetime(2024, 11, 5, 21)
STOCKS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
FORWARDS = np.array([100.0, 50.0, 200.0, 80.0, 120.0, 40.0])
SPREADS = np.array([0.05, 0.08, 0.04, 0.06, 0.07, 0.1])
FUNDS = {"FND": {"AAA": 1.0, "BBB": 2.0, "CCC": 0.3}, "GND": {"CCC": 0.2, "DDD": 1.0, "EEE": 0.5}}
LOADS = np.array([0.8, 0.5, 0.7, 0.6, 0.4, 0.75])
PLAN = JointPlan(DAY, "16:00", 1000, 2, 7, STOCKS)


def truth():
    """One-factor correlation of the stocks."""
    matrix = np.outer(LOADS, LOADS)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def density(ticker, forward, log_sd, ts=TS):
    """A lognormal law on a grid, as the option tables give it."""
    law = lognorm(log_sd, scale=forward * np.exp(-(log_sd**2) / 2))
    strikes = forward * np.exp(np.linspace(-6, 6, 401) * log_sd)
    return pl.DataFrame(
        {"strike": strikes, "density": law.pdf(strikes), "cdf": law.cdf(strikes)}
    ).select(
        pl.lit(ts).alias("ts"), pl.lit(ticker).alias("ticker"), pl.lit(EXPIRY).alias("expiry"), "*"
    )


def market(forward_error=0.0, fund_width=1.0):
    """Densities, fits and baskets of the stocks and their funds."""
    laws = dict(zip(STOCKS, zip(FORWARDS, SPREADS, strict=True), strict=True))
    covariance = np.outer(SPREADS, SPREADS) * truth()
    for fund, held in FUNDS.items():
        worth = np.array([held.get(t, 0.0) for t in STOCKS]) * FORWARDS
        width = np.sqrt(worth @ covariance @ worth) / worth.sum()
        laws[fund] = worth.sum() * (1 + forward_error), width * fund_width
    fits = pl.DataFrame(
        [
            (TS, t, EXPIRY, "ok", float(forward), 0.998, 10 / 365)
            for t, (forward, _) in laws.items()
        ],
        schema={
            "ts": pl.Datetime("us"),
            "ticker": pl.String,
            "expiry": pl.Date,
            "status": pl.String,
            "forward": pl.Float64,
            "discount": pl.Float64,
            "tau_years": pl.Float64,
        },
        orient="row",
    )
    baskets = pl.DataFrame(
        [(date(2024, 11, 4), f, t, n) for f, held in FUNDS.items() for t, n in held.items()],
        schema={
            "as_of": pl.Date,
            "etf": pl.String,
            "ticker": pl.String,
            "shares_per_share": pl.Float64,
        },
        orient="row",
    )
    densities = pl.concat([density(t, *law) for t, law in laws.items()])
    return JointInputs(densities, fits, baskets, log_mids())


def log_mids(minutes=300, tickers=STOCKS):
    """Minute closes of the stocks with the true correlation."""
    rng = np.random.default_rng(3)
    moves = rng.standard_normal((minutes, 6)) @ np.linalg.cholesky(truth()).T
    levels = np.log(FORWARDS) + 1e-4 * np.cumsum(moves, axis=0)
    buckets = pl.datetime_range(
        datetime(2024, 11, 5, 15), interval="1m", end=datetime(2024, 11, 5, 22), eager=True
    )[:minutes]
    frames = [
        pl.DataFrame({"bucket": buckets, "log_mid": levels[:, STOCKS.index(t)]}).with_columns(
            pl.lit(t).alias("ticker")
        )
        for t in tickers
    ]
    return pl.concat(frames).select("ticker", "bucket", "log_mid")


def declared(frame, table):
    """Whether a frame has exactly the stored columns of its table."""
    return list(frame.columns) == [column.name for column in table.columns]


@pytest.fixture(scope="module")
def solved():
    return joint_day(market(), PLAN)


def test_frames_are_those_declared(solved):
    for frame, table in zip(
        solved, (JOINT_STATES, JOINT_FITS, JOINT_CORRELATIONS, JOINT_OPTIONS), strict=True
    ):
        assert set(frame.columns) == {column.name for column in table.columns}, table.name
        assert not frame.is_empty()
        keys = frame.select(table.key)
        assert keys.is_unique().all(), table.name


def test_states_keep_the_marginals_and_the_holdings(solved):
    states, fits, *_ = solved
    assert set(fits["status"]) <= {"ok", "approximate"}
    assert fits["is_feasible"].all()
    wide = states.pivot("ticker", index="state", values="price")
    for ticker, forward, width in zip(STOCKS, FORWARDS, SPREADS, strict=True):
        values = wide[ticker].to_numpy()
        assert values.mean() == pytest.approx(forward, rel=1e-6)
        assert values.std() / forward == pytest.approx(width, rel=0.02)
    for fund, held in FUNDS.items():
        worth = sum(number * wide[t].to_numpy() for t, number in held.items())
        residual = worth - wide[fund].to_numpy()
        assert residual.var() / wide[fund].to_numpy().var() < 1e-3
        assert abs(residual.mean()) < 1e-6 * wide[fund].to_numpy().mean()


def test_realized_start_recovers_the_correlations_and_the_band_is_wider_than_restarts(solved):
    correlations = solved[2]
    matrix = truth()
    errors = {}
    for (prior,), own in correlations.group_by("prior"):
        pairs = own.filter(pl.col("ticker_a").is_in(STOCKS) & pl.col("ticker_b").is_in(STOCKS))
        exact = [
            matrix[STOCKS.index(a), STOCKS.index(b)]
            for a, b in pairs.select("ticker_a", "ticker_b").iter_rows()
        ]
        errors[prior] = float(np.sqrt(np.mean((pairs["correlation"].to_numpy() - exact) ** 2)))
    assert set(errors) == {"max_entropy", "equal_0.2", "equal_0.4", "equal_0.6", "realized"}
    assert errors["realized"] < 0.06
    assert errors["realized"] < min(errors[name] for name in errors if name != "realized")
    assert correlations.filter("is_default")["prior"].unique().to_list() == ["realized"]
    spread = correlations.group_by("ticker_a", "ticker_b").agg(
        pl.col("correlation").std().alias("over_priors"), pl.col("correlation_sd").max()
    )
    assert spread["over_priors"].median() > 5 * spread["correlation_sd"].median()


def test_options_lie_in_their_bands(solved):
    options = solved[3]
    assert set(options["option_kind"]) == {"basket", "spread", "best_of"}
    inside = options.filter(
        pl.col("option_price").is_between(
            pl.col("option_price_low") - 1e-12, pl.col("option_price_high") + 1e-12
        )
    )
    assert inside.height == options.height
    assert (options["option_price_high"] > options["option_price_low"]).any()


def test_same_inputs_same_rows():
    first, second = joint_day(market(), PLAN), joint_day(market(), PLAN)
    assert first[0].equals(second[0])
    assert first[2].equals(second[2])
    other = joint_day(market(), PLAN._replace(seed=8))
    assert not other[0].equals(first[0])


def test_the_next_snapshot_may_start_from_the_last():
    read = market()
    later = [
        frame.with_columns(pl.lit(datetime(2024, 11, 5, 18)).alias("ts"))
        for frame in (read.densities, read.fits)
    ]
    two = read._replace(
        densities=pl.concat([later[0], read.densities]), fits=pl.concat([later[1], read.fits])
    )
    _, fits, correlations, _ = joint_day(two, PLAN._replace(times="13:00,16:00"))
    assert fits.filter(prior="previous")["ts"].unique().to_list() == [TS]
    assert fits.filter(prior="previous")["is_feasible"].all()
    both = correlations.filter(pl.col("prior").is_in(["previous", "realized"]))
    wide = both.filter((pl.col("ts") == TS) == (pl.col("prior") == "previous")).pivot(
        "prior", index=["ticker_a", "ticker_b"], values="correlation"
    )
    np.testing.assert_allclose(wide["previous"], wide["realized"], atol=0.02)


def test_levered_funds_follow_their_parent():
    read = market()
    extra = {"UPP": 0.15, "DWN": 0.15}
    densities = pl.concat([read.densities, *(density(t, 30.0, sd) for t, sd in extra.items())])
    row = read.fits.filter(ticker="FND")
    fits = pl.concat(
        [
            read.fits,
            *(
                row.with_columns(pl.lit(t).alias("ticker"), pl.lit(30.0).alias("forward"))
                for t in extra
            ),
        ]
    )
    groups = parse_groups("levered=FND,UPP:3,DWN:-3; basket=FND,@FND")
    plan = PLAN._replace(leverage=leverage_of(groups))
    assert plan.leverage == {"UPP": ("FND", 3.0), "DWN": ("FND", -3.0)}
    states, fits, correlations, _ = joint_day(read._replace(densities=densities, fits=fits), plan)
    wide = states.pivot("ticker", index="state", values="price").sort("FND")
    assert wide["UPP"].is_sorted()
    assert wide["DWN"].is_sorted(descending=True)
    pair = correlations.filter(ticker_a="DWN", ticker_b="FND", prior="max_entropy")
    assert pair["correlation"].item() < -0.97
    assert fits.filter(run=0).select("constraint_name", "reason").rows() == [
        ("DWN", "in the order of FND"),
        ("UPP", "in the order of FND"),
    ]


def test_early_snapshots_do_without_realized_correlations():
    few = market()._replace(log_mids=log_mids(10))
    correlations = joint_day(few, PLAN)[2]
    assert correlations.filter("is_default")["prior"].unique().to_list() == ["equal_0.4"]


def test_realized_correlation_fills_names_without_quotes_and_looks_not_ahead():
    found = realized_correlation(log_mids(tickers=STOCKS[:5]), STOCKS, TS)
    np.testing.assert_allclose(found[:5, :5], truth()[:5, :5], atol=0.15)
    assert np.ptp(found[5, :5]) == 0
    assert realized_correlation(log_mids(), STOCKS, datetime(2024, 11, 5, 15, 5)) is None


@pytest.mark.parametrize(
    ("change", "fund", "status"),
    [
        ({"forward_error": 0.2}, "FND", "inconsistent_forwards"),
        ({"forward_error": 0.03}, None, "inconsistent_forwards"),
        ({"fund_width": 3.0}, None, "infeasible"),
    ],
)
def test_contradictions_have_a_status(change, fund, status):
    states, fits, *_ = joint_day(market(**change), PLAN)
    if fund:
        assert fits.filter((pl.col("constraint_name") == fund) & (pl.col("run") == 0))[
            "status"
        ].to_list() == [status]
    else:
        assert set(fits["status"]) == {status}
    assert not states.is_empty()
    if status == "infeasible":
        assert set(fits["reason"]) == {"wider_than_comonotone"}


def test_a_missing_marginal_drops_the_fund_not_the_day():
    read = market()
    read = read._replace(
        fits=read.fits.with_columns(
            pl.when(pl.col("ticker") == "BBB")
            .then(pl.lit("too_few"))
            .otherwise("status")
            .alias("status")
        )
    )
    states, fits, *_ = joint_day(read, PLAN)
    refused = fits.filter(pl.col("run") == 0)
    assert refused.select("constraint_name", "status").rows() == [("FND", "missing_marginal")]
    assert "BBB" not in set(states["ticker"])
    assert "FND" in set(states["ticker"])  # still a name, tied to nothing
    assert set(fits.filter(pl.col("run") > 0)["constraint_name"]) == {"GND"}


def test_one_name_is_no_joint_law():
    read = market()
    only = pl.col("ticker") == "AAA"
    alone = read._replace(densities=read.densities.filter(only), fits=read.fits.filter(only))
    states, fits, correlations, options = joint_day(alone, PLAN)
    assert states.is_empty()
    assert correlations.is_empty()
    assert options.is_empty()
    assert fits["status"].to_list() == ["too_few_names"]
    assert fits.schema == FIT_SCHEMA


def test_replication_weights_are_a_labelled_fallback():
    read = market()
    worth = sum(number * FORWARDS[STOCKS.index(t)] for t, number in FUNDS["FND"].items())
    weights = pl.DataFrame(
        [
            ("FND", t, "min_variance", n * FORWARDS[STOCKS.index(t)] / worth, "ok")
            for t, n in FUNDS["FND"].items()
        ],
        schema=["etf", "ticker", "method", "weight_normalized", "status"],
        orient="row",
    )
    fallback = read._replace(baskets=read.baskets.clear(), replications=weights)
    fits = joint_day(fallback, PLAN)[1]
    assert set(fits["constraint_origin"]) == {"replication"}
    assert fits["is_feasible"].all()
    assert fund_holdings(read.baskets, weights)["FND"].origin == "basket"


def test_the_event_joins_names_and_gives_a_law_per_outcome():
    read = market()
    gap = {"AAA": 0.06, "BBB": 0.1, "DDD": -0.08}
    rows, densities = [], [read.densities.filter(~pl.col("ticker").is_in([*gap, *FUNDS]))]
    for ticker, size in gap.items():
        place = STOCKS.index(ticker)
        strikes = FORWARDS[place] * np.exp(np.linspace(-0.4, 0.4, 801))
        laws = [
            lognorm(0.03, scale=FORWARDS[place] * (1 + side * size / 2)).pdf(strikes)
            for side in (1, -1)
        ]
        mixed = 0.5 * (laws[0] + laws[1])
        cdf = np.concatenate([[0], np.cumsum(0.5 * (mixed[1:] + mixed[:-1]) * np.diff(strikes))])
        shared = {"ts": TS, "ticker": ticker, "expiry": EXPIRY}
        columns = [pl.lit(value).alias(name) for name, value in shared.items()]
        panel = pl.lit("panel").alias("method")
        densities.append(
            pl.DataFrame({"strike": strikes, "density": mixed, "cdf": cdf}).select(*columns, "*")
        )
        rows.append(
            pl.DataFrame({"strike": strikes, "density_yes": laws[0], "density_no": laws[1]}).select(
                *columns, panel, "*"
            )
        )
    known = read._replace(
        densities=pl.concat(densities),
        baskets=read.baskets.clear(),
        conditional=pl.concat(rows),
        conditional_fits=pl.DataFrame(
            [(TS, ticker, EXPIRY, "panel", "ok", 0.5) for ticker in gap],
            schema=list(CONDITIONAL_FIT_SCHEMA),
            orient="row",
        ),
    )
    correlations = joint_day(known, PLAN)[2]
    pick = (pl.col("ticker_a") == "AAA") & (pl.col("ticker_b") == "DDD")
    by_prior = dict(correlations.filter(pick).select("prior", "correlation").iter_rows())
    assert by_prior["event"] < -0.2 < by_prior["realized"]
    within = by_prior["given_yes"], by_prior["given_no"]
    assert within == pytest.approx((truth()[0, 3],) * 2, abs=0.12)
    assert correlations.filter("is_default")["prior"].unique().to_list() == ["event"]
    expected = 0.25 * gap["AAA"] * gap["DDD"] + truth()[0, 3] * 0.03**2
    scale = np.sqrt((0.25 * gap["AAA"] ** 2 + 0.03**2) * (0.25 * gap["DDD"] ** 2 + 0.03**2))
    assert by_prior["event"] == pytest.approx(expected / scale, abs=0.08)
    unknown = known._replace(
        conditional_fits=known.conditional_fits.with_columns(status=pl.lit("not_identified"))
    )
    assert "event" not in set(joint_day(unknown, PLAN)[2]["prior"])
    assert by_prior["mixed"] == pytest.approx(expected / scale, abs=0.08)


def test_snapshots_are_the_latest_at_or_before_the_times():
    instants = [datetime(2024, 11, 5, h) for h in (15, 16, 17)]
    wanted = wanted_times(DAY, "10:30, 12:00,16:00")  # New York, five hours behind
    assert snapshot_times(instants, wanted) == [instants[0], instants[2]]
    assert snapshot_times(instants, [datetime(2024, 11, 5, 9)]) == instants[:1]
    with pytest.raises(ValueError, match="times of day"):
        wanted_times(DAY, "noon")


def test_factor_laws_of_the_states(solved):
    states, fits, *_ = solved
    weights = pl.DataFrame(
        [
            *((date(2024, 11, 4), "mkt_rf", t, 0.1) for t in STOCKS),
            (date(2024, 11, 4), "mkt_rf", "XYZ", 0.4),
            (date(2024, 11, 4), "smb", "AAA", 0.5),
            (date(2024, 11, 4), "smb", "FFF", -0.5),
            (date(2024, 11, 4), "hml", "AAA", 0.5),
            (date(2024, 11, 4), "hml", "XYZ", -0.5),
            (date(2024, 11, 4), "cma", "XYZ", 1.0),
        ],
        schema=["as_of", "factor", "ticker", "weight"],
        orient="row",
    )
    laws, moments = factor_frames(states, fits, weights)
    assert declared(laws, FACTOR_LAWS)
    assert declared(moments, FACTOR_MOMENTS)
    found = {row["factor"]: row for row in moments.iter_rows(named=True)}
    assert {name: row["status"] for name, row in found.items()} == {
        "mkt_rf": "ok",
        "smb": "ok",
        "hml": "one_leg",
        "cma": "no_weights",
    }
    market_row = found["mkt_rf"]
    assert market_row["mean"] == pytest.approx(0.1 * FORWARDS.sum(), rel=1e-6)
    assert market_row["weight_coverage"] == pytest.approx(0.6)
    assert market_row["return_vol"] > market_row["return_vol_independent"]
    exact = np.sqrt(np.mean(np.outer(SPREADS, SPREADS) * truth())) / np.sqrt(10 / 365)
    assert market_row["return_vol"] == pytest.approx(exact, rel=0.06)
    mass = laws.filter(pl.col("factor") == "smb")
    step = mass["value"][1] - mass["value"][0]
    assert mass["density_histogram"].sum() * step == pytest.approx(1.0, abs=1e-9)
    assert mass["density_kde"].sum() * step == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(balance_legs(np.array([2.0, 2.0, -1.0])), [0.5, 0.5, -1.0])
