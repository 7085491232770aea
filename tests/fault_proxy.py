"""A proxy between hessweep and an object store that makes the faults of real ones.

Faults are chosen by writing a line into a file, which the proxy reads before each request:
`none`; `slow SECONDS`; `503 N` (every N-th request answers 503); `drop N` (every N-th connection
is cut before the answer), `lose N` (every N-th request reaches the store and its answer is cut);
`hang` (no answer at all); `403 CODE` (all requests answer 403 with that code of an error);
`put403 CODE` (PUT alone does); `without HEADER` (requests reach the store without it). Run as
`python proxy.py ENDPOINT FILE [CERTIFICATE]`; prints its port. With a certificate it speaks TLS.
"""

import http.client
import itertools
import socket
import sys
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from certificates import encrypt

ENDPOINT, FAULT = sys.argv[1], Path(sys.argv[2])
COUNT = itertools.count(1)
SECRETS = "AWSAccessKeyId hessweeptestkeyid StringToSign hessweeptestsecret"

KEPT = (
    "etag", "content-type", "content-range", "last-modified", "accept-ranges", "content-encoding"
)  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind, _, rest = FAULT.read_text().strip().partition(" ")
        number = next(COUNT)
        every = kind in ("503", "drop", "lose") and number % int(rest) == 0
        if kind == "slow":
            time.sleep(float(rest))
        if kind == "hang":
            time.sleep(3600)
        if kind == "503" and every:
            return self.refuse(503, "SlowDown")
        if kind == "403" or (kind == "put403" and self.command == "PUT"):
            return self.refuse(403, rest)
        if kind == "drop" and every:
            return self.cut()
        if kind == "without":
            del self.headers[rest]
        status, headers, content = self.forward(body)
        if kind == "lose" and every:
            return self.cut()
        self.send_response(status)
        for name, value in headers:
            if name.lower() in KEPT or name.lower().startswith("x-amz"):
                self.send_header(name, value)
        length = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
        return None

    do_PUT = do_HEAD = do_DELETE = do_POST = do_GET

    def forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        place = urllib.parse.urlsplit(ENDPOINT)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def refuse(self, status: int, code: str) -> None:
        """Answer as S3 does: with the key's identifier and what was signed in the text."""
        text = f"<Error><Code>{code}</Code><Message>no</Message><X>{SECRETS}</X></Error>".encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def cut(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    for certificate in sys.argv[3:]:
        encrypt(server, certificate)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
