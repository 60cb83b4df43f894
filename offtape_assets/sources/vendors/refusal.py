"""What a vendor's refusal means and whether asking again helps: one rule for all vendors.

Only overload, timeouts and lost connections are asked again, with growing pauses; a plan, a wrong
name or an empty answer never is.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import tenacity

from offtape_assets.sources.manifest import Status

T = TypeVar("T")

TRANSIENT = frozenset({408, 413, 429, 499, 500, 502, 503, 504})
LONGEST_PAUSE = 60.0
LONGEST_RETRY_AFTER = 600.0
ATTEMPTS = 6
_SHOWN = 200


class Refusal(Exception):
    """A vendor did not give a file.

    Parameters
    ----------
    standing
        What the manifest will say.
    is_transient
        Whether the same question may be answered a moment later.
    retry_after
        Seconds the vendor asked to wait.
    code
        The vendor's status code, 0 where the connection failed.
    """

    def __init__(
        self,
        standing: Status,
        message: str,
        *,
        is_transient: bool = False,
        retry_after: float | None = None,
        code: int = 0,
    ) -> None:
        super().__init__(message)
        self.standing: Status = standing
        self.is_transient = is_transient
        self.retry_after = retry_after
        self.code = code


class ChangedError(Exception):
    """The vendor republished a file while it was read."""


def refusal_of(code: int, where: str, body: str, retry_after: str | None = None) -> Refusal:
    """What an HTTP status means for every vendor; `body` is shown in part."""
    told = " ".join(body.split())[:_SHOWN]
    message = f"{where} answered {code}{f' ({told})' if told else ''}"
    if code in TRANSIENT:
        return Refusal(
            "failed",
            f"{message}; try again later",
            is_transient=True,
            retry_after=_seconds(retry_after),
            code=code,
        )
    if code in (401, 403):
        return Refusal("forbidden", f"{message}; check the credentials and the plan", code=code)
    if code == 404:
        return Refusal("absent_unexpected", message, code=code)
    return Refusal("failed", message, code=code)


@dataclass(frozen=True)
class Patience:
    """How often and how long a transient refusal is waited out.

    Parameters
    ----------
    first_seconds
        The first pause; each further one is twice as long, up to a minute, with jitter. A
        Retry-After of the vendor takes its place.
    """

    first_seconds: float = 1.0
    attempts: int = ATTEMPTS

    def ask(self, question: Callable[[], T]) -> T:
        """The answer to a question, asked again while the refusal is transient."""
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception(_is_transient),
            wait=self._pause,
            stop=tenacity.stop_after_attempt(self.attempts),
            reraise=True,
        )(question)

    def pause(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after the given attempt, counted from 1."""
        if retry_after is not None:
            return min(retry_after, LONGEST_RETRY_AFTER)
        longest = min(self.first_seconds * 2 ** (attempt - 1), LONGEST_PAUSE)
        return longest * random.uniform(0.75, 1.0)  # spreads clients, decides no result

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = error.retry_after if isinstance(error, Refusal) else None
        return self.pause(state.attempt_number, after)


def redacted(text: str, secrets: Iterable[str]) -> str:
    """The text without any of the secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, Refusal) and error.is_transient


def _seconds(retry_after: str | None) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        wait = parsedate_to_datetime(retry_after) - datetime.now(UTC)
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())
