"""Make one figure from the published points: PNG, PDF, the plotted data and the caption."""

import sys
from pathlib import Path

from hessweep.analysis import results_of
from hessweep.errors import HessweepError
from hessweep.figures import make
from hessweep.outputs import load_study


def main(job):
    study = load_study(job.params.study)
    request = job.params.request
    results = results_of(study, request["sweeps"])
    make(request["kind"], results, Path(job.output.png).with_suffix(""), **request["options"])


if __name__ == "__main__":
    try:
        main(snakemake)  # noqa: F821 - Snakemake puts it there
    except HessweepError as error:
        sys.exit(f"hessweep: {error}")
