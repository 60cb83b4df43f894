-- Can the day be trusted? A row is one table: claims judged and violated, rows set aside.
select table_name, schema_name, partitions, claims, claims_violated, rows_quarantined
from mart.quality_by_day
where date = cast($date as date)
order by rows_quarantined desc, claims_violated desc, schema_name, table_name
