"""Polynomial networks on residues modulo a prime: values and gradients, exactly."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Num
from numpy import ndarray
from numpy.random import Generator

from hessweep.networks import DeepNetwork
from hessweep.rank import mersenne
from hessweep.rank.field import Field

Residues = Num[ndarray, "*shape"]

BLOCK = 1 << 17
"""Residues that are treated together: arrays of this size stay in cache."""


class HasSizes(Protocol):
    """Widths, coefficients and biases, as `Architecture` has them."""

    @property
    def widths(self) -> tuple[int, ...]: ...  # noqa: D102
    @property
    def coefficients(self) -> tuple[tuple[float, ...], ...]: ...  # noqa: D102
    @property
    def biased(self) -> tuple[bool, ...]: ...  # noqa: D102


class Function(NamedTuple):
    """An activation and its derivative on residues."""

    value: Callable[[Residues], Residues]
    slope: Callable[[Residues], Residues]


class Layers(NamedTuple):
    """Weights, biases and activations of a network, reduced modulo a prime."""

    weights: list[Num[ndarray, "d_out d_in"]]
    biases: list[Num[ndarray, " d_out"] | None]
    functions: list[Function]
    field: Field

    @classmethod
    def of(
        cls, network: DeepNetwork, functions: Sequence[Function], field: Field = mersenne
    ) -> "Layers":
        """Return a network's own weights and biases, which are dyadic, exactly."""
        return cls(
            [field.residues(W) for W in network.weights],
            [None if b is None else field.residues(b) for b in network.biases],
            list(functions),
            field,
        )

    @classmethod
    def random(cls, sizes: HasSizes, rng: Generator, field: Field = mersenne) -> "Layers":
        """Return random weights and biases of the given sizes."""
        w = sizes.widths
        weights = [field.random(rng, (after, before)) for before, after in pairwise(w)]
        biases = [
            field.random(rng, (d,)) if has else None
            for d, has in zip(w[1:], sizes.biased, strict=True)
        ]
        return cls(weights, biases, [polynomial(a, field) for a in sizes.coefficients], field)


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass; columns are points."""

    preactivations: list[Num[ndarray, "d n"]]
    activities: list[Num[ndarray, "d n"]]


def polynomial(coefficients: Sequence[float] | ndarray, field: Field = mersenne) -> Function:
    """Return a polynomial on residues; float64 coefficients are dyadic and reduce exactly."""
    exact = field.residues(np.array(coefficients, dtype=float))
    degrees = field.residues(np.arange(len(exact), dtype=float))
    derived = field.multiply(exact, degrees)[1:]
    return Function(lambda u: _horner(field, exact, u), lambda u: _horner(field, derived, u))


def forward(layers: Layers, x: Num[ndarray, "d_0 n"]) -> Pass:
    """Return preactivations and activities of all layers at the columns of x."""
    preactivations: list[ndarray] = []
    activities = [x]
    for layer, (W, b) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        u = layers.field.product(W, activities[-1])
        preactivations.append(u if b is None else layers.field.reduced(u + b[:, None]))
        if layer < len(layers.functions):
            activities.append(layers.functions[layer].value(preactivations[-1]))
    return Pass(preactivations, activities)


def gradients(
    layers: Layers, x: Num[ndarray, "d_0 n"], cotangent: Num[ndarray, "d_L n"]
) -> Num[ndarray, "P n"]:
    """Return `Σ_o cotangent_os ∂y_o(x_s)/∂θ mod p` by backpropagation, a column for each point."""
    sizes = [W.size + (0 if b is None else len(b)) for W, b in zip(*layers[:2], strict=True)]
    result = np.empty((sum(sizes), x.shape[1]), dtype=x.dtype)
    block = block_size(layers)
    for start in range(0, x.shape[1], block):
        part = slice(start, start + block)
        _backward(layers, x[:, part], cotangent[:, part], result[:, part])
    return result


def block_size(layers: Layers) -> int:
    """Return at how many points gradients are evaluated together."""
    return max(1, BLOCK // max(W.size for W in layers.weights))


def _backward(layers: Layers, x: ndarray, cotangent: ndarray, result: ndarray) -> None:
    """Write the gradients at a few points into the rows of `result`, the last layer first."""
    field = layers.field
    u, h = forward(layers, x)
    delta, stop = cotangent, len(result)
    for layer in range(len(layers.weights) - 1, -1, -1):
        W, b = layers.weights[layer], layers.biases[layer]
        if b is not None:
            result[stop - len(b) : stop] = delta
            stop -= len(b)
        products = field.multiply(delta[:, None], h[layer][None])
        result[stop - W.size : stop] = products.reshape(W.size, -1)
        stop -= W.size
        if layer:
            back = field.product(np.ascontiguousarray(W.T), delta)
            delta = field.multiply(back, layers.functions[layer - 1].slope(u[layer - 1]))


def _horner(field: Field, coefficients: Num[ndarray, " n"], u: Residues) -> Residues:
    total = np.full(u.shape, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = field.reduced(field.multiply(total, u) + coefficient)
    return total
