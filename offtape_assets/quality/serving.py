"""The pages of the gates over HTTP on this machine, so that links from the Dagster UI open."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from offtape_assets.quality.data_docs import FOLDER
from offtape_assets.storage.store import LocalStore
from offtape_assets.storage.warehouse import Warehouse


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""


def serve_pages(warehouse: Warehouse, url: str) -> ThreadingHTTPServer | None:
    """Serve the pages at `url` beside whatever else runs; None where that is not for us to do.

    A bucket serves its own pages, and so does whoever owns an address on another machine.

    Raises
    ------
    OSError
        If the port is taken.
    """
    address = urlsplit(url)
    here = address.hostname in ("127.0.0.1", "localhost")
    if not here or not isinstance(warehouse.store, LocalStore):
        return None
    folder = warehouse.store.url(FOLDER)
    server = ThreadingHTTPServer(
        (address.hostname or "", address.port or 80), partial(_Quiet, directory=folder)
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
