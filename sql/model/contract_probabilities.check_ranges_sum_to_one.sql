-- A guilty row is one family, instant, model and method whose ranges tile the line and do not sum to one.
-- Bounds that tile appear once as a low and once as a high, the two open ends apart.
select
    family,
    ts,
    model,
    method
from judged
group by family, ts, model, method
having
    count(*) filter (where range_low is null) = 1
    and count(*) filter (where range_high is null) = 1
    and list_sort(list(range_low) filter (where range_low is not null))
    = list_sort(list(range_high) filter (where range_high is not null))
    and (abs(sum(probability) - 1) <= 1e-6) is not true
    and bool_and(status = 'ok')
