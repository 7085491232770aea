"""How does the cost of a spectrum grow with N_i and N_h?"""

from collections.abc import Iterator

import numpy as np
from measure import Row, turns

from hessweep.network import sample_teacher
from hessweep.operator import hessian_operator
from hessweep.spectrum import spectrum

GROWTH = [
    # activation, what grows, sizes (N_i, N_h), exponent that theory gives and why
    ("erf", "N_i = N_h = N", [(N, N) for N in (24, 30, 38, 48)], 6, "P³, P ~ N²"),
    ("erf", "N_h, N_i = 4", [(4, N) for N in (80, 120, 180, 270)], 3, "P³, P ~ N_h"),
    ("erf", "N_i, N_h = 20", [(N, 20) for N in (2000, 8000, 32000)], 1, "QR; P drops out"),
    ("quadratic", "N_i = N_h = N", [(N, N) for N in (32, 40, 50, 64)], 6, "D³, D ~ N²/2"),
    ("quadratic", "N_h, N_i = 10", [(10, N) for N in (2000, 8000, 32000)], 1, "Gram's products"),
    ("linear", "N_i = N_h = N", [(N, N) for N in (250, 500, 1000)], 3, "N_i x N_i"),
]


def rows(quick: bool) -> Iterator[Row]:
    """Yield the exponent fitted to the times of growing sizes, and the one of theory."""
    for name, grows, sizes, theory, why in GROWTH:
        used = sizes[:2] if quick else sizes
        networks = {str(size): sample_teacher(name, *size, seed=0) for size in used}
        taken = turns(
            {key: lambda n=network: spectrum(n) for key, network in networks.items()}, repeats=5
        )
        yield _row(f"{name} spectrum, {grows}", [max(size) for size in used], taken, theory, why)
    used = (200, 400) if quick else (250, 500, 1000)
    operators = {str(N): hessian_operator(sample_teacher("erf", N, N, seed=0)) for N in used}
    taken = turns(
        {key: lambda o=o: o.product(np.ones(o.shape[0])) for key, o in operators.items()},
        repeats=9,
    )
    yield _row("erf product, N_i = N_h = N", list(used), taken, 3, "GEMMs")


def _row(case: str, sizes: list[int], taken: dict[str, float], theory: int, why: str) -> Row:
    seconds = list(taken.values())
    exponent = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    notes = {"sizes": sizes, "fitted exponent": exponent, "theory": theory, "for": why}
    return Row(case, seconds[-1], notes=notes)
