"""Publish the segments for queries, and write what was published."""

import json
from pathlib import Path

from hessweep.running.job import run_job


def main(job):
    from hessweep.store import publish, published_digests

    publish(job.params.results)
    manifest = published_digests(job.params.results)
    Path(job.output.manifest).write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    run_job(main, snakemake)  # noqa: F821 - Snakemake puts it there
