"""The smallest non-zero eigenvalue of a network between two bounds, in one call."""

from dataclasses import dataclass
from typing import Literal

from hessweep.errors import InputError
from hessweep.networks import DeepNetwork, Network
from hessweep.rank import float64, rank
from hessweep.rank.smallest import enclosed_smallest_eigenvalue, has_balls
from hessweep.spectrum import spectrum_with_error


@dataclass(frozen=True)
class Enclosure:
    """The smallest non-zero eigenvalue of a Hessian: `lower <= truth <= upper`."""

    value: float
    """The eigenvalue; 0 if it is only known to be between the bounds."""
    lower: float
    upper: float
    certificate: Literal["proved", "estimated"]
    """`proved` if the bounds are; `estimated` if they rest on the estimated error of a numeric
    kernel, or of a deep network."""
    method: str
    """`float64`, with the worst case of all rounding errors; `ball` where ball arithmetic was
    needed; `rank` where the rank is not decided, so that all that is known is an upper bound."""


def lambda_min(network: Network | DeepNetwork, relative_error: float = 1e-2) -> Enclosure:
    """Return the smallest non-zero eigenvalue of the Hessian at the optimum, enclosed.

    Which eigenvalue that is, the rank says, not a threshold: the one of an erf network may be
    1e-50 (docs/ranks.md, sec. 6).

    Args:
        network: The network.
        relative_error: How near the bounds should be, relative to the eigenvalue. Where float64
            does not reach that, ball arithmetic does, for up to 400 parameters, where the kernel
            is known in it (docs/ranks.md); otherwise the bounds are further apart, down to a
            lower bound of 0.

    Raises:
        InputError: If `network` is not a network, or H is 0 and has no such eigenvalue.
    """
    if not isinstance(network, Network | DeepNetwork):
        raise InputError(
            f"lambda_min: expected a hessweep.Network or DeepNetwork, got {type(network).__name__}"
        )
    spectrum = spectrum_with_error(network)
    found = rank(network, spectrum)
    if found.upper == 0:
        raise InputError(f"{network!r}: the Hessian is 0 and has no eigenvalue other than 0")
    values = spectrum.eigenvalues
    deep = isinstance(network, DeepNetwork)
    error = (
        spectrum.error + float64.solver_bound(spectrum)
        if isinstance(network, DeepNetwork)
        else float64.proved_error(spectrum, network.N_i, network.N_h)
    )
    closed = not deep and network.activation.is_closed_form  # type: ignore[union-attr]
    certificate: Literal["proved", "estimated"] = "proved" if closed else "estimated"
    if found.certificate == "undecided":
        # At least `lower` eigenvalues are positive; the smallest is at most the last of these.
        upper = float(values[len(values) - max(found.lower, 1)] + error)
        return Enclosure(0.0, 0.0, upper, certificate, "rank")
    value = float(values[len(values) - found.value])
    if error > relative_error * value and isinstance(network, Network) and has_balls(network):
        ball = enclosed_smallest_eigenvalue(network, found.value, relative_error)
        if ball is not None and ball.relative_error < 1:
            # |value - truth| <= relative_error * truth
            lower = ball.value / (1 + ball.relative_error)
            upper = ball.value / (1 - ball.relative_error)
            return Enclosure(ball.value, lower, upper, "proved", "ball")
    lower = max(value - error, 0.0)
    return Enclosure(value if lower else 0.0, lower, value + error, certificate, "float64")
