"""Shows the page to this machine: on loopback only, and only to who has the address.

The address has a random token, since other users of the machine reach its loopback, too. A page of
another site that a browser shows could reach it by a name that leads to 127.0.0.1; so requests
that name another host are refused.
"""

import secrets
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hessweep.errors import InputError
from hessweep.watching.page import frame
from hessweep.watching.watcher import Watcher

LOOPBACK = "127.0.0.1"

HOSTS = (LOOPBACK, "localhost")
"""What a request may name as its host."""

SLOW_SECONDS = 20
"""A connection that says nothing for so long is closed."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class WatchServer(ThreadingHTTPServer):
    """Serves one watcher's page below its token."""

    daemon_threads = True
    block_on_close = False
    # Otherwise a port can not be used for a minute after its server has ended.
    allow_reuse_address = True

    def __init__(self, watcher: Watcher, port: int = 0) -> None:
        """Listen, on a free port if none is given.

        Raises:
            InputError: If the port is taken, or not allowed.
        """
        self.watcher = watcher
        self.token = secrets.token_urlsafe(24)
        try:
            super().__init__((LOOPBACK, port), _Handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"port {port} can not be used ({reason}); name another, or leave --port out to "
                "get a free one"
            ) from None

    @property
    def address(self) -> str:
        """The address of the page, token included."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away in the middle of an answer."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: WatchServer
    server_version = "hessweep"
    sys_version = ""
    timeout = SLOW_SECONDS

    def do_GET(self) -> None:
        """Answer with the page, with its content alone, or with a refusal."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Answer without the content."""
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        # A tunnel may have another port at its beginning.
        name = self.headers.get("Host", "").rpartition(":")[0]
        # Compared in a time that says nothing about the token.
        _, token, *rest = [*self.path.partition("?")[0].split("/"), ""]
        known = secrets.compare_digest(token.encode(), self.server.token.encode())
        pages: dict[str, Callable[[], tuple[str, str]]] = {"": self._page, "now": self._now}
        asked = "/".join(rest[:-1])
        if name not in HOSTS:
            self._send(403, "This page is for 127.0.0.1 and localhost only.\n", "", with_content)
        elif not known or asked not in pages:
            self._send(404, "Nothing is here: the address has a token.\n", "", with_content)
        else:
            self._send(200, *pages[asked](), with_content)

    def _page(self) -> tuple[str, str]:
        watcher = self.server.watcher
        return frame(watcher.name, watcher.now(), watcher.refresh)

    def _now(self) -> tuple[str, str]:
        return self.server.watcher.now(), "default-src 'none'"

    def _send(self, status: int, text: str, policy: str, with_content: bool) -> None:
        body = text.encode()
        kind = "html" if policy else "plain"
        self.send_response(status)
        self.send_header("Content-Type", f"text/{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if policy:
            self.send_header("Content-Security-Policy", policy)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        if with_content:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep no log: it would hold the token."""
