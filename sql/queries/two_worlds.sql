-- Where does each name go in each outcome? A row is a name's last split of the day that is identified.
select
    ticker,
    expiry,
    ts,
    round(probability, 3) as probability,
    round(1e4 * forward_return_yes, 1) as forward_return_yes_bp,
    round(1e4 * forward_return_no, 1) as forward_return_no_bp,
    round(1e4 * (mean_yes_low / mean_yes * (1 + forward_return_yes) - 1), 1) as yes_low_bp,
    round(1e4 * (mean_yes_high / mean_yes * (1 + forward_return_yes) - 1), 1) as yes_high_bp,
    round(1e4 * (mean_no_low / mean_no * (1 + forward_return_no) - 1), 1) as no_low_bp,
    round(1e4 * (mean_no_high / mean_no * (1 + forward_return_no) - 1), 1) as no_high_bp,
    round(annual_sd_yes, 3) as annual_sd_yes,
    round(annual_sd_no, 3) as annual_sd_no,
    round(spot_sensitivity, 3) as spot_sensitivity,
    round(hedge_r_squared, 3) as hedge_r_squared,
    status
from mart.conditional_moves
where date = cast($date as date) and mean_yes is not null
qualify row_number() over (partition by ticker order by expiry, ts desc) = 1
order by forward_return_yes - forward_return_no
