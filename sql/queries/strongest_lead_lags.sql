-- How was it transmitted between names? A row is a pair and the lag at which they move most alike.
select
    leader,
    follower,
    lag_seconds,
    round(correlation, 4) as correlation,
    round(leadership_indicator, 4) as leadership_indicator
from model.lead_lags
where date = cast($date as date) and leader <> follower
qualify row_number() over (
    partition by leader, follower order by abs(correlation) desc
) = 1
order by leadership_indicator desc nulls last
limit 25
