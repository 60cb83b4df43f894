-- Which minutes surprised the event market most, and what did each name do in them?
with minutes as (
    select distinct bucket, shock, probability, probability_change
    from mart.event_timeline
    where date = cast($date as date) and shock is not null
    order by abs(shock) desc, bucket
    limit 10
)
select
    minutes.bucket,
    round(minutes.shock, 2) as shock,
    round(minutes.probability, 4) as probability,
    round(minutes.probability_change, 4) as probability_change,
    moves.ticker,
    round(moves.return_bp, 2) as return_bp
from minutes
left join mart.event_timeline as moves
    on minutes.bucket = moves.bucket and moves.ticker is not null
    and moves.date = cast($date as date)
order by abs(minutes.shock) desc, minutes.bucket, abs(moves.return_bp) desc nulls last
