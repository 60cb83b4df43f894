-- The smile of $ticker at its last snapshot of the day: quotes' volatilities and the fitted curve.
select
    quotes.ts,
    quotes.expiry,
    quotes.strike,
    quotes.option_right,
    quotes.implied_vol as quoted_vol,
    quotes.implied_vol_sd as quoted_vol_sd,
    fitted.implied_vol as fitted_vol
from features.option_smiles as quotes
asof left join model.risk_neutral_densities as fitted
    on quotes.date = fitted.date and quotes.ticker = fitted.ticker and quotes.ts = fitted.ts
    and quotes.expiry = fitted.expiry and quotes.strike >= fitted.strike
where
    quotes.date = cast($date as date) and quotes.ticker = $ticker
    and quotes.implied_vol is not null and quotes.status = 'ok'
    and (quotes.option_right = 'C') = (quotes.log_moneyness >= 0)
qualify quotes.ts = max(quotes.ts) over () and quotes.expiry = min(quotes.expiry) over ()
order by quotes.strike
