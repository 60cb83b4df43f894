"""A vendor on this machine: a real HTTP server that replays answers and notes what it was asked."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import requests


@dataclass
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Reply:
    """One answer; `length` may lie, which makes the connection break early."""

    body: bytes | str = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    seconds_between_chunks: float = 0.0


Answer = Callable[[Asked], Reply | None]


class VendorServer:
    """Answers by `answer`, counts requests; what `answer` leaves alone is 404."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Asked] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(
                    self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers)
                )
                server.asked.append(asked)
                reply = answer(asked) or Reply(b"not here", 404)
                body = reply.body.encode() if isinstance(reply.body, str) else reply.body
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in reply.headers:
                    self.send_header("Content-Length", str(reply.length or len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self._send(body, reply.seconds_between_chunks)
                if reply.length and reply.length != len(body):
                    self.close_connection = True

            def _send(self, body: bytes, pause: float) -> None:
                size = 1 << 16
                for start in range(0, len(body), size):
                    try:
                        self.wfile.write(body[start : start + size])
                    except OSError:  # the client was killed
                        self.close_connection = True
                        return
                    time.sleep(pause)

            do_GET = do_HEAD = do_PUT = do_POST = handle_one

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(answer: Answer) -> Iterator[VendorServer]:
    """A server while the block runs."""
    server = VendorServer(answer)
    try:
        yield server
    finally:
        server.close()


def in_front_of(upstream: str, fault: Answer) -> Answer:
    """Answers of a real server, except where `fault` has one of its own."""

    def answer(asked: Asked) -> Reply | None:
        own = fault(asked)
        if own is not None:
            return own
        given = requests.request(
            asked.method,
            upstream + asked.path,
            params=asked.query,
            headers={k: v for k, v in asked.headers.items() if k != "Host"},
            timeout=30,
            stream=True,
        )
        dropped = {"connection", "transfer-encoding", "content-length"}
        headers = {k: v for k, v in given.headers.items() if k.lower() not in dropped}
        if asked.method == "HEAD" and "Content-Length" in given.headers:
            headers["Content-Length"] = given.headers["Content-Length"]
        return Reply(given.raw.read(decode_content=False), given.status_code, headers)

    return answer
