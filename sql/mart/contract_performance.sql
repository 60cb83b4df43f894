-- A row is what the article's threshold rule earned on one model, with or without costs, as stated on
-- the last date built. `statement` says how little the figures rest on; read no ratio without it.
with latest as (
    select max(date) as date
    from model.contract_performance
)
select
    date as stated_on,
    model,
    costs,
    sharpe_hourly,
    sharpe_annual,
    sharpe_se,
    sharpe_annual_se,
    hit_ratio,
    hit_ratio_se,
    trade_hit_ratio,
    max_drawdown,
    turnover,
    pnl,
    pnl_se,
    n_trades,
    n_contracts,
    n_expiries,
    n_hours,
    first_ts,
    coalesce(
        format(
            '{} contracts of {} expiries, {} hours: profit {:.2f} +- {:.2f}, annual Sharpe {:.1f} +- {:.1f}',
            n_contracts, n_expiries, n_hours, pnl, pnl_se, sharpe_annual, sharpe_annual_se
        ),
        format(
            '{} contracts of {} expiries, {} hours: profit {:.2f}, too short for an error',
            n_contracts, n_expiries, n_hours, pnl
        )
    ) as statement
from model.contract_performance
inner join latest using (date)
order by model, costs
