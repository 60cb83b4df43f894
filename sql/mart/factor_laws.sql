-- A row is one point of one factor's law at expiry, with the law's moments beside it.
select
    date,
    ts,
    m.expiry,
    factor,
    l.value,
    l.density_kde,
    l.density_histogram,
    l.factor_return,
    l.return_density_kde,
    l.return_density_histogram,
    m.mean,
    m.variance,
    m.implied_vol,
    m.return_mean,
    m.return_vol,
    m.return_vol_independent,
    m.weight_coverage,
    m.status
from model.factor_laws as l
join model.factor_moments as m using (date, ts, factor)
