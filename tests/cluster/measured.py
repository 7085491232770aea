"""What things cost on this SLURM, told at the end of `make test-cluster`: docs/cluster.md."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

SECONDS: dict[str, float] = {}


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Keep how long the block takes."""
    start = time.monotonic()
    yield
    SECONDS[what] = time.monotonic() - start
