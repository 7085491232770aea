"""Write the study's report page."""

import sys
from pathlib import Path

from hessweep.errors import HessweepError
from hessweep.outputs import load_study
from hessweep.report import build
from hessweep.running.receipts import Receipts, write_receipt


def main(job):
    study = load_study(job.params.study)
    receipt = Receipts(study).report_content()
    build(study)
    write_receipt(Path(job.output.receipt), receipt)


if __name__ == "__main__":
    try:
        main(snakemake)  # noqa: F821 - Snakemake puts it there
    except HessweepError as error:
        sys.exit(f"hessweep: {error}")
