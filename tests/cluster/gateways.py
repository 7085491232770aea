"""A real Dask Gateway on loopback, whose clusters are processes of this machine."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dask_gateway import Gateway
from dask_gateway.auth import BasicAuth

PASSWORD = "open: sesame"  # noqa: S105  # of a gateway that ends with the test

CONFIGURATION = """
import os
import sys
from dask_gateway_server.options import Integer, Options, String

c.DaskGateway.backend_class = "dask_gateway_server.backends.local.UnsafeLocalBackend"
c.DaskGateway.address = "127.0.0.1:{private}"
c.Proxy.address = "127.0.0.1:{public}"
c.DaskGateway.authenticator_class = "dask_gateway_server.auth.SimpleAuthenticator"
c.SimpleAuthenticator.password = {password!r}
c.UnsafeLocalBackend.clusters_directory = {clusters!r}
c.UnsafeLocalBackend.sigint_timeout = 2
c.ClusterConfig.cluster_max_workers = 3
# Dask has no commands of the names that the gateway calls by default any more.
c.ClusterConfig.scheduler_cmd = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
WORKER = [sys.executable, "-m", "distributed.cli.dask_worker"]

def configuration(options):
    # Workers that see an empty folder where the driver's is: as on another machine.
    hide = ["unshare", "--mount", "sh", "-c",
            'mount -t tmpfs none "$0" && exec "$@"', options.hidden]
    return {{
        "worker_threads": options.worker_threads,
        "worker_cmd": [*(hide if options.hidden else []), *WORKER],
        "environment": {{"PYTHONPATH": options.python_path}} if options.python_path else {{}},
    }}

# What a machine says to OpenBLAS decides the last bits, here as in local runs.
c.UnsafeLocalBackend.inherited_environment = [
    "PATH", *(name for name in os.environ if name.startswith("OPENBLAS_"))
]
c.Backend.cluster_options = Options(
    Integer("worker_threads", default=1, min=1, max=2),
    String("hidden", default=""),
    String("python_path", default={python_path!r}),
    handler=configuration,
)
"""
"""Workers inherit few variables; the rest of what they need comes from the driver."""


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that runs."""

    address: str
    folder: Path

    def clusters(self) -> list[str]:
        """Return the names of the clusters that it has not stopped."""
        return asyncio.run(self._ask(lambda gateway: gateway.list_clusters(), names=True))

    def stop(self, name: str) -> None:
        """Stop a cluster, as its administrator may."""
        asyncio.run(self._ask(lambda gateway: gateway.stop_cluster(name)))

    async def _ask(self, question, *, names=False):
        auth = BasicAuth("ada", PASSWORD)
        async with Gateway(self.address, auth=auth, asynchronous=True) as gateway:
            answer = await question(gateway)
        return [report.name for report in answer] if names else answer

    def variables(self, password: str = PASSWORD) -> dict[str, str]:
        """Return the environment of a user who knows this password."""
        kwargs = "DASK_GATEWAY__AUTH__KWARGS__"
        return {**os.environ, f"{kwargs}USERNAME": "ada", f"{kwargs}PASSWORD": password}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def running_gateway(folder: Path) -> Iterator[RunningGateway]:
    """Start a gateway, and stop it with all of its clusters."""
    (folder / "clusters").mkdir()
    public = free_port()
    text = CONFIGURATION.format(
        private=free_port(), public=public, password=PASSWORD, clusters=str(folder / "clusters"),
        python_path=os.environ.get("PYTHONPATH", ""),
    )  # fmt: skip
    (folder / "config.py").write_text(text)
    command = [sys.executable, "-m", "dask_gateway_server", "-f", "config.py"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
    try:
        address = f"http://127.0.0.1:{public}"
        wait_for_answer(f"{address}/api/version", server, folder)
        yield RunningGateway(address, folder)
    finally:
        server.terminate()
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def wait_for_answer(url: str, server: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 60
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            log = (folder / "server.log").read_text()
            assert server.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.1)
