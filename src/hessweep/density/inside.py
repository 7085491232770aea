"""Approximate eigenvalues of the network inside the row space of W1."""

from typing import NamedTuple

from jaxtyping import Float
from numpy import ndarray


class Inside(NamedTuple):
    """What a method finds of the spectrum of a network, in any order."""

    values: Float[ndarray, " n"]
    residual: Float[ndarray, " n"]
    """The network's Hessian, as it is computed, has an eigenvalue within this of each value."""
    smallest: float
    """An upper bound on the smallest eigenvalue: a Rayleigh quotient."""
