-- Does ISO activity predict leadership? A row is one measure of ISO activity in one group (or in all
-- of them) and one width of window: the correlation between a member's ISO activity in the window
-- BEFORE, less the group's mean, and its mean lead (t ratio over the other members, by ticks) in the
-- window after. t_statistic tests no correlation; windows of one day are not quite independent, so
-- read it generously. Baskets have no prints and are left out; so is the whole session, which has no
-- window before it on the same day. Measures ending in _within take each member's own mean of the
-- day out of both: without it, names that always sweep and names that always lead are compared.
with leads as (
    select
        date,
        group_name,
        window_end,
        window_minutes,
        leader as ticker,
        avg(z) as z
    from model.lead_tests
    where method = 'hayashi_yoshida' and status = 'ok'
    group by all
),

activity as (
    select
        leads.date,
        leads.group_name,
        leads.window_end,
        leads.window_minutes,
        leads.ticker,
        avg(minutes.pct_trades_iso) as pct_trades_iso,
        avg(minutes.pct_volume_iso) as pct_volume_iso,
        avg(abs(minutes.iso_signed_share)) as absolute_iso_signed_share
    from leads
    inner join features.microstructure_1m as minutes
        on minutes.date = leads.date
        and minutes.ticker = leads.ticker
        and minutes.bucket <= leads.window_end - to_minutes(leads.window_minutes)
        and minutes.bucket > leads.window_end - to_minutes(2 * leads.window_minutes)
    group by all
),

long as (
    unpivot activity
    on pct_trades_iso, pct_volume_iso, absolute_iso_signed_share
    into name iso_measure value activity
),

relative as (
    select
        *,
        activity - avg(activity) over (
            partition by date, group_name, window_end, window_minutes, iso_measure
        ) as excess
    from long
    qualify count(*) over (
        partition by date, group_name, window_end, window_minutes, iso_measure
    ) > 1
),

across as (
    select relative.*, leads.z
    from relative
    inner join leads using (date, group_name, window_end, window_minutes, ticker)
),

pairs as (
    select group_name, window_minutes, iso_measure, excess, z
    from across
    union all
    select
        group_name,
        window_minutes,
        iso_measure || '_within' as iso_measure,
        excess - avg(excess) over own_day as excess,
        z - avg(z) over own_day as z
    from across
    window own_day as (partition by date, group_name, ticker, window_minutes, iso_measure)
),

grouped as (
    select * from pairs
    union all
    select 'all' as group_name, * exclude (group_name) from pairs
),

ranked as (
    select
        *,
        excess > median(excess) over (partition by group_name, window_minutes, iso_measure)
            as is_high
    from grouped
),

measured as (
    select
        group_name,
        window_minutes,
        iso_measure,
        count(*) as n_windows,
        case when stddev_pop(excess) > 0 and stddev_pop(z) > 0 then corr(excess, z) end
            as correlation,
        avg(z) filter (where is_high) as mean_z_high,
        avg(z) filter (where not is_high) as mean_z_low
    from ranked
    group by all
)

select
    group_name,
    window_minutes,
    iso_measure,
    n_windows,
    correlation,
    correlation * sqrt((n_windows - 2) / (1 - correlation * correlation)) as t_statistic,
    mean_z_high,
    mean_z_low
from measured
order by group_name, window_minutes, iso_measure
