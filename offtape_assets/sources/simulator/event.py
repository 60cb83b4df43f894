"""The event: what is truly known about its outcome at every second, and when it was known.

The probability is B = Phi(X / sqrt(A - a)) where X is a Brownian motion run by the information
a(t) and A all the information there is: an exact martingale that ends at 0 or 1, whose probit
obeys dU = U nu^2 dt / 2 + nu dW with nu^2 = a'/(A - a). Trades on the event live elsewhere.
"""

from datetime import UTC, date, datetime, time
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from offtape_assets.market.calendar import NEW_YORK
from offtape_assets.sources.simulator.settings import World
from offtape_assets.sources.simulator.streams import generator

NIGHT_BEGINS = time(18, 0)
"""New York time at which the first polls have closed."""
NIGHT_SECONDS = 8 * 3600
JUMP_SHARE = 0.4
"""Share of the information before the night that comes in jumps."""


class Clock(NamedTuple):
    """Information left and its rate at every second from `start`; jumps carry their own share."""

    start: int
    left: np.ndarray
    rate: np.ndarray
    """nu^2 per second of the smooth part."""
    is_jump: np.ndarray


class Event:
    """One two-outcome event: its true probability from listing to settlement."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.night = seconds_at(world.event_date, NIGHT_BEGINS)
        self.settled = self.night + NIGHT_SECONDS
        self.day_begins = seconds_at(world.event_date, time(0))
        self.listed = self.day_begins - world.days_listed * 86_400 + 13 * 3600

    @cached_property
    def clock(self) -> Clock:
        """When information arrives: slowly, faster on the day, c / sqrt(T - t) on the night."""
        world = self._world
        n, night = self.settled - self.listed, self.night - self.listed
        smooth, jumps = self._before_night()
        left = np.ones(n + 1)
        left[1 : night + 1] -= np.cumsum(smooth + jumps)
        rng = generator(world.seed, "event clock", "night")
        surprises = rng.integers(night + 1800, n - 900, world.night_jumps) + 1
        remaining = np.arange(n - night, -1, -1.0)
        keep = np.ones(len(remaining))
        keep[surprises - night] = 1.0 - world.night_jump_share
        left[night:] = (
            left[night] * (remaining / (n - night)) ** world.night_clock**2 * np.cumprod(keep)
        )
        rate = np.zeros(n + 1)
        rate[:night] = smooth / left[:night]
        rate[night:n] = world.night_clock**2 / np.arange(n - night, 0, -1)
        is_jump = np.zeros(n + 1, bool)
        is_jump[np.flatnonzero(jumps) + 1] = is_jump[surprises] = True
        return Clock(self.listed, left, rate, is_jump)

    def _before_night(self) -> tuple[np.ndarray, np.ndarray]:
        """Information of each second from listing to the night: smooth, and in jumps."""
        world = self._world
        rng = generator(world.seed, "event clock")
        day, night = self.day_begins - self.listed, self.night - self.listed
        smooth, jumps = np.zeros(night), np.zeros(night)
        for first, last, total, count in (
            (0, day, world.information_before, world.jumps_before),
            (day, night, world.information_on_day, world.day_jumps),
        ):
            share = JUMP_SHARE if count else 0.0
            smooth[first:last] = (1 - share) * total / (last - first)
            begin = first if first == 0 else first + 8 * 3600
            at = rng.integers(begin, last - 600, count)
            np.add.at(jumps, at, share * total / max(count, 1))
        return smooth, jumps

    @cached_property
    def _path(self) -> np.ndarray:
        left = self.clock.left
        rng = generator(self._world.seed, "event path")
        moves = rng.standard_normal(len(left) - 1) * np.sqrt(-np.diff(left))
        scores = ndtri(self._world.first_probability) + np.r_[0.0, np.cumsum(moves)]
        with np.errstate(divide="ignore"):
            return ndtr(scores / np.sqrt(left))

    @property
    def outcome(self) -> bool:
        """Whether the yes contract pays."""
        return bool(self._path[-1] > 0.5)

    def probability(self, seconds: np.ndarray) -> np.ndarray:
        """The truth at whole UTC seconds: constant before listing and after settlement."""
        if self._world.kind == "constant":
            return np.full(np.shape(seconds), self._world.first_probability)
        index = np.clip(np.asarray(seconds) - self.listed, 0, len(self._path) - 1)
        return self._path[index]


def seconds_at(day: date, at: time) -> int:
    """UTC seconds of a New York time of day."""
    return int(datetime.combine(day, at, NEW_YORK).timestamp())


def utc_midnight(day: date) -> int:
    """First second of a UTC day."""
    return int(datetime.combine(day, time(0), UTC).timestamp())
