"""The largest eigenvalues of Hessians too large for a spectrum, each with an error bound."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.density.known import direction, directions, known_part, product_rounding
from hessweep.density.lanczos import Lanczos
from hessweep.errors import InputError, PrecisionError
from hessweep.hessian import hessian_operator
from hessweep.networks import Network
from hessweep.spectrum import spectrum_with_error
from hessweep.spectrum.accuracy import assembly_error
from hessweep.spectrum.solver import solver_error


class Extremes(NamedTuple):
    """The largest eigenvalues of a Hessian, and an upper bound on the smallest."""

    largest: Float[ndarray, " k"]
    """Descending."""
    error: Float[ndarray, " k"]
    """There is an eigenvalue of H within this distance of each, the errors of kernels included."""
    smallest_upper: float
    """The smallest Ritz value: no eigenvalue is negative, and the smallest is at most this."""


def extreme_eigenvalues(
    network: Network, k: int = 1, tolerance: float = 1e-8, steps: int = 300, seed: int = 0
) -> Extremes:
    """Return the k largest eigenvalues by Lanczos in float64, multiple ones as often as they are.

    A run meets each eigenvalue once, however often it is one. So runs orthogonal to what was
    found follow, until one meets nothing as large as the k-th.

    Args:
        network: The network at its optimum.
        k: How many, from 1 to P.
        tolerance: Largest residual of each, relative to the largest eigenvalue.
        steps: Most Lanczos steps of a run; each holds a vector of P numbers.
        seed: Of the start vectors.

    Raises:
        InputError: If k is not between 1 and P.
        PrecisionError: If the tolerance is not met within that many steps.
    """
    if not 1 <= k <= network.P:
        raise InputError(f"k: expected a number from 1 to P = {network.P}, got {k}")
    found = _largest(network, k, tolerance, steps, seed, repeat=True)
    if len(found.largest) < k:
        raise PrecisionError(
            f"the {k} largest eigenvalues are not within {tolerance:g} of the largest after "
            f"{steps} Lanczos steps; raise steps or tolerance"
        )
    return found


def converged_eigenvalues(
    network: Network, most: int, tolerance: float = 1e-8, steps: int = 300, seed: int = 0
) -> Extremes:
    """Return as many of the largest eigenvalues as one Lanczos run finds, at least one.

    Multiple eigenvalues come as often as they are where structure makes them so (those outside
    the row space of W1), and else once: weights drawn at random have no others.

    Args:
        network: The network at its optimum.
        most: The most that are returned.
        tolerance: Largest residual of each, relative to the largest eigenvalue.
        steps: Lanczos steps; each holds a vector of P numbers.
        seed: Of the start vector.

    Raises:
        PrecisionError: If not even the largest is found to the tolerance.
    """
    found = _largest(network, most, tolerance, steps, seed, repeat=False)
    if not len(found.largest):
        raise PrecisionError(
            f"the largest eigenvalue is not within {tolerance:g} of itself after {steps} Lanczos "
            "steps; raise steps or tolerance"
        )
    return found


def _largest(
    network: Network, most: int, tolerance: float, steps: int, seed: int, *, repeat: bool
) -> Extremes:
    """Return the largest eigenvalues down to the first that is not found to the tolerance."""
    exact, counts, rest = known_part(network)
    values = np.repeat(exact, np.minimum(counts, most))
    residual = np.zeros(values.shape)
    smallest = np.inf
    if rest is None:
        rounding = spectrum_with_error(network).error
    else:
        inside = _inside(rest, values, most, tolerance, steps, seed, repeat=repeat)
        values = np.concatenate([values, inside.values])
        residual = np.concatenate([residual, inside.residual])
        smallest = inside.smallest
        rounding = _rounding(network, rest, exact)
    order = np.argsort(values)[::-1]
    values, residual = values[order], residual[order]
    good = residual[:most] <= tolerance * values[0]
    count = len(good) if good.all() else int(np.argmin(good))
    return Extremes(
        values[:count], residual[:count] + rounding, float(max(min(values[-1], smallest), 0))
    )


class _Inside(NamedTuple):
    """Approximate eigenvalues of the network inside the row space of W1."""

    values: Float[ndarray, " n"]
    residual: Float[ndarray, " n"]
    smallest: float
    """The smallest Ritz value of all runs."""


def _inside(
    rest: Network,
    outside: Float[ndarray, " m"],
    most: int,
    tolerance: float,
    steps: int,
    seed: int,
    *,
    repeat: bool,
) -> _Inside:
    """Return what is found inside, given the eigenvalues outside.

    Where `repeat`, copies of the `most` largest of all are looked for by runs orthogonal to those
    found, until a run meets none. Else there is one run.

    Raises:
        PrecisionError: If those found leave no step to look for copies.
    """
    operator = hessian_operator(rest)
    rng = directions(rest, seed)
    steps = min(steps, rest.P)
    lanczos = Lanczos(operator.product, rest.P, steps, operator.dtype)
    values, residual, smallest = np.empty(0), np.empty(0), np.inf
    vectors = np.empty((rest.P, 0))
    while True:
        krylov = lanczos.run(direction(rng, operator))
        ritz, coordinates = krylov.ritz()
        # Those found before are eigenvectors up to their residuals; no later one is better.
        left = krylov.beta[-1] * abs(coordinates[-1]) + np.sqrt(np.square(residual).sum())
        smallest = min(smallest, ritz[0])
        together = np.sort(np.concatenate([outside, values, ritz]))[::-1]
        new = (ritz >= together[:most][-1]) & (left <= tolerance * together[0])
        found = len(values) + new.sum()
        if not repeat or not new.any() or found == rest.P:
            return _Inside(
                np.concatenate([values, ritz]), np.concatenate([residual, left]), smallest
            )
        if found >= steps:
            raise PrecisionError(
                f"{found} eigenvalues leave none of {steps} Lanczos steps to look for copies of "
                "them; raise steps"
            )
        # The next run meets again what is not among them.
        values = np.concatenate([values, ritz[new]])
        residual = np.concatenate([residual, left[new]])
        vectors = np.concatenate([vectors, krylov.Q.T @ coordinates[:, new]], axis=1)
        vectors = np.linalg.qr(vectors)[0]
        lanczos.lock(vectors.T)


def _rounding(network: Network, rest: Network, outside: Float[ndarray, " m"]) -> float:
    """Return a bound on what kernels, products and the eigenvalues outside are off by."""
    weights = rest.W1[None], rest.W2[None]
    kernel = rest.activation.self_dual(weights[0])
    [assembly] = assembly_error(rest.activation, kernel, *weights, inputs=network.N_i)
    solver = solver_error(network.N_h, np.abs(outside).max(initial=0))
    # Sums over N_i + 2 N_h products, each rounded.
    products = (network.N_i + 2 * network.N_h) * product_rounding(hessian_operator(rest))
    return float(assembly + max(solver, products))
