-- Systematic or idiosyncratic? A row is a name: the share of its variance that the factors explain.
select
    ticker,
    method,
    round(1 - var_samp(return_idiosyncratic) / nullif(var_samp(return_total), 0), 4)
        as systematic_share,
    round(stddev_samp(return_idiosyncratic) * 1e4, 3) as idiosyncratic_bp_per_second,
    count(return_total) as seconds
from features.return_decomposition_1s
where date = cast($date as date)
group by ticker, method
order by systematic_share desc nulls last, ticker
