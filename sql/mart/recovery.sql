-- A row is one estimate on simulated data beside the truth that was planted.
-- To have an estimator scored, add one SELECT to `matched`: estimator, date, ticker, quantity,
-- estimate, truth, the standard deviation the estimator states (NULL where it states none), status.
with matched as (
    select
        'price_attribution' as estimator, date, ticker, quantity, estimate, truth,
        null::double as stated_sd, status
    from features.price_attribution_1d
    join truth.attribution as planted using (date, ticker)
    cross join lateral (
        values
        ('omega_quote', price_attribution_1d.omega_quote, planted.omega_quote),
        ('omega_trade', price_attribution_1d.omega_trade, planted.omega_trade)
    ) as pairs (quantity, estimate, truth)
    union all
    -- net buying as a share of the volume that somebody is known to have started
    select
        'trade_signs' as estimator, date, ticker, quantity, estimate, truth,
        null::double as stated_sd, 'ok' as status
    from (
        select date, ticker,
            sum(found.sign_quote_rule * found.size) / sum(found.size) as by_quote,
            sum(found.sign_lee_ready * found.size) / sum(found.size) as by_lee_ready,
            sum(planted.initiator * found.size) / sum(found.size) as truth
        from features.signed_trades as found
        join truth.trade_initiators as planted using (date, ticker, ts)
        where found.is_signable
        group by all
    ) as imbalances
    cross join lateral (
        values ('sign_quote_rule', by_quote), ('sign_lee_ready', by_lee_ready)
    ) as pairs (quantity, estimate)
    union all
    -- noon's contracts; the index is a little noisy, and Merton counts variance twice where no jumps are
    select
        'contract_probabilities' as estimator, date, contract_id as ticker, model as quantity,
        found.probability as estimate, planted.probability as truth,
        null::double as stated_sd, status
    from model.contract_probabilities as found
    join truth.contract_fair_values as planted using (date, contract_id, ts)
    where method = 'closed_form' and hour(ts) = 12
    union all
    -- the ticker is the pair, the quantity the start; the stated sd is the spread over the starts,
    -- for that is what the option prices and holdings leave open, and a point for finite states
    select
        'joint_correlations' as estimator, date, ticker_a || '-' || ticker_b as ticker,
        prior as quantity, swept.correlation as estimate, planted.correlation as truth,
        sqrt(
            var_samp(swept.correlation) over (partition by date, ts, ticker_a, ticker_b) + 0.0001
        ) as stated_sd,
        'ok' as status
    from model.joint_correlations as swept
    join truth.joint_correlations as planted using (date, expiry, ticker_a, ticker_b)
    where prior not in ('given_yes', 'given_no', 'mixed')
    union all
    -- the ticker is the factor; names without a law leave a portfolio that is not the planted one
    select
        'factor_laws' as estimator, date, factor as ticker, quantity, estimate, truth,
        null::double as stated_sd,
        if(abs(found.weight_coverage - planted.weight_coverage) < 1e-9, status, 'other_names')
            as status
    from model.factor_moments as found
    join truth.factor_laws as planted using (date, ts, expiry, factor)
    cross join lateral (
        values
        ('mean', found.mean, planted.mean),
        ('variance', found.variance, planted.variance),
        ('implied_vol', found.implied_vol, planted.implied_vol),
        ('log_implied_vol', ln(found.implied_vol), ln(planted.implied_vol))
    ) as pairs (quantity, estimate, truth)
    union all
    -- betas of the whole session, late prices included; those by the second are shrunk by lateness
    select
        'factor_betas' as estimator, date, ticker, quantity, estimate, truth, stated_sd, status
    from features.factor_exposures_1d as found
    join truth.factor_loadings as planted using (date, ticker)
    cross join lateral (
        values
        ('beta_mkt_rf', found.beta_mkt_rf, planted.beta_mkt_rf, found.beta_mkt_rf_sd),
        ('beta_smb', found.beta_smb, planted.beta_smb, found.beta_smb_sd),
        ('beta_hml', found.beta_hml, planted.beta_hml, found.beta_hml_sd),
        ('beta_rmw', found.beta_rmw, planted.beta_rmw, found.beta_rmw_sd),
        ('beta_cma', found.beta_cma, planted.beta_cma, found.beta_cma_sd)
    ) as pairs (quantity, estimate, truth, stated_sd)
    union all
    select
        'quality_claims' as estimator, date, ticker, table_name || '.' || reason as quantity,
        coalesce(set_aside.rows, 0)::double as estimate, planted.rows::double as truth,
        null::double as stated_sd, 'ok' as status
    from (
        select date, table_name, reason, sum(rows) as rows,
            if(table_name = 'minute_bars', '', ticker) as ticker
        from truth.planted_dirt
        group by all
    ) as planted
    left join (
        select partition_date as date, table_name, reason, partition_ticker as ticker,
            count(*) as rows
        from quality.quarantine
        where schema_name = 'raw'
        group by all
    ) as set_aside using (date, table_name, reason, ticker)
    union all
    select
        'event_probability' as estimator, date, null::varchar as ticker,
        method as quantity, by_minute.probability as estimate, planted.probability as truth,
        stated_sd, status
    from (
        select
            date, method, date_trunc('minute', ts)::timestamp + interval 1 minute as ts,
            last(probability order by kalshi_probabilities.ts) as probability,
            last(sqrt(variance) order by kalshi_probabilities.ts) as stated_sd,
            last(
                case status when 'same_order' then 'ok' else status end
                order by kalshi_probabilities.ts
            ) as status,
            last(kalshi_probabilities.ts) as traded
        from model.kalshi_probabilities
        where method <> 'seed'
        group by date, method, date_trunc('minute', kalshi_probabilities.ts)
    ) as by_minute
    asof join (select ts, probability from truth.event_path) as planted
        on by_minute.traded >= planted.ts
    union all
    -- in logarithms, for the error of a variance is a share of it; that of an unbiased rate is half
    -- its relative variance too low. Local variance counts jumps, its truth therefore too
    select
        'event_clock' as estimator, clocks.date, null::varchar as ticker,
        'log_rate.' || method as quantity,
        ln(clocks.clock_rate) + ln(1 + relative_error ** 2) / 2 as estimate,
        ln(nullif(planted.clock_rate + (method = 'local_variance')::int * planted.jumps, 0))
            as truth,
        relative_error as stated_sd, status
    from (
        select * replace (nullif(clock_rate, 0) as clock_rate),
            clock_rate_error / nullif(clock_rate, 0) as relative_error
        from model.event_clocks
    ) as clocks
    join (
        select time_bucket(interval 2 hour, ts) + interval 2 hour as ts,
            avg(clock_rate) as clock_rate, avg(jump_information) as jumps
        from truth.event_path
        group by all
    ) as planted using (ts)
    where method in ('bipower', 'local_variance')
    union all
    -- c of nu = c / sqrt(T - t), jumps left out, of the day so far: on the night, which ends the path
    select
        'event_clock' as estimator, clocks.date, null::varchar as ticker, 'c' as quantity,
        clock_parameter as estimate, planted.strength as truth,
        clock_parameter_error as stated_sd, status
    from model.event_clocks as clocks
    join (
        select date, time_bucket(interval 2 hour, ts) + interval 2 hour as ts,
            sqrt(avg(clock_rate * epoch(settled - ts))) as strength
        from (select *, max(ts) over (partition by date) as settled from truth.event_path)
        where settled < date + interval 86399 second
        group by all
    ) as planted using (date, ts)
    where method = 'digital'
    union all
    -- 1 where a series is named the leader, 0 where it is not or nobody is: -1 is missed, 1 is false
    select
        'leadership' as estimator, date, ticker, 'is_leader.' || group_name as quantity,
        coalesce(found.is_leader, false)::double as estimate, planted.is_leader::double as truth,
        null::double as stated_sd, status
    from (
        select date, group_name, ticker, is_leader, status
        from model.information_shares
        qualify window_minutes = max(window_minutes) over (partition by date, group_name)
        union all
        select date, 'panel' as group_name, ticker, is_leader, status
        from model.net_spillovers
    ) as found
    join truth.leaders as planted using (date, group_name, ticker)
    union all
    -- the mixture the chain was priced with; the mean's sd is parity's, the sd's the smile's
    select
        'risk_neutral' as estimator, date, ticker, quantity, estimate, truth, stated_sd, status
    from model.risk_neutral_fits as found
    join (
        select
            *,
            probability * mean_yes + (1 - probability) * mean_no as mean,
            probability * (sd_yes ** 2 + mean_yes ** 2)
            + (1 - probability) * (sd_no ** 2 + mean_no ** 2) as square
        from truth.conditional_laws
    ) as planted using (date, ticker, ts, expiry)
    cross join lateral (
        values
        ('log_mean', ln(found.mean), ln(planted.mean), found.forward_sd / found.mean),
        ('log_sd', ln(found.sd), ln(planted.square - planted.mean ** 2) / 2,
            found.sd_sd / found.sd)
    ) as pairs (quantity, estimate, truth, stated_sd)
    union all
    -- the panel's laws at the day's middle snapshot: what is not identified has no estimate
    select
        'conditional_' || method as estimator, date, ticker, quantity, estimate, truth, stated_sd,
        status
    from (
        select * from model.conditional_fits
        qualify ts = quantile_disc(ts, 0.5) over (partition by date, ticker)
    ) as found
    join truth.conditional_laws as planted using (date, ticker, ts, expiry)
    cross join lateral (
        values
        ('log_ratio', found.log_ratio, ln(planted.mean_yes / planted.mean_no), log_ratio_sd),
        ('log_sd_yes', ln(found.sd_yes / found.mean_yes), ln(planted.sd_yes / planted.mean_yes),
            ln(sd_yes_high / sd_yes_low) / 3.2897),
        ('log_sd_no', ln(found.sd_no / found.mean_no), ln(planted.sd_no / planted.mean_no),
            ln(sd_no_high / sd_no_low) / 3.2897)
    ) as pairs (quantity, estimate, truth, stated_sd)
    union all
    -- dollars that a share gains as p goes from 0 to 1, against the day's mean gap of the true means
    select
        'event_hedge' as estimator, date, ticker, 'spot_' || horizon_minutes || 'm' as quantity,
        sensitivity as estimate, planted.gap as truth, sensitivity_sd as stated_sd, status
    from model.event_hedges
    join (
        select date, ticker, avg(mean_yes - mean_no) as gap
        from truth.conditional_laws
        group by all
    ) as planted using (date, ticker)
    where measure = 'spot'
)
select
    estimator,
    date,
    ticker,
    quantity,
    estimate,
    truth,
    estimate - truth as error,
    stated_sd,
    (estimate - truth) / nullif(stated_sd, 0) as z,
    status
from matched
