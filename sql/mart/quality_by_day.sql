-- A row is one table on one date: how many claims were judged and violated, how many rows set aside.
-- Reference tables have no date and are left out.
with verdicts as (
    select
        partition_date as date,
        schema_name,
        table_name,
        count(*) as claims,
        count(*) filter (where not passed) as claims_violated,
        count(distinct partition_ticker) as partitions
    from quality.results
    where partition_date is not null
    group by all
),
set_aside as (
    select
        partition_date as date,
        schema_name,
        table_name,
        count(*) as rows_quarantined
    from quality.quarantine
    group by all
)
select
    date,
    schema_name,
    table_name,
    claims,
    claims_violated,
    partitions,
    coalesce(rows_quarantined, 0) as rows_quarantined
from verdicts
left join set_aside using (date, schema_name, table_name)
order by date, schema_name, table_name
