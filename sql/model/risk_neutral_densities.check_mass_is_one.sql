-- A guilty row is one fit whose density does not integrate to 1 by the trapezoid rule (seed 13.2).
with steps as (
    select
        ticker,
        ts,
        expiry,
        0.5 * (density + lag(density) over grid) * (strike - lag(strike) over grid) as mass
    from judged
    window grid as (partition by ticker, ts, expiry order by strike)
)
select ticker, ts, expiry, sum(mass) as mass
from steps
group by all
having abs(sum(mass) - 1) > 1e-6
