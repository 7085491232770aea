"""Where points are computed: a Dask client on this machine, on a running cluster, or on SLURM.

A Dask scheduler runs any code that reaches it. So a local one listens on loopback only, one that
listens on a network uses TLS with credentials made for the run, and dashboards stay on loopback.
"""

import gc
import json
import logging
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hessweep.errors import ClusterError
from hessweep.running import worker_environment
from hessweep.running.capacity import planned_memory, planned_workers
from hessweep.store.files import accessing
from hessweep.study import (
    AddressCluster,
    ClusterConfig,
    FileCluster,
    LocalCluster,
    SlurmCluster,
)

if TYPE_CHECKING:
    from distributed import Client
    from distributed import LocalCluster as DaskLocalCluster

VARIABLES = ("HESSWEEP_CLUSTER", "DASK_SCHEDULER_ADDRESS")
"""Environment variables that say where to run, over the study and under the command line."""

CONNECT_SECONDS = 20
"""How long a scheduler may take to answer, and its first worker to be there."""

SETTINGS = {
    # With the defaults of 30 s a network that is gone for 30 s costs the workers for good.
    "distributed.comm.timeouts.tcp": "120s",
    "distributed.comm.timeouts.connect": "60s",
    "distributed.scheduler.allowed-failures": 1,
    # What Dask measures of itself for a dashboard: a tenth of a core, beside two that compute.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "200ms",
    "distributed.admin.system-monitor.interval": "2s",
}

PRELOAD = "distributed.nanny.preload"
"""Dask's setting of the modules that are loaded in the process that starts a worker."""


def choose_cluster(
    study: ClusterConfig, asked: str | None = None, environment: Mapping[str, str] = os.environ
) -> ClusterConfig:
    """Return where to run: what was asked, else what the environment says, else the study's.

    Args:
        study: The study's `cluster` section.
        asked: `local`, the address of a scheduler, or the path of a scheduler file.
        environment: Where `VARIABLES` are looked up.

    Raises:
        ClusterError: If what was asked is none of these.
    """
    given = [asked, *(environment.get(name) for name in VARIABLES)]
    text = next((text for text in given if text), None)
    if text is None:
        return study
    if text == "local":
        return study if isinstance(study, LocalCluster) else LocalCluster()
    if "://" not in text:
        return FileCluster(path=Path(text))
    try:
        return AddressCluster(address=text)
    except ValueError:
        raise ClusterError(
            f"{text}: expected local, an address such as tcp://10.0.0.1:8786, or the path of a "
            "scheduler file"
        ) from None


@contextmanager
def cluster_client(config: ClusterConfig, shared: Path | None = None) -> Iterator["Client"]:
    """Start or join a cluster, and give it back at the end.

    Args:
        config: Which one.
        shared: A folder that driver and workers share, for what SLURM jobs write; the current
            folder if None.

    Raises:
        ClusterError: If the cluster can not be reached or started, or has no worker.
    """
    import dask
    import distributed  # noqa: F401  # whose defaults else would be added, and lost, below

    # Losing and closing connections is what workers do at the end; the sweep reports the rest.
    logger = logging.getLogger("distributed")
    level = logger.level
    with dask.config.set(SETTINGS | {PRELOAD: _preloads()}):
        logger.setLevel(logging.CRITICAL)
        try:
            if isinstance(config, LocalCluster):
                with _local(config) as client:
                    yield client
            elif isinstance(config, SlurmCluster):
                with _slurm(config, Path(shared or ".").absolute()) as client:
                    yield client
            else:
                with _running(config) as client:
                    yield client
        finally:
            logger.setLevel(level)


def _preloads() -> list[str]:
    import dask

    there = dask.config.get(PRELOAD, default=[])
    there = [there] if isinstance(there, str) else list(there)
    return there if worker_environment.__name__ in there else [*there, worker_environment.__name__]


@contextmanager
def _local(config: LocalCluster) -> Iterator["Client"]:
    from distributed import Client

    with _environment_restored(), ExitStack() as stack:
        # A Ctrl-C that came meanwhile is raised when the block ends: from then on the stack
        # closes the cluster.
        with _interrupts_for_us_alone():
            cluster = stack.enter_context(_started(config))
        yield stack.enter_context(Client(cluster))


@contextmanager
def _environment_restored() -> Iterator[None]:
    """Take back what Dask puts into this process's environment for its workers to inherit."""
    import dask

    dasks = dask.config.get("distributed.nanny.pre-spawn-environ")
    names = {*dasks, "PYTHONHASHSEED", *worker_environment.MALLOC, worker_environment.OPENBLAS}
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _started(config: LocalCluster) -> "DaskLocalCluster":
    from distributed import LocalCluster as DaskLocalCluster

    # Processes with a nanny each: a point that kills its process costs a restart, not the run.
    # The nanny sets one BLAS thread a worker before numpy is imported.
    return DaskLocalCluster(
        n_workers=planned_workers(config),
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        memory_limit=planned_memory(config),
        dashboard_address="127.0.0.1:0",
        scheduler_kwargs={"dashboard": False},
        silence_logs=logging.CRITICAL,
    )


