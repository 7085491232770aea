"""Compute what a sweep still lacks in the store, and write its receipt."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    from hessweep.cli.progress import ProgressDisplay
    from hessweep.running import run
    from hessweep.running.clusters import choose_cluster
    from hessweep.running.estimate import estimate
    from hessweep.running.receipts import Receipts
    from hessweep.running.requested import request
    from hessweep.running.signals import stop_on_signals
    from hessweep.sharing.study_files import keep
    from hessweep.study import read_study

    stops = stop_on_signals()
    threading.Thread(target=stop_with, args=(os.getppid(),), daemon=True).start()
    # The Snakefile has checked all of the study, and a sweep needs neither tables nor figures.
    study = read_study(job.params.study)
    name = job.wildcards.sweep
    points = request([study.sweeps[name]], study.results)
    cluster = choose_cluster(study.cluster)
    if told := estimate(points, study.results, cluster, job.threads):
        sys.stderr.write(f"{name}: {told}\n")
    with ProgressDisplay(name) as display:

        def report(state):
            if stops:
                raise KeyboardInterrupt
            display(state)

        summary = run(points, study.results, cluster, progress=report, cores=job.threads)
    if summary.failed:
        # The rest of the study is made all the same; the last rule fails because of it.
        sys.stderr.write(f"{name}: {summary.failed:,} of {summary.requested:,} points failed\n")
    if summary.computed:
        keep(study.results, Path(job.params.study), study)
    Receipts(study).write_sweep(name)


def stop_with(parent):
    """End this job when its parent process has ended, since a killed Snakemake does not."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
