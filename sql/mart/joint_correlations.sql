-- A row is the correlation of two names' prices at expiry at one snapshot: the default start's, how
-- much restarts of it differ, and how far it ranges over the starts that fit the same option prices.
-- Laws given an outcome of the event are other laws, not other starts of this one.
with banded as (
    select
        date,
        ts,
        expiry,
        ticker_a,
        ticker_b,
        min(correlation) as correlation_low,
        max(correlation) as correlation_high,
        max(correlation_sd) as restart_sd,
        count(*) as n_priors
    from model.joint_correlations
    where prior not in ('given_yes', 'given_no', 'mixed')
    group by all
)
select
    date,
    ts,
    expiry,
    ticker_a,
    ticker_b,
    j.prior,
    j.correlation,
    j.correlation_sd,
    b.correlation_low,
    b.correlation_high,
    b.restart_sd,
    b.n_priors,
    y.correlation as correlation_given_yes,
    n.correlation as correlation_given_no
from model.joint_correlations as j
join banded as b using (date, ts, expiry, ticker_a, ticker_b)
left join model.joint_correlations as y
    on y.prior = 'given_yes' and (y.date, y.ts, y.ticker_a, y.ticker_b)
    = (j.date, j.ts, j.ticker_a, j.ticker_b)
left join model.joint_correlations as n
    on n.prior = 'given_no' and (n.date, n.ts, n.ticker_a, n.ticker_b)
    = (j.date, j.ts, j.ticker_a, j.ticker_b)
where j.is_default
