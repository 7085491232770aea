"""Workers that are submitted to SLURM as jobs, with a scheduler in this process."""

import shlex
import shutil
import subprocess
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hessweep.errors import ClusterError
from hessweep.running.capacity import Capacity
from hessweep.running.clusters.dask_settings import dask_variables
from hessweep.running.clusters.key_files import key_folder
from hessweep.store.files import accessing
from hessweep.study import SlurmCluster

if TYPE_CHECKING:
    from distributed import Client

    from hessweep.setup import Point


def plan(config: SlurmCluster, points: Collection["Point"], cores: int | None) -> Capacity:
    """Return the workers of all jobs together: one worker for each core of a job."""
    return Capacity(workers=config.jobs * config.cores, memory=config.memory // config.cores)


@contextmanager
def open_client(
    config: SlurmCluster, capacity: Capacity | None, shared: Path
) -> Iterator["Client"]:
    """Start a scheduler here and submit its workers to SLURM; see `ClusterKind`."""
    from dask_jobqueue.slurm import SLURMCluster
    from distributed import Client

    if shutil.which("sbatch") is None:
        raise ClusterError(
            "cluster.kind is slurm, but there is no sbatch here: run this on a login node, or "
            "choose another cluster with --cluster"
        )
    folder = (config.folder or shared / "slurm").absolute()
    with ExitStack() as stack:
        with accessing(folder, "keep what SLURM jobs write in"):
            folder.mkdir(parents=True, exist_ok=True)
            keys = stack.enter_context(key_folder(folder))
        try:
            cluster = stack.enter_context(SLURMCluster(**slurm_arguments(config, folder, keys)))
        except (OSError, ValueError, RuntimeError) as error:
            raise ClusterError(
                f"the scheduler for SLURM's jobs can not start: {' '.join(str(error).split())}; "
                "cluster.interface is the network that this machine and the jobs share"
            ) from error
        _check_accepted(cluster.job_script(), folder)
        client = stack.enter_context(Client(cluster))
        # adapt, and not scale: a job that is cancelled or ends is then replaced.
        cluster.adapt(
            minimum_jobs=config.jobs, maximum_jobs=config.jobs, interval="1s", wait_count=3
        )
        yield client


def _check_accepted(script: str, folder: Path) -> None:
    """Raise unless SLURM would accept such a job; the driver would wait for ever for refused jobs.

    Raises:
        ClusterError: With what sbatch says.
    """
    path = folder / "test-only.sh"
    with accessing(path, "write a SLURM job to"):
        path.write_text(script, encoding="utf-8")
        command = ["sbatch", "--test-only", str(path)]  # the same sbatch that dask_jobqueue calls
        tried = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        path.unlink()
    if tried.returncode:
        raise ClusterError(
            f"SLURM refuses the workers' jobs: {' '.join(tried.stderr.split())}; see queue, "
            "account, walltime, memory, cores and directives in the study's cluster section"
        )


def slurm_arguments(config: SlurmCluster, folder: Path, keys: Path) -> dict[str, Any]:
    """Return the arguments for `dask_jobqueue.SLURMCluster`.

    Args:
        config: The study's cluster section.
        folder: Where jobs write their logs and temporary data.
        keys: Where to write the credentials of the run, for the jobs to read.
    """
    from hessweep.running.clusters.slurm_job import job_without
    from hessweep.running.credentials import credentials_in

    # A job starts from a shell of its own, so that settings reach it by its environment.
    exports = [f"export {name}={shlex.quote(value)}" for name, value in dask_variables().items()]
    return {
        "job_cls": job_without(config.environment),
        "queue": config.queue,
        "account": config.account,
        "cores": config.cores,
        "processes": config.cores,
        "memory": f"{config.memory} B",
        "walltime": config.walltime,
        "interface": config.interface,
        "security": credentials_in(keys),
        "local_directory": str(folder),
        "log_directory": str(folder),
        "scheduler_options": {"dashboard_address": "127.0.0.1:0", "interface": config.interface},
        "worker_extra_args": ["--dashboard-address", "127.0.0.1:0"],
        "death_timeout": 120,
        "job_script_prologue": [*config.prologue, *exports],
        "job_extra_directives": list(config.directives),
        "silence_logs": "CRITICAL",
    }
