-- A guilty row is one strike at which the distribution function falls.
select ticker, ts, expiry, strike
from judged
qualify cdf < lag(cdf) over (partition by ticker, ts, expiry order by strike) - 1e-12
