"""Object stores as processes of their own: moto's S3 server, in its own environment.

`make setup` installs the server (requirements/servers.txt) beside the development environment,
because botocore and the packages for clusters need different versions of one library.
"""

import hmac
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

SERVER = Path(sys.prefix, "servers", "bin", "python")

KEY, SECRET = "hessweeptestkeyid", "hessweeptestsecret"
"""Credentials that no output may contain."""

REGION = "us-east-1"

PATIENCE = 60

KIND = "HESSWEEP_TEST_STORE"
"""The environment variable that names the server of the tests: `moto` or `ceph`."""


def variables(endpoint: str, seconds: float = 60) -> dict[str, str]:
    """Return the environment of a client of the store at an endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_ALLOW_HTTP": "true",
        "HESSWEEP_STORE_SECONDS": str(seconds),
    }


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Start a server, and yield its endpoint; it forgets everything when it ends.

    Args:
        folder: For the server's log.
    """
    if os.environ.get(KIND, "moto") == "ceph":
        from ceph_store import serving_ceph

        with serving_ceph(folder) as endpoint:
            yield endpoint
        return
    assert SERVER.exists(), f"{SERVER} is missing: `make setup` installs the servers of the tests"
    port = free_port()
    command = [SERVER, "-c", "from moto.server import main; main()", "-H", "127.0.0.1"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, "-p", str(port)], stdout=log, stderr=log)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE
        while not answers(endpoint):
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield endpoint
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """Return a port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def answers(endpoint: str) -> bool:
    """Return whether a server answers at all."""
    try:
        urllib.request.urlopen(f"{endpoint}/moto-api/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def new_bucket(endpoint: str, *, public: bool = False) -> str:
    """Create a bucket, and return its address."""
    name = f"bucket-{secrets.token_hex(6)}"
    headers = {"x-amz-acl": "public-read"} if public else {}
    ask(f"{endpoint}/{name}", "PUT", headers=headers)
    return f"s3://{name}"


def ask(
    url: str, method: str = "GET", data: bytes = b"", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return what an S3 server answers to a request that is signed here, by no client's code."""
    headers = {"Content-Type": "application/octet-stream", **(headers or {})}
    request = urllib.request.Request(
        url, method=method, data=data if method == "PUT" else None,
        headers=headers | signature(url, method, data, headers),
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return bytes(answer.read())


def signature(url: str, method: str, data: bytes, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that sign a request: AWS Signature Version 4, from its description."""
    place = urllib.parse.urlsplit(url)
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    digest = sha256(data).hexdigest()
    ours = {"x-amz-date": now, "x-amz-content-sha256": digest}
    signed = {"host": place.netloc, **{name.lower(): v for name, v in headers.items()}, **ours}
    names = ";".join(sorted(signed))
    query = "&".join(sorted(place.query.split("&"))) if place.query else ""
    lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
    canonical = "\n".join([method, place.path, query, *lines, "", names, digest])
    scope = f"{now[:8]}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{SECRET}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    proof = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"Credential={KEY}/{scope},SignedHeaders={names},Signature={proof}"
    return {**ours, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}


def environment(endpoint: str, seconds: float = 60) -> dict[str, str]:
    """Return the environment of a process that uses the store."""
    return os.environ | variables(endpoint, seconds)


class Proxy:
    """A proxy before a store, which makes faults (`fault_proxy.py`)."""

    def __init__(self, endpoint: str, file: Path) -> None:
        self.endpoint = endpoint
        self.file = file

    def make(self, fault: str) -> None:
        """Make this fault from the next request on."""
        beside = self.file.with_suffix(".new")
        beside.write_text(fault)
        beside.replace(self.file)


@contextmanager
def proxying(endpoint: str, folder: Path, certificate: Path | None = None) -> Iterator[Proxy]:
    """Start a proxy before the store at an endpoint; it makes no fault yet.

    Args:
        endpoint: The store.
        folder: For the file by which faults are chosen.
        certificate: What the proxy shows as its certificate; it speaks no TLS if None.
    """
    file = folder / "fault"
    file.write_text("none")
    command = [sys.executable, Path(__file__).with_name("fault_proxy.py"), endpoint, file]
    command += [certificate] if certificate else []
    scheme = "https" if certificate else "http"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Proxy(f"{scheme}://127.0.0.1:{int(process.stdout.readline())}", file)
        finally:
            process.kill()
