"""Parameters of the event filter by penalised maximum likelihood, whole or causally.

Causal: a trade is filtered under parameters fitted to earlier trades only. The filter itself is
in kalman_event.
"""

from typing import NamedTuple

import numpy as np
import scipy

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
    jump_variance=0.2**2,  # 8 points at even odds, 3 at one in twenty
)
FITTED = ("level_variance", "bounce_variance", "small_trade_variance", "basis_variance")
PRIOR_SD = np.array([1.5, 1.5, 2.0, 1.5])  # of their logarithms; worth a few trades
PERSISTENCES = (0.85, 0.0)  # rounding stays (quotes in ticks) or is dithered away by noise
DITHER_EVIDENCE = 6.0  # log-likelihood by which the second must win: it is the bolder claim
LEVEL_SCAN = np.log(10.0) * np.linspace(-2.5, 2.5, 11)  # of ln Q about its prior, before the search
HESSIAN_STEP = 0.2  # in logarithms; the search stops within 0.1
FEWEST_TO_FIT = 30
UNKNOWN = EventModel(*(np.nan for _ in LEVEL_PRIOR))
FEWEST_TRADES = 50  # before the first fit; until then the priors' parameters are used
MOST_TRADES = 4_000  # of a fit: the latest before it
REFIT_GROWTH = 3  # a fit serves until there are three times as many trades


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
    fitted = dict(zip(FITTED, np.exp(logs).tolist(), strict=True))
    return model._replace(tick_persistence=persistence, **fitted)


def _logs(model: EventModel) -> np.ndarray:
    return np.log([getattr(model, name) for name in FITTED])


def fit_event(tape: EventTape, start: EventModel | None = None) -> EventFit:
    """Fit the level's speed, the noise (bounce, small trades, books) and whether rounding stays.

    Parameters
    ----------
    tape : EventTape
        At least 30 trades.
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
    The books' error enters the level's own error one for one and is known to a factor only, so
    its sd is the posterior's mean, not its mode: the width of the band is then right on average
    over what is not known.
    """
    count = tape.prices.size
    if count < FEWEST_TO_FIT:
        return EventFit(UNKNOWN, np.nan, count, "too_few")
    centre = _logs(LEVEL_PRIOR)
    best = EventFit(UNKNOWN, -np.inf, count, "not_converged")
    for persistence in PERSISTENCES if (tape.ticks > 0).any() else (0.0,):

        def loss(logs: np.ndarray, persistence: float = persistence) -> float:
            penalty = 0.5 * float((((logs - centre) / PRIOR_SD) ** 2).sum())
            return penalty - event_log_likelihood(tape, _with(LEVEL_PRIOR, logs, persistence))

        first = centre.copy() if start is None else _logs(start)
        scanned = [loss(np.array([centre[0] + by, *first[1:]])) for by in LEVEL_SCAN]
        first[0] = centre[0] + LEVEL_SCAN[int(np.argmin(scanned))]
        simplex = first + np.vstack([np.zeros(4), np.diag([0.5, -0.3, 0.8, 0.8])])
        options = {"initial_simplex": simplex, "xatol": 0.1, "fatol": 0.1, "maxiter": 300}
        found = scipy.optimize.minimize(loss, first, method="Nelder-Mead", options=options)
        needed = DITHER_EVIDENCE if best.status == "ok" else 0.0
        if found.success and -found.fun > best.log_likelihood + needed:
            fitted = _with(LEVEL_PRIOR, found.x, persistence)
            best = EventFit(fitted, -float(found.fun), count, "ok")
    if best.status != "ok":
        return best._replace(log_likelihood=np.nan)
    model = _with_mean_basis(tape, best.model)
    return best._replace(model=model, log_likelihood=event_log_likelihood(tape, model))


