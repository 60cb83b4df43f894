-- A row is one series of one group in one window: its shares of the common trend with bounds and
-- band, how it fared in the lead tests, and the event's regime in that window. weakest_z is the
-- smallest t ratio over the other members and both methods; is_leader comes from these tests, never
-- from a share. The regime is read off the root mean square of the event's standardized innovations
-- (1 where nothing unusual happens): baseline up to 1.25, moderate up to 2, high above.
with leads as (
    select
        date,
        group_name,
        window_end,
        window_minutes,
        leader as ticker,
        min(z) as weakest_z
    from model.lead_tests
    where method in ('hayashi_yoshida', 'grid') and status = 'ok'
    group by all
),

windows as (
    select distinct date, window_end, window_minutes
    from model.information_shares
),

shocks as (
    select
        windows.window_end,
        windows.window_minutes,
        sqrt(avg(trades.standardized_innovation * trades.standardized_innovation))
            as rms_innovation
    from windows
    inner join model.kalshi_probabilities as trades
        on trades.ts < windows.window_end
        and trades.ts >= windows.window_end - to_minutes(windows.window_minutes)
        and trades.date between windows.date - 1 and windows.date + 1
    where trades.method = 'continuous' and trades.standardized_innovation is not null
    group by all
)

select
    shares.date,
    shares.window_end,
    shares.window_minutes,
    shares.group_name,
    shares.ticker,
    shares.status,
    shares.is_leader,
    leads.weakest_z,
    shares.is_mean,
    shares.is_lower,
    shares.is_upper,
    shares.is_width,
    shares.band_low,
    shares.band_high,
    shares.is_modified,
    shares.is_diagonal,
    shares.component_share,
    shares.leadership_share,
    shares.trace_share,
    shocks.rms_innovation,
    case
        when shocks.rms_innovation is null then null
        when shocks.rms_innovation <= 1.25 then 'baseline'
        when shocks.rms_innovation <= 2 then 'moderate'
        else 'high'
    end as regime
from model.information_shares as shares
left join leads using (date, group_name, window_end, window_minutes, ticker)
left join shocks using (window_end, window_minutes)
order by shares.date, shares.group_name, shares.window_minutes, shares.window_end, shares.ticker
