"""The largest eigenvalues of Hessians that are too large for a full spectrum."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep import blas
from hessweep.blas import with_threads_for
from hessweep.density.beside import largest_beside
from hessweep.density.inside import Inside
from hessweep.density.known import direction, directions, known_part, product_rounding
from hessweep.density.lanczos import Lanczos
from hessweep.errors import InputError, PrecisionError
from hessweep.hessian import hessian_operator
from hessweep.hessian.general import Weights, seen
from hessweep.hessian.general_error import general_hessian_error
from hessweep.networks import Network, check_two_layers, require_plain
from hessweep.spectrum import spectrum_with_error
from hessweep.spectrum.accuracy import assembly_error
from hessweep.spectrum.general_accuracy import kernel_with_error
from hessweep.spectrum.solver import solver_error

one_thread_if_small = with_threads_for(
    lambda network: max(network.W1.shape) if isinstance(network, Network) else 1
)
"""Decorates functions whose products are those with the layers of a network."""


class Extremes(NamedTuple):
    """The largest eigenvalues of a Hessian, and an upper bound on the smallest."""

    largest: Float[ndarray, " k"]
    """In descending order."""
    error: Float[ndarray, " k"]
    """H has an eigenvalue within this distance of each. The errors of the kernels are included."""
    smallest_upper: float
    """The smallest Ritz value, or another Rayleigh quotient. The smallest eigenvalue is not
    negative and at most this."""


@one_thread_if_small
def extreme_eigenvalues(
    network: Network, k: int = 1, tolerance: float = 1e-8, steps: int = 300, seed: int = 0
) -> Extremes:
    """Return the k largest eigenvalues by the Lanczos method, each with its multiplicity.

    One Lanczos run finds a multiple eigenvalue only once. Therefore further runs follow that are
    orthogonal to the eigenvectors found so far, until a run finds nothing as large as the k-th
    eigenvalue. All computations are in float64.

    Args:
        network: The network at its optimum.
        k: Number of eigenvalues, from 1 to P.
        tolerance: The largest residual of each, relative to the largest eigenvalue.
        steps: The most Lanczos steps of a run; each step stores a vector of P numbers.
        seed: Seed of the start vectors.

    Raises:
        InputError: If k is not between 1 and P.
        PrecisionError: If the tolerance is not reached within that many steps.
    """
    check_two_layers(network, "extreme_eigenvalues")
    if not 1 <= k <= network.P:
        raise InputError(f"k: expected a number from 1 to P = {network.P}, got {k}")
    inside = partial(_inside, steps=steps, seed=seed, repeat=True)
    found = _largest(network, k, tolerance, inside)
    if len(found.largest) < k:
        raise PrecisionError(
            f"the residuals of the {k} largest eigenvalues are not all below {tolerance:g} times "
            f"the largest after {steps} Lanczos steps; raise steps or tolerance"
        )
    return found


@one_thread_if_small
def converged_eigenvalues(
    network: Network, most: int, tolerance: float = 1e-8, steps: int = 300, seed: int = 0
) -> Extremes:
    """Return those of the largest eigenvalues that one Lanczos run finds, at least one.

    Eigenvalues that are multiple because of structure, those outside the row space of W1, are
    returned with their multiplicities. Any others are returned once; random weights have no other
    multiple eigenvalues.

    Args:
        network: The network at its optimum.
        most: The largest number of eigenvalues to return.
        tolerance: The largest residual of each, relative to the largest eigenvalue.
        steps: Number of Lanczos steps; each step stores a vector of P numbers.
        seed: Seed of the start vector.

    Raises:
        PrecisionError: If not even the largest eigenvalue is found to the tolerance.
    """
    inside = partial(_inside, steps=steps, seed=seed, repeat=False)
    found = _largest(network, most, tolerance, inside)
    if not len(found.largest):
        raise PrecisionError(
            f"the relative residual of the largest eigenvalue is not below {tolerance:g} after "
            f"{steps} Lanczos steps; raise steps or tolerance"
        )
    return found


@one_thread_if_small
def few_eigenvalues(
    network: Network, most: int, tolerance: float = 1e-8, vectors: int = 32
) -> Extremes:
    """Return those of the largest eigenvalues that are found with few vectors, at least one.

    This is for networks whose Lanczos basis in float64 does not fit into memory; see
    density/beside.py. Multiple eigenvalues are returned with their multiplicities.

    Args:
        network: A plain network at its optimum.
        most: The largest number of eigenvalues to return.
        tolerance: The largest residual of each, relative to the largest eigenvalue.
        vectors: The most vectors that are held, each of P numbers.

    Raises:
        InputError: If the network has biases, several outputs or other inputs.
        PrecisionError: If not even the largest eigenvalue is found to the tolerance.
    """
    require_plain(network, "few_eigenvalues")

    def inside(rest: Network, _outside: ndarray, most: int, tolerance: float) -> Inside:
        return largest_beside(rest, min(most, sum(rest.W1.shape)), tolerance, vectors)

    found = _largest(network, most, tolerance, inside)
    if not len(found.largest):
        raise PrecisionError(
            f"the relative residual of the largest eigenvalue is not below {tolerance:g} with "
            f"{vectors} vectors; raise vectors or tolerance"
        )
    return found


def _largest(
    network: Network,
    most: int,
    tolerance: float,
    find_inside: Callable[[Network, ndarray, int, float], Inside],
) -> Extremes:
    """Return the largest eigenvalues, up to the first that is not found to the tolerance.

    Args:
        network: The network at its optimum.
        most: The largest number of eigenvalues to return.
        tolerance: The largest residual of each, relative to the largest eigenvalue.
        find_inside: Finds eigenvalues of the network inside the row space, from that network, the
            eigenvalues outside, and the two arguments before.
    """
    exact, counts, rest = known_part(network)
    values = np.repeat(exact, np.minimum(counts, most))
    residual = np.zeros(values.shape)
    smallest = np.inf
    if rest is None:
        rounding = spectrum_with_error(network).error
    else:
        inside = find_inside(rest, values, most, tolerance)
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


def _inside(
    rest: Network,
    outside: Float[ndarray, " m"],
    most: int,
    tolerance: float,
    *,
    steps: int,
    seed: int,
    repeat: bool,
) -> Inside:
    """Return the eigenvalues inside the row space, given the eigenvalues outside.

    If `repeat`, further runs orthogonal to the eigenvectors found so far look for copies of the
    `most` largest eigenvalues, until a run finds none. Otherwise there is one run.

    Raises:
        PrecisionError: If the eigenvalues found leave no Lanczos step to look for copies.
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
        # The vectors found before are eigenvectors only up to their residuals, which add up.
        left = krylov.beta[-1] * abs(coordinates[-1]) + np.sqrt(np.square(residual).sum())
        smallest = min(smallest, ritz[0])
        together = np.sort(np.concatenate([outside, values, ritz]))[::-1]
        new = (ritz >= together[:most][-1]) & (left <= tolerance * together[0])
        found = len(values) + new.sum()
        if not repeat or not new.any() or found == rest.P:
            return Inside(
                np.concatenate([values, ritz]), np.concatenate([residual, left]), smallest
            )
        if found >= steps:
            raise PrecisionError(
                f"the {found} eigenvalues found leave none of the {steps} Lanczos steps to look "
                "for copies of them; raise steps"
            )
        # The next run finds again the Ritz values that are not among these.
        values = np.concatenate([values, ritz[new]])
        residual = np.concatenate([residual, left[new]])
        vectors = np.concatenate([vectors, krylov.Q.T @ coordinates[:, new]], axis=1)
        vectors = blas.qr(vectors)[0]
        lanczos.lock(vectors.T)


def _rounding(network: Network, rest: Network, outside: Float[ndarray, " m"]) -> float:
    """Return a bound on the errors of kernels, products and the eigenvalues outside."""
    if network.is_plain:
        weights = rest.W1[None], rest.W2[None]
        kernel = rest.activation.self_dual(weights[0])
        [assembly] = assembly_error(rest.activation, kernel, *weights, inputs=network.N_i)
    else:
        assembly = _general_assembly(network, rest)
    solver = solver_error(network.N_h, np.abs(outside).max(initial=0))
    # Each entry is a sum over N_i + 2 N_h products, which are rounded.
    products = (network.N_i + 2 * network.N_h) * product_rounding(hessian_operator(rest))
    return float(assembly + max(solver, products))


def _general_assembly(network: Network, rest: Network) -> float:
    """Return a bound on what errors of the kernel and of `W1 = L Q^T` do to the eigenvalues."""
    weights, row_error = Weights.of([rest]), 0.0
    if rest is not network:
        row_error = float(np.finfo(float).eps) * (network.N_i + network.N_h)
    of = seen(weights)
    _, [bound] = kernel_with_error(rest.activation, weights, of, row_error)
    return float(bound) + general_hessian_error(rest)
