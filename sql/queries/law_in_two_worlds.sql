-- One name in both outcomes: densities of $ticker given yes and given no at its last split of the day.
select
    ts,
    expiry,
    strike,
    observed,
    density_yes,
    density_no,
    reconstructed
from model.conditional_densities
where
    date = cast($date as date) and ticker = $ticker and method = 'panel'
    and density_yes is not null
qualify ts = max(ts) over () and expiry = min(expiry) over ()
order by strike
