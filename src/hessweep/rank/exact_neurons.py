"""Hidden neurons as affine functions of the inputs that vary, in exact arithmetic.

Inputs of variance 0 are constants: they only move the offsets. What remains are the functions
`w.x + b` of the other inputs, where b is a sum of products of float64 numbers, and so a fraction.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import gcd, inf, lcm
from typing import NamedTuple

import numpy as np
from flint import fmpz_mat, nmod_mat
from jaxtyping import Bool, Float
from numpy import ndarray

from hessweep import blas
from hessweep.networks import Inputs, Network
from hessweep.rank.mersenne import PRIME

Row = tuple[Fraction, ...]


@dataclass(frozen=True)
class Neurons:
    """The hidden neurons of a network, and how their parameters act."""

    w: list[Row]
    """Weights on the inputs that vary."""
    b: list[Fraction]
    """Offsets: biases, and what constant inputs add."""
    outputs: list[Row]
    """Output weights of each neuron, one for each output."""
    constants: bool
    """Whether a parameter moves the offset: a trained bias, or a constant input that is not 0."""
    output_biases: bool
    """Whether the outputs have trained biases."""

    @property
    def inputs(self) -> int:
        """Number of inputs that vary."""
        return len(self.w[0])

    @property
    def N_o(self) -> int:
        """Number of outputs."""
        return len(self.outputs[0])


@dataclass(frozen=True, eq=False)
class VaryingInputs:
    """Which inputs vary, and which are constants."""

    varying: Bool[ndarray, " N_i"]
    mean: Float[ndarray, " N_i"]

    @property
    def count(self) -> int:
        """Number of inputs that vary."""
        return int(self.varying.sum())

    @property
    def has_constants(self) -> bool:
        """Whether an input is a constant that is not 0: its weights do what hidden biases do."""
        return bool(self.mean[~self.varying].any())


def varying_inputs(inputs: Inputs, N_i: int) -> VaryingInputs | None:
    """Return which inputs vary, or None where a full covariance matrix may be of deficient rank.

    Args:
        inputs: The law of the inputs.
        N_i: Their number.
    """
    varying = np.ones(N_i, dtype=bool)
    covariance = inputs.covariance
    if covariance is not None and covariance.ndim == 1:
        varying = covariance > 0
    elif covariance is not None and not _is_definite(covariance):
        return None
    return VaryingInputs(varying, np.zeros(N_i) if inputs.mean is None else inputs.mean)


def neurons(network: Network) -> Neurons | None:
    """Return the neurons in exact arithmetic, or None where the varying inputs are not known.

    They are known where the covariance is the identity, diagonal, or in float64 certainly of full
    rank. A full matrix near to a deficient rank decides nothing.
    """
    inputs = Inputs() if network.inputs is None else network.inputs
    of = varying_inputs(inputs, network.N_i)
    if of is None:
        return None
    varying, mean = of.varying, of.mean
    fixed = [(n, Fraction(float(mean[n]))) for n in np.flatnonzero(~varying)]
    offsets = [
        Fraction(b) + sum((Fraction(float(row[n])) * value for n, value in fixed), Fraction(0))
        for row, b in zip(network.W1, network.b1_or_zeros.tolist(), strict=True)
    ]
    return Neurons(
        w=[tuple(Fraction(v) for v in row) for row in network.W1[:, varying].tolist()],
        b=offsets,
        outputs=[tuple(Fraction(v) for v in column) for column in network.output_rows.T.tolist()],
        constants=network.b1 is not None or of.has_constants,
        output_biases=network.b2 is not None,
    )


def _is_definite(covariance: np.ndarray) -> bool:
    """Return whether all eigenvalues are above what float64 may be wrong by (docs/ranks.md)."""
    n = len(covariance)
    bound = (8 * n + 600) * n * 2.0**-53 * np.linalg.norm(covariance)
    return bool(blas.eigvalsh(covariance)[0] > bound)


class RankBounds(NamedTuple):
    """What exact arithmetic says about the rank of a matrix."""

    lower: int
    upper: int
    method: str
    """`modular` or `rational`."""


def exact_rank(
    rows: list[list[Fraction]], upper: int | None = None, limit: float = inf
) -> RankBounds:
    """Return the rank of a matrix of fractions; most often one look modulo p decides.

    Args:
        rows: The matrix.
        upper: An upper bound that is known, besides its two sides.
        limit: The most bit operations, roughly, for elimination over the rational numbers.
    """
    whole = [numbers for numbers in (_integers(row) for row in rows) if any(numbers)]
    if not whole:
        return RankBounds(0, 0, "rational")
    m, n = len(whole), len(whole[0])
    most = min(m, n) if upper is None else min(m, n, upper)
    lower = int(nmod_mat(m, n, [v % PRIME for row in whole for v in row], PRIME).rank())
    if lower == most:
        return RankBounds(lower, lower, "modular")
    bits = max(abs(number).bit_length() for row in whole for number in row)
    short, long = sorted((m, n))
    if float(short) ** 3 * long * bits > limit:
        return RankBounds(lower, most, "modular")
    matrix = fmpz_mat(whole if m <= n else [list(column) for column in zip(*whole, strict=True)])
    exact = int(matrix.rank())
    return RankBounds(exact, exact, "rational")


def _integers(row: list[Fraction]) -> list[int]:
    """Return a row as coprime whole numbers."""
    common = lcm(*(value.denominator for value in row)) if row else 1
    numbers = [value.numerator * (common // value.denominator) for value in row]
    divisor = gcd(*numbers) or 1
    return [number // divisor for number in numbers]
