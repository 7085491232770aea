"""Fail if a point has no result or an output could not be made, and say which.

It runs last, so that everything that can be shown is there.
"""

import json
import sys
from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    from hessweep.outputs import load_study
    from hessweep.report import summary
    from hessweep.running import find_work
    from hessweep.running.receipts import Receipts
    from hessweep.running.requested import request

    study = load_study(job.params.study)
    work = find_work(request(study.sweeps.values(), study.results), study.results)
    problems = []
    if lacking := work.failed + len(work.missing):
        problems.append(
            f"{lacking:,} of {work.requested:,} points have no result: "
            f"`hessweep status {job.params.study}` says why, "
            f"`hessweep run --retry-failed {job.params.study}` tries again"
        )
    for section in ("tables", "figures"):
        for name in getattr(study, section):
            path = Receipts(study).output(section, name)
            receipt = json.loads(path.read_text(encoding="utf-8"))
            if "error" in receipt:
                problems.append(f"{section}.{name} could not be made: {receipt['error']}")
    if problems:
        sys.exit("\n".join(["hessweep:", *problems]))
    told = {"points": work.done, "summary": summary(study)}
    Path(job.output[0]).write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
