"""HTTP for the vendors that are no object store: sessions, pace, refusals, bodies as received.

One `Web` per vendor holds its pace and its secrets; what it raises names the URL without them.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from urllib3.exceptions import HTTPError

from offtape_assets.sources.vendors.refusal import Patience, Refusal, redacted, refusal_of

CHUNK_BYTES = 1 << 16
USER_AGENT = "Mozilla/5.0 (compatible; offtape)"
"""French's server refuses clients without a browser's name."""
Judge = Callable[[requests.Response], Refusal | None]


class Pace:
    """At most so many requests a second, shared by all threads."""

    def __init__(self, per_second: float) -> None:
        self._interval = 1.0 / per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Sleep until the next request may go."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._interval
        time.sleep(max(0.0, turn - now))


class Web:
    """One vendor's HTTP interface.

    Parameters
    ----------
    where
        How the vendor is called in errors.
    judge
        What the vendor means by a status that others use differently; None leaves the common rule.
    secrets
        Texts that must appear in no message.
    """

    def __init__(
        self,
        where: str,
        patience: Patience,
        per_second: float,
        *,
        timeout: float = 60.0,
        headers: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        judge: Judge | None = None,
    ) -> None:
        self.patience = patience
        self._where, self._timeout, self._judge = where, timeout, judge
        self._pace = Pace(per_second)
        self._headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
        self._secrets = secrets
        self._local = threading.local()

    def get(self, url: str, params: Mapping[str, Any] | None = None) -> requests.Response:
        """A whole answer, asked again while the refusal is transient.

        Raises
        ------
        Refusal
            If the vendor refuses for good or stays out of reach.
        """

        def question() -> requests.Response:
            response = self.open(url, params)
            try:
                _ = response.content
            except (requests.RequestException, HTTPError) as error:
                raise self._lost(url, error) from None
            return response

        return self.patience.ask(question)

    def json(self, url: str, params: Mapping[str, Any] | None = None) -> Any:
        """A whole answer that must be JSON."""
        response = self.get(url, params)
        try:
            return response.json()
        except ValueError:
            raise Refusal("failed", f"{self._where}: {shown(url)} answered no JSON") from None

    def open(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> requests.Response:
        """An answer whose body is still to be read; asked once."""
        self._pace.wait()
        try:
            response = self._session().request(
                method, url, params=params, headers=headers, stream=True, timeout=self._timeout
            )
        except (requests.RequestException, HTTPError) as error:
            raise self._lost(url, error) from None
        refusal = self._judge(response) if self._judge else None
        if refusal is None and response.status_code >= 400:
            refusal = refusal_of(
                response.status_code,
                f"{self._where}: {shown(url)}",
                redacted(_beginning(response), self._secrets),
                response.headers.get("Retry-After"),
            )
        if refusal is not None:
            response.close()
            raise refusal
        return response

    def body(self, response: requests.Response, as_received: bool) -> Iterator[bytes]:
        """The body in chunks; a content encoding is undone unless the file keeps it."""
        try:
            with response:
                yield from response.raw.stream(CHUNK_BYTES, decode_content=not as_received)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._lost(response.url, error) from None

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers.update(self._headers)
        return self._local.session

    def _lost(self, url: str, error: Exception) -> Refusal:
        kind = type(error).__name__
        text = f"{self._where}: no answer from {shown(url)} ({kind}); is it running and reachable?"
        return Refusal("failed", redacted(text, self._secrets), is_transient=True)


def shown(url: str) -> str:
    """A URL without a user's name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def _beginning(response: requests.Response) -> str:
    try:
        return response.raw.read(2000, decode_content=True).decode(errors="replace")
    except (HTTPError, OSError):
        return ""
