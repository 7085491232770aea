"""Write the study's report page."""

import sys

from hessweep.errors import HessweepError
from hessweep.outputs import load_study
from hessweep.report import build


def main(job):
    build(load_study(job.params.study))


if __name__ == "__main__":
    try:
        main(snakemake)  # noqa: F821 - Snakemake puts it there
    except HessweepError as error:
        sys.exit(f"hessweep: {error}")
