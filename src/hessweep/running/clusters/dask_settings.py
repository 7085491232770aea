"""Settings of Dask for driver, scheduler and workers, whatever kind of cluster they are of."""

from typing import Any

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
