"""Publish the segments for queries, and write what was published."""

import json
import sys
from pathlib import Path

from hessweep.errors import HessweepError
from hessweep.store import publish, published_digests


def main(job):
    publish(job.params.results)
    manifest = published_digests(job.params.results)
    Path(job.output.manifest).write_text(json.dumps(manifest, indent=2) + "\n")


if __name__ == "__main__":
    try:
        main(snakemake)  # noqa: F821 - Snakemake puts it there
    except HessweepError as error:
        sys.exit(f"hessweep: {error}")
