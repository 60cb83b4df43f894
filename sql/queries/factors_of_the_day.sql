-- What did the five factors do? A row is the end of one minute with returns summed since the open.
select
    time_bucket(interval 1 minute, ts) + interval 1 minute as minute_end,
    sum(sum(mkt_rf)) over day_so_far as mkt_rf,
    sum(sum(smb)) over day_so_far as smb,
    sum(sum(hml)) over day_so_far as hml,
    sum(sum(rmw)) over day_so_far as rmw,
    sum(sum(cma)) over day_so_far as cma
from features.factor_returns_1s
where date = cast($date as date)
group by minute_end
window day_so_far as (order by time_bucket(interval 1 minute, ts) + interval 1 minute)
order by minute_end
