-- Did the Bitcoin contracts' dislocations pay? A row is one model with or without costs.
select
    model,
    costs,
    round(pnl, 3) as pnl,
    round(pnl_se, 3) as pnl_se,
    round(sharpe_annual, 2) as sharpe_annual,
    round(sharpe_annual_se, 2) as sharpe_annual_se,
    round(hit_ratio, 3) as hit_ratio,
    n_trades,
    n_expiries,
    statement
from mart.contract_performance
order by model, costs
