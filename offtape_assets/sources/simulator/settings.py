"""Every quantity planted in the simulated market that belongs to no single name."""

from dataclasses import dataclass
from datetime import date

VERSION = "3"
"""Changes whenever the same settings would give other rows."""

WORLDS = ("standard", "reversed", "null", "constant")
RATES = {"light": 1.0, "heavy": 30.0}
EXERCISES = ("european", "american")


@dataclass(frozen=True)
class World:
    """One simulated market. Information is in units of probit variance, 1 in all.

    Parameters
    ----------
    kind
        'standard'; 'reversed' (yes and no laws exchanged); 'null' (nobody leads, the event moves
        no price); 'constant' (the probability never moves and is never settled).
    quotes_per_day, trades_per_day
        Noise messages of all forty names together in the light setting; moves of the price come
        on top.
    """

    seed: int = 20241105
    kind: str = "standard"
    event_date: date = date(2024, 11, 5)
    rates: str = "light"
    first_probability: float = 0.55
    days_listed: int = 32
    information_before: float = 0.12
    jumps_before: int = 15
    information_on_day: float = 0.10
    day_jumps: int = 6
    night_clock: float = 1.0
    night_jumps: int = 10
    night_jump_share: float = 0.06
    prediction_market_lag: int = 4
    own_variance_on_event_day: float = 2.0
    overnight_variance: float = 0.20
    extended_variance: float = 0.08
    tracking_noise_bp: float = 0.5
    quotes_per_day: float = 4.0e6
    trades_per_day: float = 0.9e6
    pause_volatility: float = 0.9
    """Names of at least this volatility a year have trading pauses."""
    dividend_yield: float = 0.0
    """Per year, continuous, for every name."""
    exercise: str = "european"
    """Of the listed options; american ones may be exercised on any day."""
    chain_minutes: int = 5
    market_names: int = 480
    """Stocks outside the study; 3,000 and more make a whole market."""
    message_scale: float = 1.0
    """A further factor on the rates of `rates`."""

    def __post_init__(self) -> None:
        if self.kind not in WORLDS:
            raise ValueError(f"kind is {self.kind!r}; choose one of {', '.join(WORLDS)}")
        if self.rates not in RATES:
            raise ValueError(f"rates is {self.rates!r}; choose one of {', '.join(RATES)}")
        if self.exercise not in EXERCISES:
            raise ValueError(f"exercise is {self.exercise!r}; choose one of {', '.join(EXERCISES)}")
        if not 0 < self.first_probability < 1:
            raise ValueError(
                f"first_probability is {self.first_probability}; it must lie in (0, 1)"
            )

    @property
    def traffic(self) -> float:
        """Messages relative to the light setting."""
        return RATES[self.rates] * self.message_scale
