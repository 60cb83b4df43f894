-- Where did the information appear first? A row is one series and how often it led its group.
-- A leader must win its lead test against every other member; a window without one names nobody.
-- The 40-wide panels are left out: their shares are artefacts (docs/methods/leadership.md).
select
    group_name,
    ticker,
    count(*) filter (where is_leader) as windows_led,
    count(*) as windows,
    round(avg(is_mean), 3) as mean_information_share,
    round(avg(band_low), 3) as mean_band_low,
    round(avg(band_high), 3) as mean_band_high,
    round(avg(is_width), 3) as mean_width_of_bounds,
    round(avg(component_share), 3) as mean_component_share
from mart.leadership_by_window
where date = cast($date as date) and group_name not like 'panel%'
group by group_name, ticker
order by group_name, windows_led desc, mean_information_share desc
