"""Does OpenBLAS choose the fastest of its kernels for this processor?

Where it does not, workers use another: `hessweep.openblas.FASTER` says which and is to be extended
by what is found here. OPENBLAS_CORETYPE, set before anything starts, overrules both.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from measure import Row

from hessweep.openblas import faster_kernel

CPUINFO = Path("/proc/cpuinfo")
CORES = ("Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids")

PROBLEM = """
from time import perf_counter
import numpy as np, scipy.linalg, threadpoolctl
A = np.random.default_rng(0).standard_normal(({n}, {n}))
H = A + A.T
def best(f):
    times = []
    for _ in range(5):
        start = perf_counter(); f(); times.append(perf_counter() - start)
    return min(times)
product, spectrum = best(lambda: A @ A), best(lambda: scipy.linalg.eigvalsh(H))
print(product, spectrum, threadpoolctl.threadpool_info()[0]["architecture"])
"""


def rows(quick: bool) -> Iterator[Row]:
    """Yield the automatic choice beside the fastest, for a product and for a spectrum."""
    n = 300 if quick else 1640
    _, _, automatic = chosen = _measure(n, None)
    others = {core: _measure(n, core) for core in CORES if _runs(core)}
    # A kernel that this build does not have is silently replaced.
    others = {core: found for core, found in others.items() if found[2] == core}
    for i, what in enumerate((f"product of {n} x {n}", f"spectrum of {n} x {n}")):
        fastest = min(others, key=lambda core, i=i: others[core][i], default=automatic)
        seconds = others.get(fastest, chosen)[i]
        notes = {core: f"{found[i]:.3g} s" for core, found in others.items()}
        notes["workers use"] = faster_kernel(CPUINFO.read_text()) or automatic
        yield Row(f"{what}, {automatic}", chosen[i], f"fastest: {fastest}", seconds, notes=notes)


def _runs(core: str) -> bool:
    """Return whether the processor has the instructions of that kernel: else it would crash."""
    needed = "avx2" if core in ("Haswell", "Zen") else "avx512f"
    return needed in CPUINFO.read_text().split()


def _measure(n: int, core: str | None) -> tuple[float, float, str]:
    environment = dict(os.environ)
    environment.pop("OPENBLAS_CORETYPE", None)
    if core:
        environment["OPENBLAS_CORETYPE"] = core
    done = subprocess.run(
        [sys.executable, "-c", PROBLEM.format(n=n)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    product, spectrum, architecture = done.stdout.split()
    return float(product), float(spectrum), architecture
