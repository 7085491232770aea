"""Object stores as processes of their own: moto's S3 server, in its own environment.

`make setup` installs the server (requirements/servers.txt) beside the development environment,
because botocore and the packages for clusters need different versions of one library.
"""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SERVER = Path(sys.prefix, "servers", "bin", "python")

KEY, SECRET = "hessweeptestkeyid", "hessweeptestsecret"
"""Credentials that no output may contain."""

PATIENCE = 60


def variables(endpoint: str, seconds: float = 60) -> dict[str, str]:
    """Return the environment of a client of the store at an endpoint."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
        "HESSWEEP_STORE_SECONDS": str(seconds),
    }


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Start a server, and yield its endpoint; it forgets everything when it ends.

    Args:
        folder: For the server's log.
    """
    assert SERVER.exists(), f"{SERVER} is missing: `make setup` installs the servers of the tests"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
    request = urllib.request.Request(f"{endpoint}/{name}", method="PUT", headers=headers)
    urllib.request.urlopen(request, timeout=PATIENCE).close()
    return f"s3://{name}"


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
def proxying(endpoint: str, folder: Path) -> Iterator[Proxy]:
    """Start a proxy before the store at an endpoint; it makes no fault yet."""
    file = folder / "fault"
    file.write_text("none")
    command = [sys.executable, Path(__file__).with_name("fault_proxy.py"), endpoint, file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Proxy(f"http://127.0.0.1:{int(process.stdout.readline())}", file)
        finally:
            process.kill()
