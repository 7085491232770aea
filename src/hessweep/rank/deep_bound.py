"""Upper bounds on the rank of deep polynomial networks by splitting them at their layers.

`polynomial_bound` is the least of what docs/depth.md proves: parameters without symmetries, the
dimension of the polynomials, and, for each hidden layer, the bounds of the two parts on its sides
without the directions that both parts share.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from hessweep.networks import parameter_count
from hessweep.rank import mersenne
from hessweep.rank.completed import second_degree
from hessweep.rank.deep_two_layers import dimension, two_layer_bound
from hessweep.rank.residues import Layers, forward

SEED = 20251215
"""Of the random weights at which functions are shown to be linearly independent."""

HIGHEST_DEGREE = 2000
"""Above it degrees are not listed, and the dimension of the polynomials bounds nothing."""

Degrees = frozenset[int]


class Architecture(NamedTuple):
    """A polynomial network without the values of its weights and biases."""

    widths: tuple[int, ...]
    """`d_0, ..., d_L`"""
    coefficients: tuple[tuple[float, ...], ...]
    """Of the activation of each hidden layer, from degree 0 up."""
    biased: tuple[bool, ...]
    """Whether each layer has biases."""

    @property
    def P(self) -> int:
        """Number of parameters."""
        return parameter_count(self.widths, self.biased)

    def part(self, start: int, stop: int) -> "Architecture":
        """Return the layers that lead from width `d_start` to `d_stop`, as a network."""
        return Architecture(
            self.widths[start : stop + 1],
            self.coefficients[start : stop - 1],
            self.biased[start:stop],
        )

    def without(self, k: int) -> "Architecture":
        """Return the network whose layers k and k + 1 are one, for a linear hidden layer k."""
        constant = self.biased[k - 1] or self.biased[k] or self.coefficients[k - 1][0] != 0
        return Architecture(
            self.widths[:k] + self.widths[k + 1 :],
            self.coefficients[: k - 1] + self.coefficients[k:],
            (*self.biased[: k - 1], constant, *self.biased[k + 1 :]),
        )


@lru_cache(maxsize=4096)
def polynomial_bound(network: Architecture) -> int:
    """Return an upper bound on the rank of all networks of an architecture."""
    widths, coefficients, biased = network
    L = len(widths) - 1
    if all(_support(a) == {1} for a in coefficients):
        return linear_rank(widths, biased)
    if L == 2:
        return two_layer_bound(widths, coefficients[0], *biased)
    lost = [symmetries(a, *biased[layer : layer + 2]) for layer, a in enumerate(coefficients)]
    hidden = widths[1:-1]
    bounds: list[float] = [
        network.P - sum(s * d for s, d in zip(lost, hidden, strict=True)),
        ambient_dimension(network),
    ]
    for k in range(1, L):
        if len(coefficients[k - 1]) == 2:
            bounds.append(polynomial_bound(network.without(k)))
        d, below = widths[k], polynomial_bound(network.part(0, k))
        bounds.append(below + polynomial_bound(network.part(k, L)) - lost[k - 1] * d)
        if _are_independent(network.part(0, k)):
            group = d * (d + biased[k - 1])
            bounds.append(below + _extended_bound(network, k, L, biased[k - 1]) - group)
    return int(min(bounds))


def ambient_dimension(network: Architecture) -> float:
    """Return the dimension of the polynomials, of the degrees that occur, at all outputs.

    Infinite where the highest degree is above `HIGHEST_DEGREE`.
    """
    degrees = _degrees(frozenset({1}), network.coefficients, network.biased)
    return network.widths[-1] * dimension(degrees, network.widths[0])


def _extended_bound(network: Architecture, start: int, stop: int, affine: bool) -> float:
    """Bound the rank of the layers above a hidden one, extended by all changes of its input.

    The functions of the preactivations z of hidden layer `start` that the layers up to `stop`
    and every linear (affine) substitution of z can produce to first order; the layer after it
    may then be any polynomial map of the degrees that occur.
    """
    widths, coefficients, biased = network
    a, v0, v1 = coefficients[start - 1], widths[start], widths[start + 1]
    degrees = frozenset(range(len(a))) if affine else _support(a)
    if biased[start]:
        degrees |= {0}
    first = v1 * dimension(degrees, v0)
    if start + 1 == stop:
        return first
    above = _degrees(degrees, coefficients[start : stop - 1], (False, *biased[start + 1 : stop]))
    shifts = 0 in degrees
    lost = symmetries(coefficients[start], shifts, biased[start + 1])
    bounds = [
        widths[stop] * dimension(above, v0),
        first + polynomial_bound(network.part(start + 1, stop)) - lost * v1,
    ]
    if v1 <= dimension(degrees, v0) - shifts:
        extended = _extended_bound(network, start + 1, stop, shifts)
        bounds.append(first + extended - v1 * (v1 + shifts))
    return min(bounds)


def symmetries(coefficients: tuple[float, ...], biased: bool, biased_after: bool) -> int:
    """Return 1 where each neuron can be rescaled without any change of the output, else 0.

    Args:
        coefficients: Of the activation, from degree 0 up.
        biased: Whether the neuron has a bias: then powers of `x + s` count as powers.
        biased_after: Whether the next layer has biases: then constants do not count.
    """
    if biased:
        second = second_degree(coefficients)
    else:
        second = max(_support(coefficients[:-1]), default=None)
    return int(second is None or (second == 0 and biased_after))


def linear_rank(widths: tuple[int, ...], biased: tuple[bool, ...]) -> int:
    """Return the rank of a deep linear network for generic weights.

    `Σ_l u_l (v_l - v_{l+1})` with the generic ranks `u_l` of `A_l` and `v_l` of `B_l`, the latter
    with the constant function added up to the last layer with biases (docs/depth.md). Without
    biases it is `r (d_0 + d_L - r)`, r the smallest width.
    """
    L = len(widths) - 1
    last = max((layer for layer in range(1, L + 1) if biased[layer - 1]), default=0)
    u = [min(widths[layer:]) for layer in range(1, L + 1)]
    v = []
    for layer in range(1, L + 1):
        if layer <= last:
            v.append(min(widths[:layer]) + 1)
        elif last:
            v.append(min(min(widths[: last + 1]) + 1, *widths[last:layer]))
        else:
            v.append(min(widths[:layer]))
    return sum(a * (b - c) for a, b, c in zip(u, v, [*v[1:], 0], strict=True))


def off_optimum_linear_rank(widths: tuple[int, ...]) -> int:
    """Return the rank of the full Hessian of a deep linear network at generic weights.

    `2 q M - L q² + q (d_0 + d_L)`, q the smallest width, M the sum of the hidden widths and L the
    number of layers (Singh, Bachmann, Hofmann 2021), without biases and away from the optimum.
    """
    q, L = min(widths), len(widths) - 1
    return 2 * q * sum(widths[1:-1]) - L * q**2 + q * (widths[0] + widths[-1])


def _support(coefficients: tuple[float, ...]) -> Degrees:
    return frozenset(d for d, c in enumerate(coefficients) if c)


def _degrees(
    first: Degrees, coefficients: tuple[tuple[float, ...], ...], biased: tuple[bool, ...]
) -> Degrees | None:
    """Return the degrees of the outputs, if those of the first product `W x` are `first`.

    None where the highest is above `HIGHEST_DEGREE`.
    """
    degrees: Degrees | None = first | {0} if biased[0] else first
    for a, has in zip(coefficients, biased[1:], strict=True):
        degrees = _composed(degrees, _support(a))
        if degrees is None:
            return None
        degrees = degrees | {0} if has else degrees
    return degrees


@lru_cache(maxsize=1024)
def _composed(inner: Degrees, outer: Degrees) -> Degrees | None:
    """Return the degrees of `Σ_{d in outer} u^d` where u has the degrees `inner`."""
    if max(inner) * max(outer) > HIGHEST_DEGREE:
        return None
    one = np.zeros(max(inner) + 1, dtype=bool)
    one[list(inner)] = True
    power, found = np.ones(1, dtype=bool), set[int]()
    for d in range(max(outer) + 1):
        if d in outer:
            found.update(np.flatnonzero(power).tolist())
        power = np.convolve(power, one) > 0
    return frozenset(found)


@lru_cache(maxsize=4096)
def _are_independent(network: Architecture) -> bool:
    """Return whether the outputs are linearly independent functions for generic weights.

    Modulo constants too where the last layer has biases. Shown by exact arithmetic at random
    weights; False means that it was not shown.
    """
    rng = np.random.default_rng(SEED)
    layers = Layers.random(network, rng)
    count = network.widths[-1] + network.biased[-1]
    x = mersenne.random(rng, (network.widths[0], count))
    values = forward(layers, x).preactivations[-1]
    if network.biased[-1]:
        values = np.concatenate([values, np.ones((1, count), dtype=np.uint64)])
    return mersenne.matrix_rank(values) == count
