"""ThetaData: option quotes and open interest from the terminal on this machine, v3 or else v2.

The terminal holds the login; it is asked for one symbol, expiry and day at a time, since a greater
answer is refused. What v2 says is rewritten in v3's columns, the layout of the landing folder.
"""

import csv
import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from types import MappingProxyType

import requests
from isal import igzip

from offtape_assets.market.calendar import NEW_YORK, is_session, session
from offtape_assets.sources.landing.option_chains import INTEREST_CSV, QUOTE_CSV, THETADATA
from offtape_assets.sources.manifest import Entry
from offtape_assets.sources.vendors.refusal import Patience, Refusal, refusal_of
from offtape_assets.sources.vendors.vendor import Offer, Probe, Wanted
from offtape_assets.sources.vendors.web import Web, shown
from offtape_assets.tables import raw
from offtape_assets.vendor_settings import VendorSettings

NO_DATA, TOO_LARGE = 472, 570
MEANINGS: dict[int, tuple[str, bool]] = {
    429: ("the terminal's queue is full; lower OFFTAPE_THETADATA_CONNECTIONS", True),
    470: ("the terminal reports an error of its own", False),
    473: ("the terminal refuses the question's parameters", False),
    474: ("the terminal lost its connection to the vendor", True),
    475: ("the terminal could not read the question", False),
    476: ("127.0.0.1 and localhost are mixed: use one of them in OFFTAPE_THETADATA_URL", False),
    477: ("the page does not exist", False),
    478: ("another terminal uses the account: stop it and restart this one", False),
    TOO_LARGE: ("the answer is too large", False),
    571: ("the terminal is starting", True),
    572: ("the terminal failed; restart it", False),
}
REQUESTS_PER_SECOND = 20.0
EXPIRIES_TRIED = 6
"""Expiries that were not yet listed on an early day answer nothing; the next one is asked then."""
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_RIGHTS = {"C": "CALL", "P": "PUT"}


