"""Write the study's report page."""

from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    from hessweep.outputs import load_study
    from hessweep.report import build
    from hessweep.running.receipts import Receipts, write_receipt

    study = load_study(job.params.study)
    receipt = Receipts(study).report_content()
    build(study, explored=Path(job.input.explored))
    write_receipt(Path(job.output.receipt), receipt)


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
