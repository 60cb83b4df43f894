-- A row is one minute [bucket - 1 minute, bucket) of the event beside one name's move in it, or the
-- minute alone where no name has one. The probability is carried over minutes without a trade;
-- `date` of a name is the New York date, which in the evening is not the report's.
with trades as (
    select
        date,
        date_trunc('minute', ts)::timestamp + interval 1 minute as bucket,
        last(probability order by ts) as probability,
        last(probability_low order by ts) as probability_low,
        last(probability_high order by ts) as probability_high,
        count(*) as event_trades,
        sum(contracts_traded) as contracts_traded,
        max(abs(standardized_innovation)) as shock
    from model.kalshi_probabilities
    where method = 'continuous'
    group by all
),

clocks as (
    select date, ts as bucket, clock_rate, is_jump
    from model.event_clocks
    where method = 'bipower'
),

minutes as (
    select
        date,
        bucket,
        last_value(probability ignore nulls) over so_far as probability,
        last_value(probability_low ignore nulls) over so_far as probability_low,
        last_value(probability_high ignore nulls) over so_far as probability_high,
        coalesce(event_trades, 0) as event_trades,
        coalesce(contracts_traded, 0) as contracts_traded,
        shock,
        clock_rate,
        coalesce(is_jump, false) as is_jump
    from trades
    full join clocks using (date, bucket)
    window so_far as (
        partition by date order by bucket rows between unbounded preceding and current row
    )
),

moves as (
    select
        date,
        ticker,
        bucket,
        last_mid,
        1e4 * ln(
            last_mid
            / lag(last_mid ignore nulls) over (partition by date, ticker order by bucket)
        ) as return_bp,
        total_flow
    from (
        select * replace (if(last_mid > 0, last_mid, null) as last_mid)
        from features.microstructure_1m
    )
)

select
    coalesce(moves.date, minutes.date) as date,
    moves.ticker,
    bucket,
    probability,
    probability_low,
    probability_high,
    probability - lag(probability) over (partition by moves.ticker, minutes.date order by bucket)
        as probability_change,
    event_trades,
    contracts_traded,
    shock,
    case
        when shock > 2 then 'high'
        when shock > 1 then 'moderate'
        when shock is not null then 'baseline'
    end as regime,
    clock_rate,
    is_jump,
    last_mid,
    return_bp,
    total_flow
from minutes
left join moves using (bucket)
order by bucket, ticker
