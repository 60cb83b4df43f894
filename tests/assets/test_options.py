"""Option assets through the whole house: a simulated day, its claims, its truth."""

from offtape_assets.definitions import declared
from offtape_assets.storage.sql import group_checks
from offtape_assets.tables import features, model_options, raw


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
