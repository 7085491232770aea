"""The law of all eigenvalues of one teacher as one count, where it is nearer than the groups."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.laws.equal_neurons import equal_neurons
from hessweep.laws.harmonics import harmonics
from hessweep.laws.local import LocalCoefficients
from hessweep.laws.neuron_bulk import neuron_bulk
from hessweep.laws.shells import NARROW, are_equal
from hessweep.laws.special_directions import Bulk, WholeSpectrum
from hessweep.laws.teacher_parts import teacher_parts
from hessweep.laws.unused_inputs import eigenvalues_of_an_unused_input, in_used_inputs

WIDE_EXCHANGE = 0.3
"""Variance of the exchange, over the square of the diagonal, above which it is no free matrix."""
WEAK_EXCHANGE = 0.1
"""The same below which equal neurons are taken pair by pair."""
FEWEST = 40
"""Input weights from which on there is a bulk to speak of."""
NOTHING = 1e-12
"""The same of a quadratic network, whose law is exact."""


def whole_tail(
    g: Activation,
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h N_i"],
    W2: Float[ndarray, " N_h"],
    symmetric: bool,
) -> Callable[[Float[ndarray, " n"]], Float[ndarray, " n"]] | None:
    """Return the share of all P eigenvalues above λ > 0, or None where the groups are nearer.

    Args:
        g: The activation.
        local: Its coefficients for each neuron.
        W1: Input weights.
        W2: Output weights.
        symmetric: Whether `h_2` counts as non-zero.
    """
    N_h, N_i = W1.shape
    if not symmetric or min(W1.shape) < 2 or W1.size < FEWEST or not np.all(W2):
        return None
    repeated = np.zeros(0)
    if N_i > N_h:
        repeated = eigenvalues_of_an_unused_input(g, W1, W2)
        W1 = in_used_inputs(W1)
    bulk = _bulk(g, local, W1, W2, N_i)
    if bulk is None:
        return None
    spectrum = WholeSpectrum(bulk)

    def tail(x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        above = len(repeated) - np.searchsorted(repeated, x, side="right")
        return (spectrum.above(N_h * x) + (N_i - N_h) * above) / (N_h * (N_i + 1))

    return tail


def _bulk(
    g: Activation,
    local: LocalCoefficients,
    W1: Float[ndarray, "N_h n"],
    W2: Float[ndarray, " N_h"],
    inputs: int,
) -> Bulk | None:
    with np.errstate(invalid="ignore"):
        parts = teacher_parts(g, local, W1, W2, inputs)
    if not np.isfinite(parts.columns).all() or not np.isfinite(parts.corner).all():
        return None  # neurons along one line
    width = parts.exchange_moments()[0] / np.diag(parts.neurons).mean() ** 2
    if width > WIDE_EXCHANGE:
        return None
    if width > NOTHING and are_equal(W2**2, local.p):
        if width < WEAK_EXCHANGE:
            return equal_neurons(parts, local, W2, inputs)
        if len(W2) * inputs < NARROW * harmonics(inputs, 3):
            return None
    return neuron_bulk(parts, local, W2, inputs)
