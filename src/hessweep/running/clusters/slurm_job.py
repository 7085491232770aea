"""The jobs of SLURM workers, without what must not be in SLURM's files."""

import shlex
from collections.abc import Sequence

from dask_jobqueue.slurm import SLURMJob


def job_without(variables: Sequence[str]) -> type[SLURMJob]:
    """Return the class of jobs that are submitted without these environment variables.

    SLURM keeps the environment of `sbatch` in files of its own, and gives it to the job.
    """
    unset = [word for name in variables for word in ("-u", name)]
    command = ["env", *unset, SLURMJob.submit_command] if unset else [SLURMJob.submit_command]

    class Job(SLURMJob):
        submit_command = shlex.join(command)

    return Job
