"""One rule for all vendors: what is asked again, how long one waits, what is never said."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from offtape_assets.sources.vendors.refusal import (
    TRANSIENT,
    Patience,
    Refusal,
    redacted,
    refusal_of,
)


@pytest.mark.parametrize("code", sorted(TRANSIENT))
def test_overload_and_timeouts_are_transient(code: int) -> None:
    refusal = refusal_of(code, "vendor", "busy", "7")
    assert refusal.is_transient
    assert refusal.retry_after == 7.0


@pytest.mark.parametrize(
    ("code", "standing"),
    [
        (400, "failed"),
        (401, "forbidden"),
        (403, "forbidden"),
        (404, "absent_unexpected"),
        (422, "failed"),
    ],
)
def test_other_refusals_are_final(code: int, standing: str) -> None:
    refusal = refusal_of(code, "vendor", "no")
    assert not refusal.is_transient
    assert refusal.standing == standing


def test_a_date_is_a_retry_after_too() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    seconds = refusal_of(503, "vendor", "", soon).retry_after
    assert seconds is not None
    assert 25 < seconds <= 30
    assert refusal_of(503, "vendor", "", "soon").retry_after is None


def test_pauses_double_up_to_a_minute_unless_the_vendor_names_one() -> None:
    patience = Patience()
    longest = [patience.pause(attempt) for attempt in range(1, 10)]
    for pause, whole in zip(longest, [1, 2, 4, 8, 16, 32, 60, 60, 60], strict=True):
        assert 0.75 * whole <= pause <= whole
    assert patience.pause(3, 12.5) == 12.5
    assert patience.pause(1, 10**6) == 600


def test_a_question_is_asked_again_while_it_helps() -> None:
    left = [Refusal("failed", "busy", is_transient=True, retry_after=0.0)] * 3
    assert Patience(0.001).ask(lambda: _raise(left.pop()) if left else "answer") == "answer"
    asked: list[int] = []

    def never() -> None:
        asked.append(1)
        raise Refusal("failed", "busy", is_transient=True, retry_after=0.0)

    with pytest.raises(Refusal, match="busy"):
        Patience(0.001).ask(never)
    assert len(asked) == 6


def _raise(error: Exception) -> str:
    raise error


def test_secrets_are_struck_out() -> None:
    assert redacted("key AKIA1 and hidden", ("AKIA1", "hidden", "")) == "key *** and ***"
