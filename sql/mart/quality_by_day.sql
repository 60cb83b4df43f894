-- A row is one table on one date: claims judged partition by partition and expectations judged over
-- all rows at the gate, how many were violated, how many rows were set aside.
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
gates as (
    select
        partition_date as date,
        schema_name,
        table_name,
        count(*) as gate_expectations,
        count(*) filter (where not passed) as gate_violated,
        count(*) filter (where not passed and is_blocking) as gate_stopped,
        max(page) as gate_page
    from quality.gates
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
    coalesce(rows_quarantined, 0) as rows_quarantined,
    gate_expectations,
    gate_violated,
    gate_stopped,
    gate_page
from verdicts
left join gates using (date, schema_name, table_name)
left join set_aside using (date, schema_name, table_name)
order by date, schema_name, table_name
