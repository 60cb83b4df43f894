-- Does ISO activity predict leadership? A row is one measure of ISO activity in one group.
select *
from mart.iso_and_leadership
order by group_name, iso_measure, window_minutes
