-- One row is one of the twenty most traded names of its kind over the 20 sessions that end the
-- evening before $date. Dollar volume of a session is close x volume; a name without a bar traded
-- nothing that day. universe_kinds (ticker, kind) is the configured division of the names into
-- equities and ETFs, registered by the caller. Twenty sessions span at most 32 calendar days, so
-- older bars are not used to fill a hole in the record.
with sessions as (
    select distinct date
    from raw.daily_bars
    where date < cast($date as date) and date >= cast($date as date) - interval 40 day
    order by date desc
    limit 20
),

volumes as (
    select
        universe_kinds.ticker,
        universe_kinds.kind,
        sum(bars.volume)::double / (select count(*) from sessions) / 1e6
            as volume_shares_millions,
        sum(bars.close::double * bars.volume::double) / (select count(*) from sessions) / 1e6
            as volume_dollars_millions
    from raw.daily_bars as bars
    inner join sessions on bars.date = sessions.date
    inner join universe_kinds on bars.ticker = universe_kinds.ticker
    group by universe_kinds.ticker, universe_kinds.kind
),

ranked as (
    select
        *,
        row_number() over (
            partition by kind order by volume_dollars_millions desc, ticker
        )::integer as rank
    from volumes
)

select ticker, kind, rank, volume_shares_millions, volume_dollars_millions
from ranked
where rank <= 20
order by kind, rank
