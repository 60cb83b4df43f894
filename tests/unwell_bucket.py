"""A proxy in front of an S3 server that answers 503, late, or half, as the test asks."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from tests.cluster import bucket

SLOW_DOWN = b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>reduce</Message></Error>"
Fault = Callable[[str, str], bool]
"""Whether a request (method, path) is to go wrong."""


class UnwellBucket:
    """What goes wrong, and what was asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.recover()

    def recover(self) -> None:
        """From here on every request is served at once."""
        self.refused: Fault = lambda method, path: False
        self.delayed: Fault = lambda method, path: False
        self.cut: Fault = lambda method, path: False
        self.seconds = 0.0
        self.faults = 0

    def has(self, fault: Fault, method: str, path: str) -> bool:
        """Whether a fault befalls this request; faults are counted."""
        with self._lock:
            found = fault(method, unquote(path))
            self.faults += found
        return found


def first(count: int, *methods: str, part: str = "") -> Fault:
    """The first so many requests of these methods whose path holds `part`."""
    left = [count]

    def befalls(method: str, path: str) -> bool:
        if method not in methods or part not in path or not left[0]:
            return False
        left[0] -= 1
        return True

    return befalls


def every(step: int, *methods: str) -> Fault:
    """Every so many requests of these methods."""
    seen = [0]

    def befalls(method: str, path: str) -> bool:
        seen[0] += method in methods
        return method in methods and seen[0] % step == 0

    return befalls


def always(method: str, path: str) -> bool:
    """Every request."""
    return True


@contextmanager
def unwell_bucket() -> Iterator[tuple[UnwellBucket, dict[str, str]]]:
    """A bucket behind the proxy, and the environment under which s3://offtape is that bucket."""
    state = UnwellBucket()
    with bucket() as environment:
        behind = environment["AWS_ENDPOINT_URL"].removeprefix("http://")
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state, behind))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield (
                state,
                environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"},
            )
        finally:
            server.shutdown()
            server.server_close()


def _handler(state: UnwellBucket, behind: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if state.has(state.delayed, self.command, self.path):
                time.sleep(state.seconds)
            if state.has(state.refused, self.command, self.path):
                return self.answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN)
            connection = http.client.HTTPConnection(behind)
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            reply = connection.getresponse()
            content = reply.read()
            connection.close()
            return self.answer(reply.status, dict(reply.headers.items()), content)

        def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            length = headers.get("Content-Length", str(len(content)))
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))  # fmt: skip
            is_cut = status < 300 and content and state.has(state.cut, self.command, self.path)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[: len(content) // 2] if is_cut else content)
            self.close_connection = bool(is_cut)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = serve

        def log_message(self, *_: object) -> None:
            pass

    return Handler
