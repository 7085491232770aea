"""Make one figure from the published points: PNG, PDF, the plotted data and the caption."""

from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    from hessweep.analysis import results_of
    from hessweep.errors import InputError
    from hessweep.figures import make, make_without_data
    from hessweep.outputs import load_study
    from hessweep.running.receipts import Receipts, write_receipt

    study = load_study(job.params.study)
    request, stem = job.params.request, Path(job.output.png).with_suffix("")
    receipt = Receipts(study).output_content("figures", job.wildcards.figure)
    try:
        results = results_of(study, request["sweeps"])
        make(request["kind"], results, stem, request.get("file"), **request["options"])
    except InputError as error:
        # The others and the report are made all the same; the last rule tells of it.
        make_without_data(stem, str(error))
        receipt["error"] = str(error)
    write_receipt(Path(job.output.receipt), receipt)


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
