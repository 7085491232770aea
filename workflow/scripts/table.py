"""Make one table from the published points, as CSV and Markdown."""

from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    import pandas as pd

    from hessweep.analysis import results_of
    from hessweep.errors import InputError
    from hessweep.outputs import load_study
    from hessweep.running.receipts import Receipts, write_receipt
    from hessweep.tables import make, to_markdown

    study = load_study(job.params.study)
    request = job.params.request
    receipt = Receipts(study).output_content("tables", job.wildcards.table)
    try:
        table = make(request["kind"], results_of(study, request["sweeps"]))
    except InputError as error:
        # The others and the report are made all the same; the last rule tells of it.
        table = pd.DataFrame({"not made": [str(error)]})
        receipt["error"] = str(error)
    table.to_csv(job.output.csv, index=False)
    Path(job.output.markdown).write_text(to_markdown(table, request["title"]), encoding="utf-8")
    write_receipt(Path(job.output.receipt), receipt)


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
