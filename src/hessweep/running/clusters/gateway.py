"""A cluster that a Dask Gateway starts for this run.

The gateway's server starts the scheduler and the workers, on machines that it knows. They need not
share a folder with the driver. All connections between them, and those of the driver, use TLS with
credentials that the gateway makes for the cluster.
"""

import asyncio
import time
import warnings
from collections.abc import Awaitable, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hessweep.errors import ClusterError, ClusterInputError, HessweepError, shortened
from hessweep.running.capacity import Capacity
from hessweep.running.clusters.address import CONNECT_SECONDS
from hessweep.running.clusters.first_worker import wait_for_worker
from hessweep.running.signals import postpone_stop
from hessweep.study import GatewayCluster

if TYPE_CHECKING:
    from dask_gateway import Gateway
    from dask_gateway.client import ClusterReport
    from distributed import Client

    from hessweep.setup import Point

POLL_SECONDS = 0.5
ANSWER_SECONDS = 60.0
"""How long the gateway may take to answer a request."""

PASSWORD = {
    "basic": "set DASK_GATEWAY__AUTH__KWARGS__USERNAME and DASK_GATEWAY__AUTH__KWARGS__PASSWORD",
    "jupyterhub": "set JUPYTERHUB_API_TOKEN to a token of yours",
    "kerberos": "get a ticket with kinit",
}
"""Where the credentials of each way to log in come from."""

Answer = TypeVar("Answer")


def plan(
    config: GatewayCluster, points: Collection["Point"], cores: int | None
) -> Capacity | None:
    """Return None: only the gateway knows the memory of its workers."""
    return None


@contextmanager
def open_client(
    config: GatewayCluster, capacity: Capacity | None, shared: Path
) -> Iterator["Client"]:
    """Have the gateway start a cluster, and stop it at the end; see `ClusterKind`."""
    from distributed import Client

    from hessweep.running.clusters.worker_plugins import WorkerVariables

    server = Server(config)
    offered = _offered_options(server)
    with ExitStack() as stack:
        # A signal that comes while the gateway answers takes effect when its answer is here:
        # from then on, the stack stops the cluster.
        with postpone_stop():
            name = _submit(server, config, offered)
            stack.callback(_stop, server, name)
        report = _wait_for_scheduler(server, config, name)
        try:
            client = Client(
                report.scheduler_address,
                security=report.security,
                timeout=CONNECT_SECONDS,
                set_as_default=False,
            )
        except (OSError, ValueError) as error:
            raise ClusterInputError(
                f"the gateway has started a scheduler, but it does not answer at "
                f"{report.scheduler_address} ({_words(error)}): cluster.proxy_address says where "
                "the gateway passes connections on to schedulers"
            ) from error
        stack.enter_context(client)
        client.register_plugin(WorkerVariables())
        _scale(server, config, name)

        def check() -> None:
            _check_running(server.ask(lambda gateway: gateway.get_cluster(name)))

        wait_for_worker(
            client,
            config.patience,
            "the gateway may have no room for workers, or they fail when they start; its "
            "administrators see the logs. cluster.patience says how many seconds to wait",
            check,
        )
        yield client


class Refusal(ClusterInputError):
    """What the gateway says when it does not do what it is asked for."""


class Server:
    """The gateway's server, asked over HTTP."""

    def __init__(self, config: GatewayCluster) -> None:
        self.config = config

    def ask(self, question: "Callable[[Gateway], Awaitable[Answer]]") -> Answer:
        """Return the answer to a request.

        Raises:
            ClusterInputError: If nothing answers, or it is no gateway, or it refuses this user.
            Refusal: If the gateway refuses the request itself.
        """
        # In a thread of its own, because a notebook runs a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, self._answer(question)).result()

    async def _answer(self, question: "Callable[[Gateway], Awaitable[Answer]]") -> Answer:
        import aiohttp

        refusals = _refusals()
        try:
            # Not the synchronous one: it fails when it is collected after it was closed.
            async with asyncio.timeout(ANSWER_SECONDS), self._gateway() as gateway:
                return await question(gateway)
        except HessweepError:
            raise
        except refusals as error:
            raise Refusal(_words(error)) from None
        except aiohttp.ClientResponseError as error:
            if error.status in (401, 403):
                raise ClusterInputError(
                    f"{self.config.address}: the gateway refuses this user: {error.status} "
                    f"{error.message}; {self._advice()}"
                ) from None
            raise ClusterInputError(_no_gateway(self.config, error)) from None
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ClusterInputError(
                f"{self.config.address}: no Dask Gateway answers there ({_words(error)}); is "
                "cluster.address right, and is a proxy in the way (HTTPS_PROXY)?"
            ) from None

    def _gateway(self) -> "Gateway":
        from dask_gateway import Gateway

        try:
            gateway = Gateway(
                self.config.address,
                proxy_address=self.config.proxy_address,
                auth=self.config.auth,
                asynchronous=True,
            )
        # A template of Dask's configuration, an unknown way to log in, or a missing token.
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError) as error:
            raise ClusterInputError(
                f"{self.config.address}: the gateway section of Dask's configuration can not be "
                f"used ({_words(error)}); {self._advice()}"
            ) from None
        for name in ("username", "password", "api_token"):
            if not isinstance(getattr(gateway.auth, name, ""), str):
                raise ClusterInputError(
                    f"{self.config.address}: Dask reads gateway.auth.kwargs.{name} of its "
                    "configuration as a number: write it in quotes, within a variable too, as in "
                    "PASSWORD='\"1234\"'"
                )
        return gateway

    def _advice(self) -> str:
        from dask import config

        way = self.config.auth or str(config.get("gateway.auth.type", "basic"))
        told = PASSWORD.get(way, "see Dask's configuration")
        return f"cluster.auth is {way}: {told}"


