"""The rank of a batch Hessian at the optimum: how many of its gradients are independent."""

from fractions import Fraction

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.activations import Polynomial
from hessweep.networks import Network
from hessweep.rank import Rank, ball, rank
from hessweep.rank.exact_neurons import exact_rank
from hessweep.rank.smallest import SmallestEigenvalue
from hessweep.spectrum.batch import BatchGradients, BatchSpectrum

EXACT_ENTRIES = 60_000
"""Entries of a matrix of gradients up to which polynomials are evaluated in fractions."""

RATIONAL_WORK = 3e9
"""Bit operations, roughly, that elimination over the rational numbers may take."""

LARGEST_MINOR = 150
"""Size of a minor up to which ball arithmetic is tried."""


def batch_rank(
    network: Network,
    x: Float[ndarray, "n N_i"],
    gradients: BatchGradients,
    spectrum: BatchSpectrum,
) -> Rank:
    """Return the rank of `Σ phi phi^T / n` with a proof if one is found.

    It is at most the number of gradients, and at most the rank of the population's Hessian: what
    no gradient function has a part in, no gradient has. From below it is proved by singular values
    above their errors, by exact arithmetic for polynomials, and otherwise by a minor in ball
    arithmetic.

    Args:
        network: The network.
        x: The inputs.
        gradients: From `batch_gradients(network, x)`.
        spectrum: Its `batch_spectrum`.
    """
    upper = min(len(x) * network.N_o, _population_bound(network, x))
    seen = int(np.count_nonzero(spectrum.singular > spectrum.error))
    lower, method = min(seen, upper), "float64"
    polynomial = network.activation.polynomial
    if lower < upper and polynomial is not None:
        if gradients.phi.size <= EXACT_ENTRIES:
            found = exact_rank(_exact_rows(network, polynomial, x), upper, RATIONAL_WORK)
            lower, upper, method = max(lower, found.lower), min(upper, found.upper), found.method
    elif lower < upper <= LARGEST_MINOR and _has_minor(network, x, gradients.phi, upper):
        lower, method = upper, "minor"
    certificate = "proved" if lower == upper else "undecided"
    value = lower if lower == upper else min(max(lower, seen), upper)
    return Rank(value, lower, upper, certificate, method)  # type: ignore[arg-type]


def batch_smallest(spectrum: BatchSpectrum, rank: int) -> SmallestEigenvalue:
    """Return the smallest non-zero eigenvalue, the square of a singular value."""
    if rank == 0:
        return SmallestEigenvalue(0.0, 0.0, "float64")
    value, error = float(spectrum.singular[rank - 1]), spectrum.error
    if error >= value:
        return SmallestEigenvalue(0.0, 1.0, "float64")
    relative = error * (2 * value + error) / (value - error) ** 2
    if relative >= 1:
        return SmallestEigenvalue(0.0, 1.0, "float64")
    return SmallestEigenvalue(value**2, relative + 2.0**-52, "float64")


def _population_bound(network: Network, x: ndarray) -> int:
    """Return an upper bound that holds at these inputs.

    Where g' jumps at what a neuron sees, its value there is a convention: then counts alone hold.
    """
    bends = network.activation.bends
    if bends:
        z = x @ network.W1.T + network.b1_or_zeros
        size = np.abs(x) @ np.abs(network.W1).T + np.abs(network.b1_or_zeros)
        for bend in bends:
            if (np.abs(z - bend) <= 4 * (network.N_i + 4) * 2.0**-52 * (size + abs(bend))).any():
                return network.P
    return rank(network).upper


def _exact_rows(network: Network, g: Polynomial, x: ndarray) -> list[list[Fraction]]:
    """Return the gradients in exact arithmetic."""
    coefficients = [Fraction(value) for value in g.coefficients]
    slopes = [k * value for k, value in enumerate(coefficients)][1:] or [Fraction(0)]
    W1 = [[Fraction(value) for value in row] for row in network.W1.tolist()]
    W2 = [[Fraction(value) for value in row] for row in network.output_rows.tolist()]
    b1 = [Fraction(value) for value in network.b1_or_zeros.tolist()]
    rows = []
    for point in x.tolist():
        at = [Fraction(value) for value in point]
        z = [
            sum((w * v for w, v in zip(row, at, strict=True)), b)
            for row, b in zip(W1, b1, strict=True)
        ]
        values, derivatives = ([_horner(c, v) for v in z] for c in (coefficients, slopes))
        for o, out in enumerate(W2):
            beside = [w * d for w, d in zip(out, derivatives, strict=True)]
            row = [slope * v for slope in beside for v in at]
            if network.b1 is not None:
                row += beside
            for p in range(network.N_o):
                row += values if p == o else [Fraction(0)] * network.N_h
            if network.b2 is not None:
                row += [Fraction(p == o) for p in range(network.N_o)]
            rows.append(row)
    return rows


def _horner(coefficients: list[Fraction], z: Fraction) -> Fraction:
    total = Fraction(0)
    for value in reversed(coefficients):
        total = total * z + value
    return total


def _has_minor(network: Network, x: ndarray, phi: ndarray, size: int) -> bool:
    """Return whether a minor of that size is proved not to be zero in ball arithmetic."""
    known = network.activation.in_balls
    if known is None:
        return False
    _, _, columns = blas.pivoted_qr(phi)
    chosen = np.sort(columns[:size])
    _, _, rows = blas.pivoted_qr(phi[:, chosen].T)
    picked = np.sort(rows[:size])
    b1 = network.b1_or_zeros.tolist()
    for bits in ball.precisions():
        with ball.working_precision(bits):
            points = arb_mat([[arb(value) for value in row] for row in x.tolist()])
            weights = arb_mat([[arb(value) for value in row] for row in network.W1.tolist()])
            z = (points * weights.transpose()).table()
            table = []
            for row in picked.tolist():
                s, o = divmod(row, network.N_o)
                seen = [value + arb(b) for value, b in zip(z[s], b1, strict=True)]
                slopes = [known.derivative(v) for v in seen]
                entries = [
                    arb(w) * slope * arb(v)
                    for w, slope in zip(network.output_rows[o].tolist(), slopes, strict=True)
                    for v in x[s].tolist()
                ]
                if network.b1 is not None:
                    out = network.output_rows[o].tolist()
                    entries += [arb(w) * slope for w, slope in zip(out, slopes, strict=True)]
                for p in range(network.N_o):
                    entries += [known.g(v) if p == o else arb(0) for v in seen]
                if network.b2 is not None:
                    entries += [arb(int(p == o)) for p in range(network.N_o)]
                table.append([entries[k] for k in chosen.tolist()])
            if ball.inverse(arb_mat(table)) is not None:
                return True
    return False
