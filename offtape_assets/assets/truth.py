"""truth: what the simulated market knows. Absent for every other source."""

from offtape_assets.assets.declare import raw_asset
from offtape_assets.tables import truth

event_path = raw_asset(truth.EVENT_PATH)
leaders = raw_asset(truth.LEADERS)
attribution = raw_asset(truth.ATTRIBUTION)
trade_initiators = raw_asset(truth.TRADE_INITIATORS)
planted_dirt = raw_asset(truth.PLANTED_DIRT)
conditional_laws = raw_asset(truth.CONDITIONAL_LAWS)
factor_loadings = raw_asset(truth.FACTOR_LOADINGS)
joint_correlations = raw_asset(truth.JOINT_CORRELATIONS)
factor_laws = raw_asset(truth.FACTOR_LAWS)
contract_fair_values = raw_asset(truth.CONTRACT_FAIR_VALUES)
