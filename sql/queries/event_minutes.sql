-- How did the event's probability move? A row is one minute of the filtered probability.
select distinct
    bucket,
    probability,
    probability_low,
    probability_high,
    event_trades,
    regime,
    is_jump
from mart.event_timeline
where date = cast($date as date) and probability is not null
order by bucket
