"""Which of OpenBLAS's kernels workers use, where the one that it chooses itself is a slow one.

OpenBLAS chooses when it is loaded, and the environment variable `OPENBLAS_CORETYPE` overrules it.
Dask loads this module in the process that starts a worker, which is on the worker's machine
(`distributed.nanny.preload`), and calls `dask_setup` before the worker starts.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Nanny

VARIABLE = "OPENBLAS_CORETYPE"

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


def dask_setup(nanny: "Nanny") -> None:
    """Have the worker use that kernel, unless its user has named one."""
    cpuinfo = Path("/proc/cpuinfo")
    kernel = faster_kernel(cpuinfo.read_text()) if cpuinfo.exists() else None
    if kernel and VARIABLE not in os.environ:
        nanny.pre_spawn_env.setdefault(VARIABLE, kernel)
