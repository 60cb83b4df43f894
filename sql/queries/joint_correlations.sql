-- How do names hang together at expiry? A row is a pair with the band over a sweep of priors.
select
    ticker_a,
    ticker_b,
    prior,
    round(correlation, 3) as correlation,
    round(correlation_low, 3) as correlation_low,
    round(correlation_high, 3) as correlation_high,
    round(restart_sd, 4) as restart_sd
from mart.joint_correlations
where date = cast($date as date)
qualify row_number() over (partition by ticker_a, ticker_b order by ts desc, prior) = 1
order by correlation desc nulls last
limit 40
