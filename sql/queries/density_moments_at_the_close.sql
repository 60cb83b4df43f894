-- What do the option-implied densities say? A row is a name's last risk-neutral law of the day.
select
    ticker,
    expiry,
    ts,
    status,
    round(forward, 4) as forward,
    round(sd / nullif(forward, 0), 4) as sd_of_forward,
    round(skew, 3) as skew,
    round(kurtosis, 3) as kurtosis,
    n_quotes,
    round(in_spread_share, 3) as in_spread_share,
    round(mass_outside_quotes, 4) as mass_outside_quotes
from mart.density_moments
where date = cast($date as date)
qualify row_number() over (partition by ticker, expiry order by ts desc) = 1
order by sd_of_forward desc nulls last
