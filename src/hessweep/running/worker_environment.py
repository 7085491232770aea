"""What worker processes find in their environment, where the defaults are slow for our work.

Libraries read it when they are loaded, so that it must be there before. Dask loads this module in
the process that starts a worker, which is on the worker's machine (`distributed.nanny.preload`),
and calls `dask_setup` before the worker starts. What a user has set stays.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Nanny

MALLOC = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**26)}
"""glibc's bytes above which an array gets pages of its own, and bytes that a worker keeps free.

Dask's setting of the second fixes the first at 128 KiB. Every stack of small matrices was then
returned to the system and allocated again, zeroed page by page: an eighth of the time.
"""

DASK_DEFAULTS = {"MALLOC_TRIM_THRESHOLD_": "65536"}
"""Values that an earlier cluster left in the environment; the user did not set these."""

OPENBLAS = "OPENBLAS_CORETYPE"
"""Which kernels OpenBLAS uses; without it, it chooses when it is loaded."""

FASTER = {("AuthenticAMD", "26", "avx512f"): "SkylakeX"}
"""What is faster than the automatic choice for a vendor's family of processors that has these
instructions. Family 26 is Zen 5, which OpenBLAS up to 0.3.31 does not know (its issue 6029) and
guesses by its instructions: products took 1.5 times as long as with this kernel. Extend it by what
`python benchmarks/run.py blas` finds."""


def faster_kernel(cpuinfo: str) -> str | None:
    """Return the kernel that is faster than the automatic choice, or None if none is known.

    Args:
        cpuinfo: What /proc/cpuinfo holds.
    """
    fields = {}
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip()] = value.strip()
    flags = fields.get("flags", "").split()
    for (vendor, family, needed), kernel in FASTER.items():
        if (fields.get("vendor_id"), fields.get("cpu family")) == (vendor, family):
            return kernel if needed in flags else None
    return None


def worker_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that a worker on this machine gets besides those of its parent."""
    cpuinfo = Path("/proc/cpuinfo")
    kernel = (
        faster_kernel(cpuinfo.read_text(encoding="utf-8", errors="replace"))
        if cpuinfo.exists()
        else None
    )
    wanted = MALLOC | ({OPENBLAS: kernel} if kernel else {})
    return {
        name: value
        for name, value in wanted.items()
        if environment.get(name) in (None, DASK_DEFAULTS.get(name))
    }


def dask_setup(nanny: "Nanny") -> None:
    """Give the worker that environment."""
    ours = worker_environment()
    nanny.pre_spawn_env.update(ours)
    nanny.env.update(ours)  # which the worker sets once more
