-- A row is one name and expiry at one instant: its law in each outcome of the event, by the panel.
-- Rows that are not identified stay, with their status and no figures. The hedge is the day's, from
-- one-minute changes; of volatility, from changes between snapshots.
with spot as (
    select
        date,
        ticker,
        sensitivity,
        hedge_contracts,
        hedge_r_squared
    from model.event_hedges
    where measure = 'spot' and horizon_minutes = 1
),

vol as (
    select
        date,
        ticker,
        sensitivity
    from model.event_hedges
    where measure = 'implied_vol'
)

select
    c.date,
    c.ticker,
    c.ts,
    c.expiry,
    c.status,
    c.probability,
    f.forward,
    c.forward_return_yes,
    c.forward_return_no,
    c.log_ratio,
    c.log_ratio_sd,
    c.mean_yes,
    c.mean_yes_low,
    c.mean_yes_high,
    c.mean_no,
    c.mean_no_low,
    c.mean_no_high,
    c.sd_yes / c.mean_yes / sqrt(f.tau_years) as annual_sd_yes,
    c.sd_no / c.mean_no / sqrt(f.tau_years) as annual_sd_no,
    c.identification,
    c.probability_range,
    c.price_lag_minutes,
    spot.sensitivity as spot_sensitivity,
    spot.hedge_contracts,
    spot.hedge_r_squared,
    vol.sensitivity as vol_sensitivity
from model.conditional_fits as c
left join model.risk_neutral_fits as f using (date, ticker, ts, expiry)
left join spot using (date, ticker)
left join vol using (date, ticker)
where c.method = 'panel'
