-- A guilty row is one strike at which the distribution function falls.
select ts, expiry, strike
from judged
qualify cdf < lag(cdf) over (partition by ts, expiry order by strike) - 1e-12
