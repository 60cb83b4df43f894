"""Option assets through the whole house: a simulated day, its claims, its truth, its views."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from offtape_assets.backfill import Backfill
from offtape_assets.definitions import declared, open_house
from offtape_assets.settings import Settings
from offtape_assets.storage.sql import group_checks
from offtape_assets.tables import features, model_options, raw

DAY = date(2024, 11, 5)
WANTED = "model.risk_neutral_fits,truth.conditional_laws"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> duckdb.DuckDBPyConnection:
    """One simulated name, half-hourly, from chain to laws."""
    folder = tmp_path_factory.mktemp("options")
    settings = Settings(
        warehouse=str(folder), tickers="NVDA", last_date=DAY, start_date=DAY, snapshot_minutes=30
    )
    assert Backfill(settings, open_house(settings), DAY, DAY, WANTED).run() == []
    return duckdb.connect(str(Path(folder) / "offtape.duckdb"), read_only=True)


def test_options_are_declared_with_their_reads():
    made = {asset.name: (group, asset) for group, asset in declared()}
    group, smiles = made["features_option_smiles"]
    assert group == "options"
    assert [read.table for read in smiles.reads] == [raw.OPTION_QUOTES, raw.TREASURY_BILLS]
    fits = next(asset for _, asset in declared() if model_options.RISK_NEUTRAL_FITS in asset.tables)
    assert fits.reads[0].table == features.OPTION_SMILES
    assert fits.reads[1].is_optional
    assert fits.picture is not None


def test_density_claims_are_bound():
    assert set(group_checks(model_options.RISK_NEUTRAL_DENSITIES)) == {"mass_is_one", "cdf_rises"}


@pytest.mark.slow
def test_every_instant_has_a_law_near_the_truth(catalog):
    """Recover: mean and sd of the mixture the simulator priced with."""
    rows = catalog.execute(
        """
        with laws as (
            select ts, expiry, probability as p, mean_yes, mean_no, sd_yes, sd_no,
                probability * mean_yes + (1 - probability) * mean_no as mean
            from truth.conditional_laws
        )
        select f.status, f.mean / l.mean - 1, f.sd / sqrt(
            p * (sd_yes ** 2 + (mean_yes - l.mean) ** 2)
            + (1 - p) * (sd_no ** 2 + (mean_no - l.mean) ** 2)) - 1
        from model.risk_neutral_fits as f join laws as l using (ts, expiry)
        """
    ).fetchall()
    assert len(rows) == 13
    assert {status for status, _, _ in rows} == {"ok"}
    assert max(abs(mean) for _, mean, _ in rows) < 5e-4
    assert max(abs(sd) for _, _, sd in rows) < 0.02


@pytest.mark.slow
def test_recovery_states_the_error_of_mean_and_sd(catalog):
    """Each instant once for the mean and once for the sd, with the sd the estimate states."""
    rows = catalog.execute(
        """
        select quantity, count(*), min(stated_sd), max(abs(error)), max(abs(z))
        from mart.recovery where estimator = 'risk_neutral' group by all order by all
        """
    ).fetchall()
    assert [row[:2] for row in rows] == [("log_mean", 13), ("log_sd", 13)]
    assert all(stated > 0 for _, _, stated, _, _ in rows)
    assert max(error for _, _, _, error, _ in rows) < 0.02
    assert max(z for _, _, _, _, z in rows) < 6


@pytest.mark.slow
def test_claims_hold_and_views_answer(catalog):
    failed = catalog.execute(
        "select claim from quality.results where not passed and is_blocking"
    ).fetchall()
    assert failed == []
    judged = {
        row[0]
        for row in catalog.execute(
            "select claim from quality.results where table_name = 'risk_neutral_densities'"
        ).fetchall()
    }
    assert {"mass_is_one", "cdf_rises", "density_is_not_negative"} <= judged
    moments = catalog.execute("select count(*), count(gex) from mart.density_moments").fetchone()
    assert moments == (13, 13)
    points = catalog.execute("select count(*) from model.risk_neutral_densities").fetchone()
    assert points == (13 * 500,)
