-- What do options say of the factors? A row is a factor's law at expiry as the joint law implies it.
select distinct
    ts,
    expiry,
    factor,
    round(return_vol, 4) as volatility_of_return,
    round(return_vol_independent, 4) as volatility_if_names_were_independent,
    round(weight_coverage, 3) as weight_coverage,
    status
from mart.factor_laws
where date = cast($date as date)
qualify ts = max(ts) over ()
order by factor
