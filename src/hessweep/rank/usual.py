"""The ranks of many plain networks at once: nearly all have the rank of generic weights."""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.rank import Rank, float64
from hessweep.rank.formulas import formula
from hessweep.rank.learning import is_differentiable
from hessweep.spectrum import SpectrumStack


def usual_rank(
    activation: Activation, W1: Float[ndarray, "S N_h N_i"], spectra: SpectrumStack
) -> tuple[Rank, Bool[ndarray, " S"]]:
    """Return the rank for generic weights, and which of several plain networks are usual.

    Those are usual for which `rank` returns it because so many eigenvalues are above their
    worst-case error, and whose output is a differentiable function of the weights. Their learning
    coefficient is half of it (`learning_coefficient`).

    Args:
        activation: The activation of all of them.
        W1: Their first layers.
        spectra: Their spectra.
    """
    S, N_h, N_i = W1.shape
    generic = formula(activation, N_i, N_h).value
    if generic is None or not activation.is_closed_form:
        return Rank(0, 0, 0, "undecided", "float64"), np.zeros(S, bool)
    proved = float64.lower_bound(spectra, N_i, N_h) == generic
    return (
        Rank(generic, generic, generic, "proved", "float64"),
        proved & is_differentiable(activation, W1),
    )