def _refusals() -> tuple[type[Exception], ...]:
    """Return the errors that the gateway's client raises for what the gateway refuses."""
    try:
        from dask_gateway import GatewayClusterError, GatewayServerError
    except ImportError as error:
        raise ClusterInputError(
            f"cluster.kind is gateway, which needs dask-gateway ({_words(error)}): "
            "pip install 'hessweep[gateway]'"
        ) from None
    return GatewayClusterError, GatewayServerError, ValueError


def _offered_options(server: Server) -> list[str]:
    """Return the names of the options that the gateway lets this user choose."""
    try:
        options = server.ask(lambda gateway: gateway.cluster_options(use_local_defaults=False))
    except (Refusal, LookupError, TypeError, AttributeError) as error:  # of other servers
        raise ClusterInputError(_no_gateway(server.config, error)) from None
    return sorted(options)


def _no_gateway(config: GatewayCluster, answer: Exception) -> str:
    return (
        f"{config.address}: expected a Dask Gateway, got the answer {_words(answer)!r}; is "
        "cluster.address right?"
    )


def _words(error: object) -> str:
    """Return the text of an error in one line, or what kind of error it is if it has none."""
    return shortened(" ".join(str(error).split()) or type(error).__name__, 300)


def _submit(server: Server, config: GatewayCluster, offered: list[str]) -> str:
    """Have the gateway start a cluster, and return its name."""
    options: dict[str, Any] = dict(config.options)
    try:
        return server.ask(lambda gateway: gateway.submit(**options))
    except Refusal as error:
        offers = f"it offers {', '.join(offered)}" if offered else "it offers no options"
        raise ClusterInputError(
            f"{config.address}: the gateway refuses to start a cluster: {_words(error)}; {offers} "
            "(cluster.options in the study, or gateway.cluster.options of Dask's configuration)"
        ) from None


def _wait_for_scheduler(server: Server, config: GatewayCluster, name: str) -> "ClusterReport":
    end = time.monotonic() + config.patience
    while True:
        report = server.ask(lambda gateway: gateway.get_cluster(name))
        _check_running(report)
        if report.scheduler_address is not None and report.security is not None:
            return report
        if time.monotonic() > end:
            raise ClusterError(
                f"the gateway's cluster {name} has not started within {config.patience} s; "
                "cluster.patience says how many seconds to wait"
            )
        time.sleep(POLL_SECONDS)


def _check_running(report: "ClusterReport") -> None:
    from dask_gateway.client import ClusterStatus

    if report.status not in (ClusterStatus.PENDING, ClusterStatus.RUNNING):
        raise ClusterError(
            f"the gateway's cluster {report.name} is {report.status.name.lower()}: its scheduler "
            "or its workers can not start, or someone has stopped it; the gateway's "
            "administrators see the logs. Do its machines have hessweep and its dependencies?"
        )


def _scale(server: Server, config: GatewayCluster, name: str) -> None:
    """Ask for the workers.

    Raises:
        ClusterInputError: If the gateway does not give this user that many.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            server.ask(lambda gateway: gateway.scale_cluster(name, config.workers))
        except Refusal as error:
            raise ClusterError(f"the gateway can not start workers: {_words(error)}") from None
    limits = [_words(warning.message) for warning in told if "limit" in str(warning.message)]
    if limits:
        raise ClusterInputError(
            f"{config.address}: the gateway does not give {config.workers} workers: "
            f"{' '.join(limits)} Ask for fewer with cluster.workers"
        )


def _stop(server: Server, name: str) -> None:
    """Have the gateway stop the cluster; this is tried once, and a failure is told."""
    try:
        server.ask(lambda gateway: gateway.stop_cluster(name))
    except HessweepError as error:
        warnings.warn(
            f"the gateway could not be asked to stop its cluster {name}, which goes on to use "
            f"machines: stop it by hand. {error}",
            stacklevel=2,
        )
