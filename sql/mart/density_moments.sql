-- A row is the law of one name and expiry at one instant: moments, quality, dealers' gamma.
-- Failed fits stay, with their status and no figures.
with exposures as (
    select
        date,
        ticker,
        ts,
        expiry,
        sum(gex) as gex,
        sum(gex_net) as gex_net
    from model.gamma_exposures
    group by all
)
select
    f.date,
    f.ticker,
    f.ts,
    f.expiry,
    f.status,
    f.forward,
    f.mean,
    f.sd,
    f.sd / f.forward / sqrt(f.tau_years) as annual_sd,
    f.skew,
    f.kurtosis,
    f.n_quotes,
    f.in_spread_share,
    f.mass_outside_quotes,
    f.negative_mass,
    e.gex,
    e.gex_net
from model.risk_neutral_fits as f
left join exposures as e using (date, ticker, ts, expiry)
