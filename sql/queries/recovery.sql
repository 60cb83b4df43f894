-- Are the numbers right? A row is one estimator's errors against the simulator's truth.
select
    estimator,
    quantity,
    estimates,
    estimates_ok,
    bias,
    rmse,
    round(mean_z, 2) as mean_z,
    round(sd_z, 2) as sd_z,
    round(coverage_90, 3) as coverage_90
from mart.recovery_scores
order by estimator, quantity
