-- How did each contract's probability move? A row is one contract and hour under one model.
select
    prices.ts,
    markets.family,
    markets.range_low,
    markets.range_high,
    prices.model,
    round(prices.probability, 4) as probability
from model.contract_probabilities as prices
inner join raw.prediction_markets as markets
    on prices.contract_id = markets.contract_id and prices.date = markets.date
where prices.date = cast($date as date) and prices.method = 'closed_form'
order by prices.model, markets.family, markets.range_low nulls first, prices.ts