def _with_mean_basis(tape: EventTape, model: EventModel) -> EventModel:
    """The books' error at the posterior mean of its sd, by Laplace's approximation at the mode."""
    centre, mode = _logs(LEVEL_PRIOR), _logs(model)

    def loss(logs: np.ndarray) -> float:
        penalty = 0.5 * float((((logs - centre) / PRIOR_SD) ** 2).sum())
        return penalty - event_log_likelihood(tape, _with(model, logs, model.tick_persistence))

    steps, size = HESSIAN_STEP * np.eye(mode.size), mode.size
    at_mode = loss(mode)
    up, down = ([loss(mode + sign * step) for step in steps] for sign in (1.0, -1.0))
    hessian = np.diag(
        [above + below - 2.0 * at_mode for above, below in zip(up, down, strict=True)]
    )
    for i in range(size):
        for j in range(i):
            both = loss(mode + steps[i] + steps[j]) + loss(mode - steps[i] - steps[j])
            mixed = both - up[i] - down[i] - up[j] - down[j] + 2.0 * at_mode
            hessian[i, j] = hessian[j, i] = 0.5 * mixed
    precision, axes = np.linalg.eigh(hessian / HESSIAN_STEP**2)
    precision = np.maximum(precision, 1.0 / PRIOR_SD.max() ** 2)  # no less is known than before
    variance = float((axes[FITTED.index("basis_variance")] ** 2 / precision).sum())
    return model._replace(basis_variance=model.basis_variance * float(np.exp(0.25 * variance)))


def fit_event_probit(tape: EventTape, level_fit: EventFit) -> EventFit:
    """Fit the probit level's speed; the noise, which is in prices, is taken from `level_fit`.

    Parameters
    ----------
    tape : EventTape
        The trades that `level_fit` was fitted to.
    level_fit : EventFit
        From `fit_event`.

    Returns
    -------
    EventFit
        `level_variance` is nu^2 per second; the status of `level_fit` if that is not 'ok'.
    """
    if level_fit.status != "ok":
        return level_fit
    shared = level_fit.model._replace(jump_variance=PROBIT_PRIOR.jump_variance)
    centre = float(np.log(PROBIT_PRIOR.level_variance))

    def loss(log_speed: float) -> float:
        model = shared._replace(level_variance=float(np.exp(log_speed)))
        penalty = 0.5 * ((log_speed - centre) / float(PRIOR_SD[0])) ** 2
        return penalty - event_log_likelihood(tape, model, probit=True)

    grid = centre + LEVEL_SCAN
    best = int(np.argmin([loss(at) for at in grid]))
    around = (grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)])
    found = scipy.optimize.minimize_scalar(
        loss, bounds=around, method="bounded", options={"xatol": 0.05}
    )
    model = shared._replace(level_variance=float(np.exp(found.x)))
    return EventFit(model, event_log_likelihood(tape, model, True), tape.prices.size, "ok")


def fit_schedule(count: int) -> list[int]:
    """Trade numbers at which parameters are fitted anew: 50, 150, 450, ... below count."""
    schedule = []
    at = FEWEST_TRADES
    while at < count:
        schedule.append(at)
        at *= REFIT_GROWTH
    return schedule


def fit_event_causally(tape: EventTape) -> list[EventFit]:
    """A fit for each number of `fit_schedule`, to the latest MOST_TRADES trades before it."""
    fits: list[EventFit] = []
    for at in fit_schedule(tape.prices.size):
        latest = next((fit.model for fit in reversed(fits) if fit.status == "ok"), None)
        fits.append(fit_event(_before(tape, at), latest))
    return fits


def filter_event_causally(
    tape: EventTape, probit: bool = False, level_fits: list[EventFit] | None = None
) -> CausalEventFilter:
    """Filter a day under parameters fitted, for each trade, to earlier trades only.

    Parameters
    ----------
    tape : EventTape
        A date's trades.
    probit : bool
        Gauge of the level, as in `filter_event`.
    level_fits : list of EventFit, optional
        From `fit_event_causally`, if at hand.

    Returns
    -------
    CausalEventFilter

    Notes
    -----
    Until trade 50 the prior's parameters hold; a fit serves until the next. A fit that fails
    leaves the one before in force.
    """
    fits = fit_event_causally(tape) if level_fits is None else level_fits
    schedule = fit_schedule(tape.prices.size)
    if probit:
        fits = [
            fit_event_probit(_before(tape, at), fit) for at, fit in zip(schedule, fits, strict=True)
        ]
    models, index = [PROBIT_PRIOR if probit else LEVEL_PRIOR], np.full(tape.prices.size, -1)
    for number, (at, fit) in enumerate(zip(schedule, fits, strict=True)):
        models.append(fit.model if fit.status == "ok" else models[-1])
        index[at:] = number
    return CausalEventFilter(filter_event(tape, models, index + 1, probit), fits, index)


def _before(tape: EventTape, at: int) -> EventTape:
    return tape.window(max(0, at - MOST_TRADES), at)
