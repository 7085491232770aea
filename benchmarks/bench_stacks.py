"""How much faster are stacks of small points than numpy's stacked solver, end to end?"""

from collections.abc import Iterator

import numpy as np
from measure import Row, turns

from hessweep.activations import activation
from hessweep.hessian import stacked_hessian
from hessweep.networks import sample_weights
from hessweep.spectrum import stacked_spectra

CASES = [("erf", 3, None), ("erf", 5, None), ("erf", 10, 2.5), ("quadratic", 10, None),
         ("linear", 10, None), ("erf", 13, None), ("erf", 16, None)]  # fmt: skip


def rows(quick: bool) -> Iterator[Row]:
    """Yield seconds for a stack of networks, weights given, error bounds included in ours."""
    for name, N, required in CASES[:3] if quick else CASES:
        S = 64 if quick else max(64, 50_000 // (N * (N + 1)))
        chosen = activation(name)
        weights = [sample_weights(N, N, seed) for seed in range(S)]
        W1, W2 = (np.array(stack) for stack in zip(*weights, strict=True))
        taken = turns(
            {
                "ours": lambda a=chosen, w=(W1, W2): stacked_spectra(a, *w),
                "theirs": lambda a=chosen, w=(W1, W2): np.linalg.eigvalsh(stacked_hessian(a, *w)),
            },
            repeats=21,
        )
        yield Row(
            f"{S} x {name} ({N}, {N}), P = {N * (N + 1)}",
            taken["ours"],
            "stacked assembly + numpy.linalg.eigvalsh",
            taken["theirs"],
            required,
            notes={"spectra a second": round(S / taken["ours"])},
        )
