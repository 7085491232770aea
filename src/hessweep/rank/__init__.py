"""The rank of a Hessian with its certificate: what is proved about it, and how (docs/ranks.md)."""

from dataclasses import dataclass
from functools import singledispatch
from operator import attrgetter
from typing import Literal

from hessweep.blas import with_threads_for
from hessweep.errors import InputError, PrecisionError
from hessweep.networks import DeepNetwork, Network
from hessweep.rank import float64, modular
from hessweep.rank.deep import deep_bounds
from hessweep.rank.formulas import Formula
from hessweep.rank.general import proved_bounds
from hessweep.rank.generic import effective_parameters, formula
from hessweep.rank.minor import has_minor
from hessweep.rank.smallest import SmallestEigenvalue, smallest_eigenvalue
from hessweep.rank.structure import bounds
from hessweep.rank.students import student_rank
from hessweep.spectrum import Spectrum, spectrum_with_error

MODULAR_LIMIT = 4e11
"""The most multiplications modulo p that a certificate may need, which take some minutes."""

RATIONAL_LIMIT = 1e12
"""The most bit operations, as counted by `modular.rational_cost`, for which the rank over the
rational numbers is computed."""

MINOR_LIMIT = 2000
"""The largest rank for which a minor is looked for."""


@dataclass(frozen=True)
class Rank:
    """The rank of a Hessian at the optimum, and what is proved about it."""

    value: int
    """The rank if it is proved. Otherwise the number of eigenvalues above their error, or the
    bound that is nearest to it if it is not between the bounds; the upper bound if the Hessian is
    too large for float64."""
    lower: int
    """Proved lower bound."""
    upper: int
    """Proved upper bound."""
    certificate: Literal["proved", "undecided"]
    """`proved` if the two bounds are equal."""
    method: str
    """The method that decided, or otherwise the last one tried: `float64`, `theorem`, `modular`,
    `rational` or `minor`."""


@singledispatch
def rank(
    network: Network | DeepNetwork,
    spectrum: Spectrum | None = None,  # noqa: ARG001  for the registered functions
    theorems: bool = True,  # noqa: ARG001
) -> Rank:
    """Return the rank of the Hessian at the optimum, with a proof if one is found.

    Upper bounds come from counts and theorems that hold for the given weights. Lower bounds are
    tried in the order of their cost: eigenvalues above the worst-case error of float64 (for
    kernels in closed form), theorems, exact arithmetic on the weights (for polynomials), and a
    minor that is proved to be non-zero in ball arithmetic (for other activations). The first
    lower bound that equals the upper bound decides. For networks with biases, several outputs or
    other inputs theorems come first, and neither float64 nor minors are tried (docs/biases.md).

    Args:
        network: The network; docs/depth.md says where the bounds of a deep one come from.
        spectrum: Its spectrum, if it is known already; otherwise it is computed where it is
            needed.
        theorems: Whether lower bounds may come from theorems. If not, they must be computed.

    Raises:
        InputError: If `network` is neither a `Network` nor a `DeepNetwork`, for example an array.
        PrecisionError: If two proofs contradict one another, which is an error in this package.
    """
    raise InputError(
        f"rank: expected a hessweep.Network or DeepNetwork, got {type(network).__name__}; for "
        "the numerical rank of a matrix use numpy.linalg.matrix_rank"
    )


@rank.register(DeepNetwork)
@with_threads_for(attrgetter("P"))
def _of_deep(
    network: DeepNetwork,
    spectrum: Spectrum | None = None,  # noqa: ARG001  its bounds do not use eigenvalues
    theorems: bool = True,
) -> Rank:
    lower, upper, method = deep_bounds(network, theorems)
    return Rank(lower, lower, upper, "proved" if lower == upper else "undecided", method)


@rank.register(Network)
@with_threads_for(attrgetter("P"))
def _of_two_layers(
    network: Network, spectrum: Spectrum | None = None, theorems: bool = True
) -> Rank:
    if not network.is_plain:
        return _general_rank(network, spectrum, theorems)
    spectrum = _computed(network) if spectrum is None else spectrum
    seen = (
        0
        if spectrum is None or not network.activation.is_closed_form
        else float64.lower_bound(spectrum, network.N_i, network.N_h)
    )
    generic = formula(network.activation, network.N_i, network.N_h).value
    if seen == (network.P if generic is None else generic):
        return Rank(seen, seen, seen, "proved", "float64")
    lower, upper = bounds(network)
    if not theorems:
        lower = 0
    method = "float64" if seen >= lower else "theorem"
    lower = max(lower, seen)
    if lower < upper:
        lower, upper, method = _compute(network, lower, upper)
    return _within(network, lower, upper, method, spectrum)


def _general_rank(network: Network, spectrum: Spectrum | None, theorems: bool) -> Rank:
    """Return the rank of a network with biases, several outputs or other inputs."""
    method: str
    lower, upper, method = proved_bounds(network)
    if method == "theorem" and not theorems:
        lower = 0
    return _within(network, lower, upper, method, spectrum)


def _within(
    network: Network, lower: int, upper: int, method: str, spectrum: Spectrum | None
) -> Rank:
    """Return the rank by its proved bounds, and by eigenvalues where these leave it open."""
    if lower > upper:
        raise PrecisionError(
            f"rank of {network.activation}, {network.layout}: {method} proves at least {lower}, "
            f"but counting allows {upper}; please report this error"
        )
    if lower == upper:
        return Rank(lower, lower, upper, "proved", method)
    spectrum = _computed(network) if spectrum is None else spectrum
    # Without eigenvalues nothing is known that speaks against the rank of generic weights.
    value = upper if spectrum is None else min(max(lower, float64.seen_rank(spectrum)), upper)
    return Rank(value, lower, upper, "undecided", method)


def _computed(network: Network) -> Spectrum | None:
    """Return the spectrum; None if the Hessian is too large for float64."""
    try:
        return spectrum_with_error(network)
    except PrecisionError:
        return None


def _compute(network: Network, lower: int, upper: int) -> tuple[int, int, str]:
    """Return lower bound, upper bound and method by exact arithmetic or ball arithmetic."""
    if network.activation.polynomial is None:
        if upper <= MINOR_LIMIT and has_minor(network, upper):
            return upper, upper, "minor"
        return lower, upper, "float64"
    if float(network.P) * upper**2 > MODULAR_LIMIT:
        return lower, upper, "float64"
    lower = max(lower, modular.modular_rank(network, upper))
    if lower == upper or modular.rational_cost(network) > RATIONAL_LIMIT:
        return lower, upper, "modular"
    exact = modular.rational_rank(network)
    return exact, exact, "rational"


__all__ = [
    "Formula",
    "Rank",
    "SmallestEigenvalue",
    "effective_parameters",
    "formula",
    "rank",
    "smallest_eigenvalue",
    "student_rank",
]
