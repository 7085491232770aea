"""Make one table from the published points, as CSV and Markdown."""

import sys
from pathlib import Path

from hessweep.analysis import results_of
from hessweep.errors import HessweepError
from hessweep.outputs import load_study
from hessweep.tables import make, to_markdown


def main(job):
    study = load_study(job.params.study)
    request = job.params.request
    table = make(request["kind"], results_of(study, request["sweeps"]))
    table.to_csv(job.output.csv, index=False)
    Path(job.output.markdown).write_text(to_markdown(table, request["title"]))


if __name__ == "__main__":
    try:
        main(snakemake)  # noqa: F821 - Snakemake puts it there
    except HessweepError as error:
        sys.exit(f"hessweep: {error}")
