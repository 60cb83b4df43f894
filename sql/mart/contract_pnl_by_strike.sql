-- A row is what the article's threshold rule earned on one contract with one model, all trades added.
with terms as (
    select
        contract_id,
        any_value(family) as family,
        any_value(range_low) as range_low,
        any_value(range_high) as range_high
    from features.contract_prices
    group by contract_id
)
select
    model,
    family,
    range_low,
    range_high,
    contract_id,
    count(*) as n_trades,
    sum(pnl) as pnl,
    sum(cost) as cost
from model.contract_trades
inner join terms using (contract_id)
group by all
order by model, family, range_low nulls first
