"""A web server of a folder that sends parts of files, and logs what it was asked for.

Usage: server.py FOLDER LOG MODE [CERTIFICATE], where MODE is `ranges`, `whole` (it ignores that a
part was asked for) or `broken` (it answers 503 to every request for a chunk). It prints its port.
With a certificate it speaks TLS.
"""

import http.server
import re
import sys
from pathlib import Path

# A script sees the modules of its own folder alone.
sys.path.insert(0, str(Path(__file__).parents[1]))
from certificates import encrypt

FOLDER, LOG, MODE = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        asked = self.headers.get("Range", "")
        with LOG.open("a") as log:
            log.write(f"{self.command} {self.path} {asked}\n")
        path = FOLDER / self.path.lstrip("/")
        if MODE == "broken" and re.search(r"/c[./]\d", self.path):
            return self.send(503, b"", with_body)
        if not path.is_file():
            return self.send(404, b"", with_body)
        content = path.read_bytes()
        part = re.fullmatch(r"bytes=(\d*)-(\d*)", asked)
        if not part or MODE == "whole":
            return self.send(200, content, with_body)
        if part[1]:
            start, end = int(part[1]), int(part[2] or len(content) - 1)
        else:  # The last so many bytes.
            start, end = max(len(content) - int(part[2]), 0), len(content) - 1
        self.extra = f"bytes {start}-{min(end, len(content) - 1)}/{len(content)}"
        return self.send(206, content[start : end + 1], with_body)

    def send(self, code: int, content: bytes, with_body: bool) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        if MODE != "whole":
            self.send_header("Accept-Ranges", "bytes")
        if code == 206:
            self.send_header("Content-Range", self.extra)
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep the terminal quiet."""


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    for certificate in sys.argv[4:]:
        encrypt(server, certificate)
    print(server.server_port, flush=True)  # noqa: T201
    server.serve_forever()
