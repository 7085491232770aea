"""Sum up the spectra for the explorer of the report page."""

from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    from hessweep.outputs import load_study
    from hessweep.report import explorer

    explorer.write(Path(job.output.summed), load_study(job.params.study))


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
