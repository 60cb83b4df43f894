"""One event probability from the trades of its two contracts: the filter.

A local level (or its probit) with a vig between the contracts, tick-aware noise and five modes
of movement: calm, three faster ones, jump. The plain scalar model is in kalman, the fit in kalman_event_fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from offtape_assets.quant.kalman_event_kernel import OUTPUTS, run_event_filter


class EventModel(NamedTuple):
    """Parameters of the event filter; variances are in squared probability (or probit) units.

    `level_variance` is per second in the calm mode; each of the three faster modes has
    `mode_ratio` times as much as the one before. Switching rates are per second. `tick_persistence` is the share of the rounding
    variance tick^2/12 that stays until the level has moved by about a tick; the rest is white.
    """

    level_variance: float
    bounce_variance: float
    small_trade_variance: float = 0.0  # of a one-contract trade; falls as 1 / contracts
    tick_persistence: float = 0.85
    mode_ratio: float = 10.0
    jump_variance: float = 0.03**2
    speeding_up: float = 1.0 / 3600.0
    slowing_down: float = 1.0 / 900.0
    jump_rate: float = 1.0 / 43200.0
    vig_variance: float = 0.005**2  # before the first trade
    vig_drift: float = 0.005**2 / 86400.0  # per second
    basis_variance: float = 0.0015**2  # of each book's own error, which lasts minutes


@dataclass(frozen=True)
class EventFilter:
    """What the filter knows after each trade; all (T,) float64, in probability units.

    `innovation` is in the traded contract's price; the first trade's is NaN, as are its
    `standardized_innovation` and `log_likelihood`. With one mode `standardized_innovation` is
    the innovation over its standard deviation; with several it is the standard normal quantile at
    the price's predicted probability, which has the same law N(0, 1) and is not ruined by one
    jump of ten deviations. `active_share` is the probability that the
    level is not in its calm mode, `vig` half the excess over 1 of the two contracts' prices.
    """

    probability: np.ndarray
    variance: np.ndarray
    gain: np.ndarray
    innovation: np.ndarray
    standardized_innovation: np.ndarray
    log_likelihood: np.ndarray
    active_share: np.ndarray
    vig: np.ndarray


class EventTape(NamedTuple):
    """Trades of one event in time order; all (T,).

    `sides` is +1 for the yes contract and -1 for the other; `prices` are of the traded contract,
    0 to 1; `ticks` are the price grid's steps; `steps` seconds since the trade before.
    """

    steps: np.ndarray
    sides: np.ndarray
    prices: np.ndarray
    sizes: np.ndarray
    ticks: np.ndarray

    def window(self, start: int, stop: int) -> "EventTape":
        """Trades start .. stop - 1."""
        return EventTape(*(values[start:stop] for values in self))


def event_tape(
    seconds: np.ndarray,
    is_yes: np.ndarray,
    prices: np.ndarray,
    sizes: np.ndarray,
    ticks: float | np.ndarray = 0.01,
) -> EventTape:
    """Check and arrange trades for the filter.

    Parameters
    ----------
    seconds : (T,) float64
        Times in seconds, not decreasing.
    is_yes : (T,) bool
        Whether the trade is in the yes contract.
    prices : (T,) float64
        Price of the traded contract, 0 to 1.
    sizes : (T,) float64
        Contracts, > 0.
    ticks : float or (T,) float64
        Price grid, >= 0 (0: prices are exact).

    Raises
    ------
    ValueError
        Empty, unequal lengths, unsorted times or values outside their ranges.
    """
    seconds = np.ascontiguousarray(seconds, dtype=np.float64)
    if seconds.ndim != 1 or seconds.size == 0:
        raise ValueError(f"seconds must be a non-empty vector, got shape {seconds.shape}")
    steps = np.diff(seconds, prepend=seconds[0])
    if not (steps >= 0).all():
        raise ValueError("seconds must be finite and not decreasing (sort the trades)")
    sides = np.where(np.asarray(is_yes, dtype=bool), 1.0, -1.0)
    grid = np.ascontiguousarray(np.broadcast_to(np.asarray(ticks, np.float64), seconds.shape))
    tape = EventTape(
        steps, sides, np.asarray(prices, np.float64), np.asarray(sizes, np.float64), grid
    )
    for name, values in tape._asdict().items():
        if values.shape != seconds.shape:
            raise ValueError(f"{name} must have shape {seconds.shape}, got {values.shape}")
    for name, good, allowed in (
        ("prices", (tape.prices >= 0) & (tape.prices <= 1), "0 to 1"),
        ("sizes", (tape.sizes > 0) & np.isfinite(tape.sizes), "finite and above 0"),
        ("ticks", (tape.ticks >= 0) & (tape.ticks < 1), "0 or more and below 1"),
    ):
        if not good.all():
            where = int(np.argmin(good))
            value = getattr(tape, name)[where]
            raise ValueError(f"{name} must be {allowed}, got {value} at row {where}")
    return tape


def filter_event(
    tape: EventTape,
    models: EventModel | Sequence[EventModel],
    which: np.ndarray | None = None,
    probit: bool = False,
) -> EventFilter:
    """Filter the probability of the yes outcome from both contracts' trades.

    Parameters
    ----------
    tape : EventTape
        From `event_tape`.
    models : EventModel or sequence of them
        Parameters; with several, trade t is filtered under models[which[t]].
    which : (T,) int64, optional
        Index of each trade's model.
    probit : bool
        The latent level is U with dU = nu^2 U dt/2 + nu dW and probability Phi(U); False: the
        level is the probability.

    Returns
    -------
    EventFilter

    Notes
    -----
    A yes trade prints p + s + a + e, a no trade 1 - (p - s + a + e): one level p, the vig s, the
    tick error a, noise e with variance bounce + small/contracts + white share of tick^2/12.
    Rounding a slowly moving level does not make white noise: the error stays until the level has
    crossed a tick. The sawtooth p -> round(p) - p of a Brownian p has first-harmonic correlation
    exp(-2 pi^2 Q t / tick^2), is uncorrelated with the increments of p, and so is modelled as an
    Ornstein-Uhlenbeck state of variance tick^2/12. Both contracts share it (a mirrored book
    rounds both at the same levels). Modes are mixed as in the interacting multiple model [1]_.
    The probit gauge linearises Phi at the predicted level (extended Kalman filter). Iterating the
    linearisation was tried and biases the level: the gain then depends on the trade's own noise.

    References
    ----------
    .. [1] Blom, Bar-Shalom (1988), IEEE Transactions on Automatic Control 33(8).
    """
    listed = [models] if isinstance(models, EventModel) else list(models)
    parameters = np.array(listed, dtype=np.float64)
    if not np.isfinite(parameters).all() or (parameters < 0).any():
        raise ValueError("models must hold finite parameters, none below 0")
    index = np.zeros(tape.prices.size, np.int64) if which is None else np.asarray(which, np.int64)
    out = np.empty((max(tape.prices.size, 2), OUTPUTS))
    run_event_filter(*tape, parameters, index, start_level(tape, probit), probit, out)
    return EventFilter(*out[: tape.prices.size].T)


def start_level(tape: EventTape, probit: bool) -> float:
    """Level at the first trade's price; its probit is kept within half a cent of 0 and 1."""
    price = tape.prices[0] if tape.sides[0] > 0 else 1.0 - tape.prices[0]
    return float(ndtri(np.clip(price, 0.005, 0.995))) if probit else float(price)


def event_log_likelihood(tape: EventTape, model: EventModel, probit: bool = False) -> float:
    """Log-likelihood of the trades after the first, in nats, without keeping the path."""
    which = np.zeros(tape.prices.size, np.int64)
    parameters = np.array([model], dtype=np.float64)
    level = start_level(tape, probit)
    return float(run_event_filter(*tape, parameters, which, level, probit, np.empty((1, OUTPUTS))))
