"""Make one table from the published points, as CSV and Markdown."""

import sys
from pathlib import Path

from hessweep.errors import HessweepError
from hessweep.store import open_results
from hessweep.study import load_study
from hessweep.tables import make, to_markdown


def main(job):
    study = load_study(job.params.study)
    request = study.tables[job.wildcards.table]
    table = make(request.kind, open_results(study.results), study.selection(request), **request.options)
    table.to_csv(job.output.csv, index=False)
    Path(job.output.markdown).write_text(to_markdown(table))


if __name__ == "__main__":
    try:
        main(snakemake)  # noqa: F821 - Snakemake puts it there
    except HessweepError as error:
        sys.exit(f"hessweep: {error}")
