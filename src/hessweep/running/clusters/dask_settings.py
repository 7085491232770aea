"""Settings of Dask for driver, scheduler and workers, whatever kind of cluster they are of."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from hessweep.errors import InputError
from hessweep.running import worker_environment

PRELOAD = "distributed.nanny.preload"
"""Dask's setting of the modules that are loaded in the process that starts a worker."""

SETTINGS = {
    # With the defaults of 30 s, a network that fails for 30 s costs the workers for good.
    "distributed.comm.timeouts.tcp": "120s",
    "distributed.comm.timeouts.connect": "60s",
    "distributed.scheduler.allowed-failures": 1,
    # What Dask measures of itself for its dashboard takes a tenth of a core beside two workers.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "200ms",
    "distributed.admin.system-monitor.interval": "2s",
}


DASHBOARD = "hessweep.dashboard"
"""Our own setting of Dask: whether a cluster on this machine shows Dask's dashboard."""


@contextmanager
def with_dashboard(wanted: bool) -> Iterator[None]:
    """Let clusters that are started within the block show Dask's dashboard, on loopback.

    Raises:
        InputError: If what Dask needs for it is not installed.
    """
    if wanted and find_spec("bokeh") is None:
        raise InputError(
            "Dask's dashboard needs the package bokeh: `pip install bokeh`, or leave --dashboard "
            "out; `hessweep watch` shows progress without it"
        )
    import dask

    with dask.config.set({DASHBOARD: wanted}):
        yield


def wants_dashboard() -> bool:
    """Return whether the dashboard is wanted."""
    import dask

    return bool(dask.config.get(DASHBOARD, default=False))


def dask_settings() -> dict[str, Any]:
    """Return the settings, with our preload module added to those that the user has set."""
    import dask

    preloads = dask.config.get(PRELOAD, default=[])
    preloads = [preloads] if isinstance(preloads, str) else list(preloads)
    ours = worker_environment.__name__
    return SETTINGS | {PRELOAD: preloads if ours in preloads else [*preloads, ours]}


def dask_variables() -> dict[str, str]:
    """Return the environment variables from which Dask reads these settings, elsewhere."""
    return {
        f"DASK_{key.replace('.', '__').replace('-', '_').upper()}": str(value)
        for key, value in dask_settings().items()
    }
