-- One law in full: the density of $ticker at its last snapshot of the day, with its band.
select
    ts,
    expiry,
    strike,
    implied_vol,
    density,
    density_sd,
    cdf
from model.risk_neutral_densities
where date = cast($date as date) and ticker = $ticker
qualify ts = max(ts) over () and expiry = min(expiry) over ()
order by strike