@contextmanager
def _interrupts_for_us_alone() -> Iterator[None]:
    """Block Ctrl-C for the threads and processes that are started here, for good.

    A terminal sends it to the workers, too; ours are ended in order by the driver instead.
    Those that restart a worker are started from a thread that was started here.
    """
    resource_tracker.ensure_running()  # which else starts with the first worker, and unblocks
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _running(config: AddressCluster | FileCluster) -> Iterator["Client"]:
    from distributed import Client

    if isinstance(config, FileCluster):
        address, name = _address_in(config.path), str(config.path)
    else:
        address = name = config.address
    client, reason = None, ""
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}"
    if client is None:
        # The half-made client closes itself when it is collected; left to chance, that can
        # happen in the thread of the next client, which then waits for itself.
        gc.collect()
        raise ClusterError(
            f"{name}: no Dask scheduler answers there within {CONNECT_SECONDS} s ({reason}); is "
            "it running, and are its TLS files set in Dask's configuration if it uses TLS?"
        )
    with client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        except TimeoutError:
            raise ClusterError(
                f"{name}: the scheduler has no worker, and none came within {CONNECT_SECONDS} s; "
                f"start one with `dask worker {address}`"
            ) from None
        yield client


def _address_in(path: Path) -> str:
    # Client waits for ever for a scheduler file that is not there.
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except OSError as error:
        raise ClusterError(
            f"{path}: can not read the scheduler file: {error.strerror}; it is what "
            "`dask scheduler --scheduler-file` writes"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise ClusterError(
            f"{path}: expected a scheduler file, JSON with the key address, as "
            "`dask scheduler --scheduler-file` writes it"
        ) from None


@contextmanager
def _slurm(config: SlurmCluster, shared: Path) -> Iterator["Client"]:
    from dask_jobqueue.slurm import SLURMCluster
    from distributed import Client

    if shutil.which("sbatch") is None:
        raise ClusterError(
            "cluster.kind is slurm, but there is no sbatch here: run this on a login node, or "
            "choose another cluster with --cluster"
        )
    folder = (config.folder or shared / "slurm").absolute()
    with accessing(folder, "keep what SLURM jobs write in"):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(SLURMCluster(**slurm_arguments(config, folder)))
        except (OSError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"the scheduler for SLURM's jobs can not start: {' '.join(str(error).split())}; "
                "cluster.interface is the network that this machine and the jobs share"
            ) from error
        _check_accepted(cluster.job_script(), folder)
        client = stack.enter_context(Client(cluster))
        # adapt, not scale: a job that is cancelled or ends is replaced.
        cluster.adapt(
            minimum_jobs=config.jobs, maximum_jobs=config.jobs, interval="1s", wait_count=3
        )
        yield client


def _check_accepted(script: str, folder: Path) -> None:
    """Raise unless SLURM would take such a job: refused later, jobs are waited for for ever.

    Raises:
        ClusterError: With what sbatch says.
    """
    path = folder / "test-only.sh"
    with accessing(path, "write a SLURM job to"):
        path.write_text(script, encoding="utf-8")
        command = ["sbatch", "--test-only", str(path)]  # the one that dask_jobqueue will call
        tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        path.unlink()
    if tried.returncode:
        raise ClusterError(
            f"SLURM refuses the workers' jobs: {' '.join(tried.stderr.split())}; see queue, "
            "account, walltime, memory, cores and directives in the study's cluster section"
        )


def slurm_arguments(config: SlurmCluster, folder: Path) -> dict[str, Any]:
    """Return what `dask_jobqueue.SLURMCluster` is made with."""
    from distributed.security import Security

    # Jobs start from a shell of their own: settings reach them by the environment.
    settings = SETTINGS | {PRELOAD: _preloads()}
    exports = [
        f"export DASK_{key.replace('.', '__').replace('-', '_').upper()}={shlex.quote(str(value))}"
        for key, value in settings.items()
    ]
    return {
        "queue": config.queue,
        "account": config.account,
        "cores": config.cores,
        "processes": config.cores,
        "memory": f"{config.memory} B",
        "walltime": config.walltime,
        "interface": config.interface,
        "security": Security.temporary(),
        "shared_temp_directory": str(folder),
        "local_directory": str(folder),
        "log_directory": str(folder),
        "scheduler_options": {"dashboard_address": "127.0.0.1:0", "interface": config.interface},
        "worker_extra_args": ["--dashboard-address", "127.0.0.1:0"],
        "death_timeout": 120,
        "job_script_prologue": [*config.prologue, *exports],
        "job_extra_directives": list(config.directives),
        "silence_logs": "CRITICAL",
    }
