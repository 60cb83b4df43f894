"""Vocabulary of leadership: shares of a common trend, lead tests, spillovers, up-moves."""

from offtape_assets.tables.table import Column

LEADERSHIP_COLUMNS = (
    Column("window_minutes", "INTEGER", "minutes", "width of the window that ends at window_end"),
    Column("n_obs", "BIGINT", "", "complete rows the estimate rests on"),
    Column("log_mid_price", "DOUBLE", "log USD", "log of the mid in force from this instant on"),
    # rank tests
    Column("null_rank", "INTEGER", "", "cointegration rank of the null hypothesis"),
    Column("eigenvalue", "DOUBLE", "", "squared canonical correlation that the null sets to zero"),
    Column("trace_statistic", "DOUBLE", "", "Johansen's trace statistic"),
    Column("trace_critical_95", "DOUBLE", "", "its 5 % point; NULL beyond the published tables"),
    Column("max_eigen_statistic", "DOUBLE", "", "Johansen's largest-root statistic"),
    Column("max_eigen_critical_95", "DOUBLE", "", "its 5 % point"),
    # shares
    Column("is_lower", "DOUBLE", "fraction", "smallest information share over all orderings"),
    Column("is_upper", "DOUBLE", "fraction", "largest information share over all orderings"),
    Column("is_width", "DOUBLE", "fraction", "upper less lower: how much the ordering decides"),
    Column("is_mean", "DOUBLE", "fraction", "information share averaged over all orderings"),
    Column("is_modified", "DOUBLE", "fraction", "Lien-Shrestha share (symmetric root)"),
    Column("is_diagonal", "DOUBLE", "fraction", "psi_i^2 Omega_ii / psi'Omega psi; sums to no 1"),
    Column("component_share", "DOUBLE", "fraction", "Gonzalo-Granger weight in the common trend"),
    Column("leadership_share", "DOUBLE", "fraction", "(IS/CS)^2, normalized: inverts noise"),
    Column("leadership_index", "DOUBLE", "", "IS/CS over the geometric mean of the others'"),
    Column("trace_share", "DOUBLE", "fraction", "diag(Psi Omega Psi') / trace"),
    Column("band_low", "DOUBLE", "fraction", "2.5 % point of is_mean, block bootstrap"),
    Column("band_high", "DOUBLE", "fraction", "97.5 % point of is_mean, block bootstrap"),
    # lead tests and lead-lag statistics
    Column("leader", "VARCHAR", "", "series tested, or said, to move first"),
    Column("follower", "VARCHAR", "", "series tested, or said, to move after it"),
    Column("reach_seconds", "DOUBLE", "s", "largest lag the asymmetry is summed over"),
    Column("asymmetry", "DOUBLE", "", "forward less backward cross-covariance over both sd"),
    Column("z", "DOUBLE", "", "t ratio of the asymmetry's block sums; > 0: leader moves first"),
    Column("p_value", "DOUBLE", "fraction", "two-sided chance of so large a statistic under null"),
    Column("n_blocks", "BIGINT", "", "independent blocks behind a t ratio"),
    Column("stale_share", "DOUBLE", "fraction", "seconds without a quote from one of the two"),
    Column("leadership_indicator", "DOUBLE", "", "largest correlation ahead less largest behind"),
    # Granger
    Column("cause", "VARCHAR", "", "series whose past is tested"),
    Column("effect", "VARCHAR", "", "series that it may help to predict"),
    Column("lags", "INTEGER", "", "lags of both series, in seconds"),
    Column("f_statistic", "DOUBLE", "", "F statistic with the classical variance"),
    Column("wald_statistic", "DOUBLE", "", "chi-squared statistic with White's variance"),
    Column("p_value_white", "DOUBLE", "fraction", "p value of the Wald statistic"),
    Column("p_value_adjusted", "DOUBLE", "fraction", "the same, Benjamini-Hochberg over all pairs"),
    # connectedness
    Column("from_ticker", "VARCHAR", "", "name that gives a shock"),
    Column("to_ticker", "VARCHAR", "", "name that takes it"),
    Column("share", "DOUBLE", "fraction", "of the taker's forecast variance after the first step"),
    Column("net_spillover", "DOUBLE", "", "shares given less shares taken"),
    Column("stability", "DOUBLE", "", "rank correlation of net spillovers of the two half days"),
    # up-moves
    Column("horizon_minutes", "INTEGER", "minutes", "span over which the price may rise"),
    Column("fold", "INTEGER", "", "step of the walk-forward; 0 is training only"),
    Column("metric", "VARCHAR", "", "what is scored"),
    Column("value", "DOUBLE", "", "score of the model"),
    Column("baseline", "DOUBLE", "", "score of always saying the past share of up-moves"),
    Column("feature", "VARCHAR", "", "feature of the model, standardized; 'intercept' for none"),
    Column("coefficient", "DOUBLE", "log odds", "change for one standard deviation of the feature"),
    Column("coefficient_se", "DOUBLE", "log odds", "standard error of the coefficient"),
    # what an analyst reads
    Column("regime", "VARCHAR", "", "of the event in the window: baseline, moderate or high shock"),
    Column("rms_innovation", "DOUBLE", "", "root mean square of the event's innovations z"),
    Column("weakest_z", "DOUBLE", "", "smallest t ratio of the series against the others"),
    Column("iso_measure", "VARCHAR", "", "which ISO activity is meant"),
    Column("n_windows", "BIGINT", "", "windows with both numbers"),
    Column("t_statistic", "DOUBLE", "", "of the correlation against none"),
    Column("mean_z_high", "DOUBLE", "", "mean lead after windows of ISO activity above the median"),
    Column("mean_z_low", "DOUBLE", "", "mean lead after the other windows"),
)
"""Taken into the vocabulary of tables/columns.py."""