class ThetaData:
    """The terminal's history of option quotes and open interest.

    Parameters
    ----------
    expiries
        Expiries to fetch; empty: the first at `not_before` or later that has data.
    """

    name = "thetadata"
    datasets = ("quote", "open_interest")
    tables: Mapping[str, Sequence[str]] = MappingProxyType(
        {
            raw.OPTION_QUOTES.full_name: ("quote",),
            raw.OPEN_INTEREST.full_name: ("open_interest",),
        }
    )
    is_by_day = True
    has_versions = False
    settles_days = 0

    def __init__(
        self,
        settings: VendorSettings,
        patience: Patience,
        expiries: Sequence[date],
        not_before: date,
    ) -> None:
        self.connections = settings.thetadata_connections
        self._v3, self._v2 = settings.thetadata_url, settings.thetadata_v2_url
        self._interval = settings.thetadata_interval
        self._expiries, self._not_before = expiries, not_before
        self._web = Web(self.name, patience, REQUESTS_PER_SECOND, timeout=300, judge=judge)
        self._lock = threading.Lock()
        self._is_v2: bool | None = None

    def wanted(self, dataset: str, first: date, last: date, tickers: Sequence[str]) -> list[Wanted]:
        """One file a session and ticker."""
        today = datetime.now(NEW_YORK).date()
        days = (first + timedelta(days=offset) for offset in range((last - first).days + 1))
        return [
            Wanted(
                self.name,
                dataset,
                f"{THETADATA.as_posix()}/{dataset}/{day}/{ticker}.csv.gz",
                day,
                day,
                ticker,
                is_expected=day < today,
            )
            for day in days
            if is_session(day)
            for ticker in tickers
        ]

    def offer(self, wanted: Wanted, held: Entry | None) -> Offer:
        """The address; the terminal tells no version."""
        if not wanted.is_expected:
            raise Refusal("absent_expected", f"{wanted.day} is not over")
        base = self._v2 if self._speaks_v2() else self._v3
        return Offer(f"{shown(base)}/option/{wanted.dataset}?symbol={root(wanted.subject)}")

    def read(self, wanted: Wanted, offer: Offer, start: int) -> Iterator[bytes]:
        """The rows of the wanted expiries as one gzipped CSV in v3's columns."""
        header = QUOTE_CSV if wanted.dataset == "quote" else INTEREST_CSV
        try:
            texts = list(self._texts(wanted))
        except Refusal as refusal:
            if refusal.code == 0:  # the terminal may be gone: the next file finds out at once
                self._is_v2 = None
            raise
        if not texts:
            raise Refusal(
                "empty_ok",
                f"{wanted.subject} has no {wanted.dataset} on {wanted.day}",
                code=NO_DATA,
            )
        lines = [",".join(header)]
        for text in texts:
            found, _, rows = text.partition("\n")
            if found.strip().split(",") != header:
                raise Refusal("failed", f"{offer.url}: the columns are {found.strip()!r:.200}")
            lines.append(rows.rstrip("\n"))
        yield igzip.compress(("\n".join(filter(None, lines)) + "\n").encode())

    def probe(self, day: date) -> Iterator[Probe]:
        """Ask for the expiries of SPY, then for one minute of one of them."""
        subject = "thetadata"
        try:
            version = "v2" if self._speaks_v2() else "v3"
            expiries = self._listed("SPY", day)
        except Refusal as refusal:
            yield Probe(subject, False, refusal.standing, str(refusal))
            return
        try:
            opened = session(day).open.astimezone(NEW_YORK).time()
            for expiry in expiries[:1]:
                self._quotes("SPY", expiry, day, opened, opened)
        except Refusal as refusal:
            if refusal.code != NO_DATA:
                yield Probe(subject, False, f"{version}, {day}: {refusal.standing}", str(refusal))
                return
        yield Probe(subject, True, f"{version} answers, the plan allows {day}")

    def _texts(self, wanted: Wanted) -> Iterator[str]:
        """CSV answers of each wanted expiry that has data."""
        for expiry in self._listed(wanted.subject, wanted.day):
            try:
                yield from self._expiry(wanted, expiry)
            except Refusal as refusal:
                if refusal.code != NO_DATA:
                    raise
                continue
            if not self._expiries:
                return

    def _listed(self, ticker: str, day: date) -> list[date]:
        """Expiries to ask for, soonest first."""
        if self._expiries:
            return sorted(expiry for expiry in self._expiries if expiry >= day)
        if self._speaks_v2():
            answer = self._web.json(f"{self._v2}/list/expirations", {"root": root(ticker)})
            stamps = [str(stamp) for stamp in answer.get("response") or []]
        else:
            question = {"symbol": root(ticker), "format": "csv"}
            text = self._web.get(f"{self._v3}/option/list/expirations", question).text
            stamps = [row["expiration"] for row in csv.DictReader(io.StringIO(text))]
        earliest = max(day, self._not_before)
        known = sorted(date.fromisoformat(stamp) for stamp in stamps)
        return [expiry for expiry in known if expiry >= earliest][:EXPIRIES_TRIED]

    def _expiry(self, wanted: Wanted, expiry: date) -> Iterator[str]:
        ticker, day = wanted.subject, wanted.day
        if wanted.dataset == "open_interest":
            yield self._interest(ticker, expiry, day)
            return
        hours = session(day)
        opened, closed = (stamp.astimezone(NEW_YORK).time() for stamp in hours)
        yield from self._in_pieces(ticker, expiry, day, opened, closed)

    def _in_pieces(
        self, ticker: str, expiry: date, day: date, first: clock, last: clock
    ) -> Iterator[str]:
        """Quotes of [first, last], asked in halves where the answer would be too large."""
        try:
            yield self._quotes(ticker, expiry, day, first, last)
            return
        except Refusal as refusal:
            step = interval_seconds(self._interval)
            steps = (_seconds(last) - _seconds(first)) // step
            if refusal.code != TOO_LARGE or steps < 2:
                raise
        middle = _seconds(first) + steps // 2 * step
        yield from self._in_pieces(ticker, expiry, day, first, _clock(middle))
        yield from self._in_pieces(ticker, expiry, day, _clock(middle + step), last)

    def _quotes(self, ticker: str, expiry: date, day: date, first: clock, last: clock) -> str:
        if self._speaks_v2():
            return self._pages(
                "quote",
                ticker,
                expiry,
                day,
                quote_row,
                QUOTE_CSV,
                ivl=1000 * interval_seconds(self._interval),
                start_time=1000 * _seconds(first),
                end_time=1000 * _seconds(last),
            )
        return self._history(
            "quote",
            ticker,
            expiry,
            day,
            strike="*",
            right="both",
            interval=self._interval,
            start_time=first.isoformat(),
            end_time=last.isoformat(),
        )

    def _interest(self, ticker: str, expiry: date, day: date) -> str:
        if self._speaks_v2():
            return self._pages("open_interest", ticker, expiry, day, interest_row, INTEREST_CSV)
        return self._history("open_interest", ticker, expiry, day, strike="*", right="both")

    def _history(self, dataset: str, ticker: str, expiry: date, day: date, **more: str) -> str:
        question = {
            "symbol": root(ticker),
            "expiration": f"{expiry:%Y%m%d}",
            "date": f"{day:%Y%m%d}",
            "format": "csv",
        }
        return self._web.get(f"{self._v3}/option/history/{dataset}", question | more).text

    def _pages(
        self,
        dataset: str,
        ticker: str,
        expiry: date,
        day: date,
        rewrite: Callable[[dict[str, str]], list[str]],
        header: Sequence[str],
        **more: int,
    ) -> str:
        """All pages of a v2 question, in v3's columns."""
        question: dict[str, object] | None = {
            "root": root(ticker),
            "exp": f"{expiry:%Y%m%d}",
            "start_date": f"{day:%Y%m%d}",
            "end_date": f"{day:%Y%m%d}",
            "use_csv": "true",
            **more,
        }
        url = f"{self._v2}/bulk_hist/option/{dataset}"
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(header)
        while url:
            answer = self._web.get(url, question)
            try:
                writer.writerows(map(rewrite, csv.DictReader(io.StringIO(answer.text))))
            except (KeyError, ValueError) as error:
                raise Refusal("failed", f"{shown(url)}: not the layout of v2 ({error!r})") from None
            url, question = answer.headers.get("Next-Page", ""), None
            url = "" if url == "null" else url
        return out.getvalue()

    def _speaks_v2(self) -> bool:
        """Whether only the old terminal listens; asked once.

        Raises
        ------
        Refusal
            If none does: a terminal that is not there is not waited for.
        """
        with self._lock:
            if self._is_v2 is None:
                version = next((base for base in (self._v3, self._v2) if self._listens(base)), None)
                if version is None:
                    raise Refusal(
                        "failed",
                        f"no Theta Terminal listens at {shown(self._v3)} or {shown(self._v2)}:"
                        " start it, or leave thetadata out of OFFTAPE_VENDORS",
                    )
                self._is_v2 = version == self._v2
            return self._is_v2

    def _listens(self, base: str) -> bool:
        try:
            self._web.open(base).close()
        except Refusal as refusal:
            return refusal.code != 0
        return True


