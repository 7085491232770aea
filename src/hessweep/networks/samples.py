"""The finite data sets of the axis `samples`: random inputs that a teacher is seen at."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import SeedSequence

from hessweep.networks.inputs import Inputs

PURPOSE = 7
"""Keeps these inputs apart from all other random numbers of a seed."""


def sample_inputs(
    N_i: int, seed: int, count: int, inputs: Inputs | None = None
) -> Float[ndarray, "count N_i"]:
    """Return that many random inputs, one a row.

    They depend on `(N_i, seed)` and the law alone, so that activations are compared on the same
    data, and a smaller data set is the beginning of a larger one.

    Args:
        N_i: Number of inputs of the network, the length of a row.
        seed: Seed of the data set.
        count: Number of rows.
        inputs: The law of the inputs; None for standard normal ones.
    """
    rng = np.random.default_rng(SeedSequence([N_i, seed], spawn_key=(PURPOSE,)))
    z = rng.standard_normal((count, N_i))
    return z if inputs is None else inputs.of_standard(z)
