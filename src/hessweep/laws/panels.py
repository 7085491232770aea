"""The division of an interval into panels on each of which a density is a short polynomial.

Between two breaks, `x = low + (high - low) / (1 + e^-z)`. A density that behaves as a power of the
distance from a break is an exponential of z there, and so smooth however small the distance is.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from numpy.polynomial import chebyshev
from scipy import special

from hessweep.errors import PrecisionError

NODES = 24
"""Chebyshev nodes in each panel."""
REACH = 80.0
"""z runs from `-REACH` to `REACH`; beyond, a density is the power of the distance that it is at
the end, to 1e-17 relative."""
FIRST_PANELS = 20
"""Panels of each segment at the beginning; they are halved where the density asks for it."""
MAX_LEVELS = 40
"""Halvings of a panel before giving up."""
MAX_PANELS = 1 << 14
TOLERANCE = 5e-14
"""Last coefficients of a panel, relative to the largest value in it, that are small enough."""
NOISE = 1e-10
"""The same for a panel that halving does not improve, because its density is not smoother."""
MAX_RATIO = np.exp(5.0)
"""Largest ratio of two values in one panel: the smaller loses that factor of relative accuracy."""
NEGLIGIBLE = 1e-280
"""Probability of a panel that is not resolved further."""

_nodes = chebyshev.chebpts1(NODES)
# Values at the nodes -> Chebyshev coefficients: the discrete cosine transform.
_transform = chebyshev.chebvander(_nodes, NODES - 1).T * (2 / NODES)
_transform[0] /= 2


class Places(NamedTuple):
    """Points between breaks, with their distances from both, which keep all their digits."""

    x: Float[ndarray, "*n"]
    segment: Int[ndarray, "*n"]
    """Which pair of neighbouring breaks each point lies between."""
    from_low: Float[ndarray, "*n"]
    to_high: Float[ndarray, "*n"]


Density = Callable[[Places], ndarray]


class Panels(NamedTuple):
    """The panels in ascending order, and Chebyshev coefficients of the density on each."""

    segment: Int[ndarray, " panels"]
    left: Float[ndarray, " panels"]
    """Left edges, in the z of the segment."""
    half: Float[ndarray, " panels"]
    """Half their widths."""
    slopes: Float[ndarray, "nodes panels"]
    """Of the probability for each unit of the panel's own coordinate, which runs from -1 to 1."""
    error: float
    """What the omitted terms amount to, summed over all panels."""


def places(breaks: Float[ndarray, " b"], z: Float[ndarray, "*n"], segment: ndarray) -> Places:
    """Return the points at z of given segments."""
    low, high = breaks[segment], breaks[segment + 1]
    from_low = (high - low) * special.expit(z)
    to_high = (high - low) * special.expit(-z)
    return Places(np.where(z < 0, low + from_low, high - to_high), segment, from_low, to_high)


def between(breaks: Float[ndarray, " b"], x: Float[ndarray, "*n"]) -> Places:
    """Return where points from the first to the last break lie."""
    segment = np.clip(np.searchsorted(breaks, x, side="right") - 1, 0, len(breaks) - 2)
    return Places(x, segment, x - breaks[segment], breaks[segment + 1] - x)


def coordinate(at: Places) -> Float[ndarray, "*n"]:
    """Return the z of places."""
    with np.errstate(divide="ignore"):
        return np.clip(np.log(at.from_low) - np.log(at.to_high), -REACH, REACH)


def stretch(breaks: Float[ndarray, " b"], at: Places) -> Float[ndarray, "*n"]:
    """Return `dx/dz`."""
    return at.from_low * (at.to_high / np.diff(breaks)[at.segment])


def divide(density: Density, breaks: Float[ndarray, " b"], floor: float) -> Panels:
    """Halve panels until each holds a polynomial to rounding.

    Args:
        density: The density.
        breaks: Where it is not analytic, ascending.
        floor: Error in the probability of a panel that is accepted whatever the probability is;
            with 0, small probabilities are as accurate relatively as large ones.

    Raises:
        PrecisionError: If panels do not converge.
    """
    segments = len(breaks) - 1
    edges = np.linspace(-REACH, REACH, FIRST_PANELS + 1)
    left, half = (
        np.tile(edges[:-1], segments),
        np.full(FIRST_PANELS * segments, REACH / FIRST_PANELS),
    )
    segment = np.repeat(np.arange(segments), FIRST_PANELS)
    before = np.full(len(left), np.inf)
    parts: list[tuple[ndarray, ...]] = []
    error = 0.0
    for _ in range(MAX_LEVELS):
        values, coefficients = _on_panels(density, breaks, segment, left, half)
        largest = np.abs(values).max(axis=0)
        # The last three, for a symmetric panel has every other one 0.
        tail = np.abs(coefficients[-3:]).max(axis=0)
        if not np.isfinite(tail).all() or len(left) > MAX_PANELS:
            break
        ratio = np.divide(tail, largest, out=np.zeros(tail.shape), where=largest > 0)
        smooth = (ratio <= TOLERANCE) | ((ratio <= NOISE) & (ratio > before / 4))
        even = values.min(axis=0) * MAX_RATIO >= largest
        good = (smooth & even) | (largest < NEGLIGIBLE) | (tail <= floor)
        error += tail[good].sum()
        parts.append((segment[good], left[good], half[good], coefficients[:, good]))
        segment, half = np.tile(segment[~good], 2), np.tile(half[~good] / 2, 2)
        left = np.r_[left[~good], left[~good] + half[: (~good).sum()] * 2]
        before = np.tile(ratio[~good], 2)
        if not len(left):
            break
    if len(left):
        [at] = places(breaks, left[:1], segment[:1]).x.tolist()
        raise PrecisionError(
            f"a density can not be integrated near x = {at:.6g}: expected finite values, smooth "
            f"between the breaks {breaks.tolist()}; add a break there"
        )
    segment, left, half, slopes = (
        np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)
    )
    order = np.lexsort((left, segment))
    return Panels(segment[order], left[order], half[order], slopes[:, order], float(error))


def _on_panels(
    density: Density, breaks: ndarray, segment: ndarray, left: ndarray, half: ndarray
) -> tuple[ndarray, Float[ndarray, "nodes panels"]]:
    """Return the values at the nodes and the coefficients, for a unit of the panel's own."""
    z = left + half * (1 + _nodes[:, None])
    at = places(breaks, z, np.broadcast_to(segment, z.shape))
    flat = Places(*(part.ravel() for part in at))
    values = density(flat).reshape(z.shape) * stretch(breaks, at) * half
    return values, _transform @ values


def clenshaw(coefficients: ndarray, panel: ndarray, u: ndarray) -> ndarray:
    """Evaluate each panel's series at its u, one coefficient at a time to save memory."""
    value, before = np.zeros(u.shape), np.zeros(u.shape)
    for row in coefficients[:0:-1]:
        value, before = row[panel] + 2 * u * value - before, value
    return coefficients[0][panel] + u * value - before