def judge(response: requests.Response) -> Refusal | None:
    """What the terminal means by its own codes."""
    code = response.status_code
    if code == NO_DATA:
        return Refusal("empty_ok", "the terminal has no data", code=code)
    if code == 471:
        return Refusal("forbidden", "thetadata: the plan lacks this (471)", code=code)
    if code in MEANINGS:
        told, is_transient = MEANINGS[code]
        message = f"thetadata: {told} ({code})"
        return Refusal("failed", message, is_transient=is_transient, code=code)
    if code == 404:
        text = f"thetadata: {shown(response.url)} is unknown to this terminal; update it"
        return Refusal("failed", text, code=code)
    return None if code < 400 else refusal_of(code, f"thetadata: {shown(response.url)}", "")


def root(ticker: str) -> str:
    """The option root of a ticker: class shares lose their dot."""
    return ticker.replace(".", "")


def interval_seconds(text: str) -> int:
    """Seconds of an interval such as 1m."""
    return int(text[:-1]) * _SECONDS[text[-1]]


def quote_row(row: dict[str, str]) -> list[str]:
    """One v2 quote in v3's columns: dollars, words, wall time."""
    return [
        *_option(row),
        *(row[name] for name in ("bid_size", "bid_exchange", "bid", "bid_condition")),
        *(row[name] for name in ("ask_size", "ask_exchange", "ask", "ask_condition")),
    ]


def interest_row(row: dict[str, str]) -> list[str]:
    """One v2 open interest in v3's columns."""
    return [*_option(row), row["open_interest"]]


def _option(row: dict[str, str]) -> list[str]:
    """Symbol, expiry, strike in dollars, right and instant of a v2 row."""
    midnight = datetime.strptime(row["date"], "%Y%m%d").replace(tzinfo=UTC)
    instant = midnight + timedelta(milliseconds=int(row["ms_of_day"]))
    expiry = datetime.strptime(row["expiration"], "%Y%m%d").date()
    strike = int(row["strike"])
    return [
        row["root"],
        expiry.isoformat(),
        f"{strike // 1000}.{strike % 1000:03d}",
        _RIGHTS[row["right"]],
        instant.replace(tzinfo=None).isoformat(),
    ]


def _seconds(stamp: clock) -> int:
    return stamp.hour * 3600 + stamp.minute * 60 + stamp.second


def _clock(seconds: int) -> clock:
    return clock(seconds // 3600, seconds // 60 % 60, seconds % 60)
