-- A row is one quantity of one estimator: how far off it is on simulated data, and whether it knows.
select
    estimator,
    quantity,
    count(*) as estimates,
    count(*) filter (where status = 'ok') as estimates_ok,
    avg(error) as bias,
    sqrt(avg(error * error)) as rmse,
    avg(z) as mean_z,
    stddev_samp(z) as sd_z,
    avg((abs(z) <= 1.6448536)::int) as coverage_90
from mart.recovery
group by estimator, quantity
order by estimator, quantity
