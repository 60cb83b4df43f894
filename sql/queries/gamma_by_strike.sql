-- Where are dealers short gamma? A row is a strike of $ticker at its last snapshot of the day.
select ts, expiry, strike, gex, gex_net
from model.gamma_exposures
where date = cast($date as date) and ticker = $ticker
qualify ts = max(ts) over ()
order by expiry, strike
