-- Did quotes or trades move the price? A row is a name: shares of its mid variance, ISO activity.
with sweeps as (
    select
        ticker,
        sum(num_trades_iso) / nullif(sum(num_trades), 0) as iso_share_of_trades,
        sum(total_flow_iso) as iso_flow_usd,
        sum(total_flow) as flow_usd
    from features.microstructure_1m
    where date = cast($date as date)
    group by ticker
)
select
    drivers.ticker,
    round(omega_quote, 3) as omega_quote,
    round(omega_trade, 3) as omega_trade,
    round(omega_covariance, 3) as omega_covariance,
    round(iso_share_of_trades, 3) as iso_share_of_trades,
    round(iso_flow_usd) as iso_flow_usd,
    round(flow_usd) as flow_usd
from features.price_attribution_1d as drivers
inner join sweeps on drivers.ticker = sweeps.ticker
where drivers.date = cast($date as date)
order by omega_trade desc nulls last
