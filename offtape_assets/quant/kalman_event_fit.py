"""Parameters of the event filter by penalised maximum likelihood, whole or causally.

Causal: a trade is filtered under parameters fitted to earlier trades only. The filter itself is
in kalman_event.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from offtape_assets.quant.kalman_event import (
    EventFilter,
    EventModel,
    EventTape,
    event_log_likelihood,
    filter_event,
)

LEVEL_PRIOR = EventModel(  # 0.85 points an hour calm, half a cent either way
    level_variance=2e-8, bounce_variance=2.5e-5, small_trade_variance=2e-6
)
PROBIT_PRIOR = LEVEL_PRIOR._replace(
    level_variance=1.3e-7,  # 2e-8 / phi(0)^2
    jump_variance=0.08**2,  # 3 points at even odds
)
PRIOR_SD = np.array([3.0, 1.5, 2.0])  # of ln Q, ln bounce, ln small; worth a few trades
PERSISTENCES = (0.85, 0.0)  # rounding stays (quotes in ticks) or is dithered away by noise
DITHER_EVIDENCE = 6.0  # log-likelihood by which the second must win: it is the bolder claim
LEVEL_SCAN = np.log(10.0) * np.linspace(-2.5, 2.5, 11)  # of ln Q about its prior, before the search
FEWEST_TRADES = 250  # before the first fit; until then the priors' parameters are used
MOST_TRADES = 10_000  # of a fit: the latest before it


class EventFit(NamedTuple):
    """Fitted parameters; `model` is NaN where status is 'not_converged'."""

    model: EventModel
    log_likelihood: float
    n_trades: int
    status: str


class CausalEventFilter(NamedTuple):
    """Filter output, the fits in order and, per trade, the index of the fit used (-1: priors)."""

    filtered: EventFilter
    fits: list[EventFit]
    fit_index: np.ndarray


def _with(model: EventModel, logs: np.ndarray, persistence: float) -> EventModel:
    level, bounce, small = np.exp(logs)
    return model._replace(
        level_variance=level,
        bounce_variance=bounce,
        small_trade_variance=small,
        tick_persistence=persistence,
    )


def fit_event(tape: EventTape, probit: bool = False, start: EventModel | None = None) -> EventFit:
    """Fit level variance, bounce and small-trade variance and whether rounding persists.

    Parameters
    ----------
    tape : EventTape
        At least 30 trades.
    probit : bool
        Gauge of the level, as in `filter_event`.
    start : EventModel, optional
        Where the search starts; default the prior.

    Returns
    -------
    EventFit
        status 'ok', 'too_few' or 'not_converged'.

    Notes
    -----
    Maximises log-likelihood - sum(((ln theta - ln prior)/sd)^2)/2 for each value of
    PERSISTENCES and keeps the better, the second only if it wins by DITHER_EVIDENCE. The
    likelihood in Q can have two maxima (calm trades seen as all calm, or as active spells in a
    stiller calm), so Q is scanned first. Switching rates, jump size and vig stay at the prior's.
    """
    prior = PROBIT_PRIOR if probit else LEVEL_PRIOR
    nothing = EventModel(*(np.nan for _ in prior))
    count = tape.prices.size
    if count < 30:
        return EventFit(nothing, np.nan, count, "too_few")
    centre = np.log(prior[:3])
    best = EventFit(nothing, -np.inf, count, "not_converged")
    for persistence in PERSISTENCES if (tape.ticks > 0).any() else (0.0,):

        def loss(logs: np.ndarray, persistence: float = persistence) -> float:
            model = _with(prior, logs, persistence)
            penalty = 0.5 * float((((logs - centre) / PRIOR_SD) ** 2).sum())
            return penalty - event_log_likelihood(tape, model, probit)

        first = centre.copy() if start is None else np.log(start[:3])
        scanned = [loss(np.array([centre[0] + by, *first[1:]])) for by in LEVEL_SCAN]
        first[0] = centre[0] + LEVEL_SCAN[int(np.argmin(scanned))]
        found = minimize(
            loss,
            first,
            method="Nelder-Mead",
            options={
                "initial_simplex": first + np.vstack([np.zeros(3), np.diag([0.5, -0.3, 0.8])]),
                "xatol": 0.05,
                "fatol": 0.1,
                "maxiter": 300,
            },
        )
        needed = DITHER_EVIDENCE if best.status == "ok" else 0.0
        if found.success and -found.fun > best.log_likelihood + needed:
            best = EventFit(_with(prior, found.x, persistence), -float(found.fun), count, "ok")
    if best.status != "ok":
        return best._replace(log_likelihood=np.nan)
    return best._replace(log_likelihood=event_log_likelihood(tape, best.model, probit))


def fit_schedule(count: int) -> list[int]:
    """Trade numbers at which parameters are fitted anew: 250, 500, 1000, ... below count."""
    schedule = []
    at = FEWEST_TRADES
    while at < count:
        schedule.append(at)
        at *= 2
    return schedule


def filter_event_causally(tape: EventTape, probit: bool = False) -> CausalEventFilter:
    """Filter a day under parameters fitted, for each trade, to earlier trades only.

    Parameters
    ----------
    tape : EventTape
        A date's trades.
    probit : bool
        Gauge of the level, as in `filter_event`.

    Returns
    -------
    CausalEventFilter

    Notes
    -----
    Until trade 250 the prior's parameters hold; a fit uses at most the latest 10,000 trades
    before it and serves until the next. A fit that fails leaves the one before in force.
    """
    count = tape.prices.size
    prior = PROBIT_PRIOR if probit else LEVEL_PRIOR
    models, fits = [prior], []
    which = np.zeros(count, dtype=np.int64)
    for at in fit_schedule(count):
        latest = models[-1] if len(models) > 1 else None
        fit = fit_event(tape.window(max(0, at - MOST_TRADES), at), probit, latest)
        fits.append(fit)
        models.append(fit.model if fit.status == "ok" else models[-1])
        which[at:] = len(models) - 1
    return CausalEventFilter(filter_event(tape, models, which, probit), fits, which - 1)
