"""A gateway that is not there, or is none. tests/cluster/ has a real one."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hessweep.errors import ClusterInputError, StudyError
from hessweep.running.clusters import cluster_client, gateway
from hessweep.study import GatewayCluster, parse_study


@contextmanager
def web_server(code: int, content: bytes, kind: str = "application/json") -> Iterator[str]:
    """Start a server that gives the same answer to all requests; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the terminal quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def refusal(address: str) -> str:
    with (
        pytest.raises(ClusterInputError) as told,
        cluster_client(GatewayCluster(address=address, workers=1)),
    ):
        pass
    return str(told.value)


@pytest.mark.parametrize(
    ("code", "content", "kind", "message"),
    [
        (200, b"{}", "application/json", "expected a Dask Gateway"),
        (200, b"[1]", "application/json", "expected a Dask Gateway"),
        (200, b'{"cluster_options": 3}', "application/json", "expected a Dask Gateway"),
        (200, b"<html>hello", "text/html", "expected a Dask Gateway"),
        (200, b"{", "application/json", "expected a Dask Gateway"),
        (404, b"<html>" + b"no page " * 1000, "text/html", "expected a Dask Gateway"),
        (500, b'{"error": "out of order"}', "application/json", "out of order"),
        (502, b"<html>bad gateway", "text/html", "502, message='Bad Gateway'"),
        (403, b"{}", "application/json", "refuses this user: 403 Forbidden"),
    ],
)
def test_other_servers_are_told_from_a_gateway(
    code: int, content: bytes, kind: str, message: str
) -> None:
    with web_server(code, content, kind) as address:
        told = refusal(address)
    assert message in told
    assert told.startswith(address)
    assert len(told) < 600


def test_a_server_that_does_not_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "ANSWER_SECONDS", 0.0)
    with web_server(200, b"{}") as address:
        assert "no Dask Gateway answers there (TimeoutError)" in refusal(address)


def test_an_address_where_nothing_answers() -> None:
    told = refusal("http://127.0.0.1:9")
    assert told.startswith("http://127.0.0.1:9: no Dask Gateway answers there")


def test_without_the_package_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_gateway", None)
    assert "pip install 'hessweep[gateway]'" in refusal("http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("address", "gateway.example.org"),
        ("address", "https://ada:sesame@gateway.example.org"),
        ("address", "https://gateway.example.org/?password=sesame"),
        ("proxy_address", "gateway.example.org"),
        ("workers", 0),
        ("auth", "password"),
        ("options", {"cores": [1]}),
        ("patience", 0),
    ],
)
def test_wrong_sections_are_refused(key: str, value: object) -> None:
    section = {"kind": "gateway", "address": "https://a.org", "workers": 1, key: value}
    sweeps = {"a": {"activation": "erf", "N": 2, "seeds": 1}}
    with pytest.raises(StudyError, match=rf"cluster\.{key}"):
        parse_study({"name": "a", "sweeps": sweeps, "cluster": section})
