"""Factor returns: the slow definition, missing names, halts, and what not to divide by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offtape_assets.quant.factor_returns import FactorReturns, factor_returns

NAMES, SECONDS = 6, 40
WEIGHTS = np.array([
    [0.3, 0.2, 0.2, 0.1, 0.1, 0.1],
    [0.5, 0.5, -0.6, -0.4, 0.0, 0.0],
])  # fmt: skip


def slow(
    second: np.ndarray, name: np.ndarray, log_mid: np.ndarray, weights: np.ndarray, age: int
) -> np.ndarray:
    """The definition second by second; returns (SECONDS, K)."""
    last: dict[int, tuple[int, float]] = {}
    known_before: dict[int, float] = {}
    rows = []
    for t in range(SECONDS):
        for who, value in zip(name[second == t].tolist(), log_mid[second == t], strict=True):
            last[who] = (t, value)
        known = {
            who: value
            for who, (seen, value) in last.items()
            if t - seen <= age and not np.isnan(value)
        }
        moves = {who: known[who] - known_before[who] for who in known if who in known_before}
        row = []
        for weight in weights:
            legs = []
            for sign in (1, -1):
                held = {who: abs(w) for who, w in enumerate(weight) if np.sign(w) == sign}
                inside = {who: w for who, w in held.items() if who in moves}
                total = sum(inside.values())
                if held and total < 0.5 * sum(held.values()):
                    legs.append(np.nan)
                elif held:
                    legs.append(sum(w * moves[who] for who, w in inside.items()) / total)
                else:
                    legs.append(0.0)
            row.append(legs[0] - legs[1])
        rows.append(row)
        known_before = known
    return np.array(rows)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_equals_the_definition(seed: int, age: int) -> None:
    rng = np.random.default_rng(seed)
    rows = 120
    second, name = np.sort(rng.integers(0, SECONDS, rows)), rng.integers(0, NAMES, rows)
    log_mid = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    found = factor_returns(second, name, log_mid, WEIGHTS, SECONDS, age, 0.5)
    np.testing.assert_allclose(
        found.total, slow(second, name, log_mid, WEIGHTS, age), rtol=1e-12, atol=1e-14
    )


def panel(
    rng: np.random.Generator, names: int, seconds: int, gone: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every name quotes every second, but those that are `gone` never; returns and quotes."""
    moves = rng.normal(0.0, 1e-4, (seconds, names))
    kept = np.flatnonzero(~gone)
    level = np.cumsum(moves, axis=0)[:, kept]
    second = np.repeat(np.arange(seconds), len(kept))
    return moves, second, np.tile(kept, seconds), level.ravel()


def long_short(rng: np.random.Generator, names: int) -> np.ndarray:
    """A market and a long-short portfolio with legs of 30 % of the names."""
    caps = rng.pareto(1.5, names) + 1
    order = rng.permutation(names)
    spread = np.zeros(names)
    for leg, sign in ((order[: names * 3 // 10], 1), (order[-names * 3 // 10 :], -1)):
        spread[leg] = sign * caps[leg] / caps[leg].sum()
    return np.array([caps / caps.sum(), spread])


def test_two_percent_of_names_missing_move_nothing_but_the_naive_division_explodes() -> None:
    rng = np.random.default_rng(7)
    names, seconds = 1000, 200
    weights = long_short(rng, names)
    caps = weights[0]
    gone = np.zeros(names, bool)
    small = np.flatnonzero(caps < np.quantile(caps, 0.9))
    gone[rng.choice(small, names // 50, replace=False)] = True
    moves, second, name, level = panel(rng, names, seconds, gone)
    whole = moves[1:] @ weights.T
    found = factor_returns(second, name, level, weights, seconds).total[1:]
    noise = whole.std(axis=0)
    assert (np.abs(found - whole).max(axis=0) < 0.5 * noise).all()
    kept = np.where(gone, 0.0, weights)
    naive = (moves[1:] @ kept.T) / kept.sum(axis=1)
    assert np.abs(naive[:, 0] - whole[:, 0]).max() < 0.5 * noise[0]
    assert np.abs(naive[:, 1] - whole[:, 1]).max() > 100 * noise[1]


def run(second: list[int], name: list[int], mid: list[float], **options: float) -> FactorReturns:
    with np.errstate(invalid="ignore", divide="ignore"):
        log_mid = np.log(np.array(mid))
    given_options = {"seconds": 10, "max_age": 3, "coverage_floor": 0.1} | options
    return factor_returns(
        np.array(second), np.array(name), log_mid, np.array([[0.5, 0.5]]), **given_options
    )


def test_a_halt_leaves_the_mean_to_the_others_and_its_gap_to_no_second() -> None:
    # name 1 quotes at 0 and 1, is silent, and comes back 50 % higher at 8
    second, name = [0, 0, 1, 1, *range(2, 8), 8, 8, 9, 9], [0, 1, 0, 1, *[0] * 6, 0, 1, 0, 1]
    mid = [100.0] * 10 + [100.0, 150.0, 101.0, 150.0]
    found = run(second, name, mid)
    np.testing.assert_allclose(found.long_coverage[:, 0], [0, 1, 1, 1, 1, *[0.5] * 4, 1])
    assert found.total[8, 0] == 0.0
    assert found.total[9, 0] == pytest.approx(0.5 * np.log(1.01))


def test_a_quote_without_a_mid_makes_the_name_unknown_until_the_next() -> None:
    second, name = [0, 0, 1, 1, 2, 2, 3, 3], [0, 1] * 4
    mid = [100.0, 100.0, 100.0, np.nan, 101.0, 110.0, 101.0, 110.0]
    found = run(second, name, mid, seconds=4)
    np.testing.assert_allclose(found.long_coverage[:, 0], [0, 0.5, 0.5, 1])
    assert found.total[2, 0] == pytest.approx(np.log(1.01))


def test_below_the_floor_there_is_no_factor() -> None:
    found = run([0, 1], [0, 0], [100.0, 101.0], seconds=2, coverage_floor=0.8)
    assert np.isnan(found.total).all()
    assert found.long_leg[1, 0] == pytest.approx(np.log(1.01))


@settings(deadline=None)
@given(st.floats(0.01, 100.0))
def test_only_proportions_within_a_leg_matter(scale: float) -> None:
    rng = np.random.default_rng(3)
    _, second, name, level = panel(rng, NAMES, SECONDS, np.zeros(NAMES, bool))
    one = factor_returns(second, name, level, WEIGHTS, SECONDS).total
    two = factor_returns(second, name, level, WEIGHTS * scale, SECONDS).total
    np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-16)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"second": np.array([1, 0])}, "ascending"),
        ({"name": np.array([0, 9])}, "name: want columns"),
        ({"log_mid": np.zeros(3)}, "lengths"),
        ({"weights": np.array([[-1.0, 0.0]])}, "long leg"),
        ({"weights": np.array([[np.nan, 1.0]])}, "finite"),
        ({"max_age": 0}, "max_age=0"),
        ({"coverage_floor": 0.0}, "coverage_floor=0"),
    ],
)
def test_arguments_are_checked(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "second": np.array([0, 1]), "name": np.array([0, 1]), "log_mid": np.zeros(2),
        "weights": np.ones((1, 2)), "seconds": 2,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        factor_returns(**(arguments | change))
