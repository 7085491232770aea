"""Does OpenBLAS choose the fastest of its kernels for this processor?

Where it does not, workers use another kernel: `hessweep.running.worker_environment.FASTER` says
which one, and is to be extended by what is found here. If OPENBLAS_CORETYPE is set before anything
starts, it overrules both.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path

from measure import Row

from hessweep.running.worker_environment import faster_kernel

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
    """Yield the automatic choice beside the fastest other, for a product and for a spectrum."""
    n = 300 if quick else 1640
    cores = [None, *filter(_runs, CORES)]
    # Twice in turns, the best of both: each takes a process of its own.
    measured = [(core, _measure(n, core)) for core in cores * 2]
    automatic = measured[0][1][2]
    used = faster_kernel(CPUINFO.read_text()) or automatic
    for i, what in enumerate((f"product of {n} x {n}", f"spectrum of {n} x {n}")):
        best: dict[str, float] = {}
        for core, found in measured:
            # A kernel that this build does not have is silently replaced.
            if core in (None, found[2]):
                best[found[2]] = min(found[i], best.get(found[2], inf))
        fastest = min(best, key=lambda core, best=best: best[core])
        notes = {core: f"{seconds:.3g} s" for core, seconds in best.items()}
        notes["workers use"] = used
        yield Row(
            f"{what}, {automatic}",
            best[automatic],
            f"fastest: {fastest}",
            best[fastest],
            notes=notes,
        )


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
