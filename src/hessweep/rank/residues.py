"""Deep polynomial networks on residues modulo the prime: values and gradients, exactly."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import UInt64
from numpy import ndarray
from numpy.random import Generator

from hessweep.networks import DeepNetwork
from hessweep.rank import mersenne

Residues = mersenne.Residues

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
    """Weights, biases and activations of a network, reduced modulo the prime."""

    weights: list[UInt64[ndarray, "d_out d_in"]]
    biases: list[UInt64[ndarray, " d_out"] | None]
    functions: list[Function]

    @classmethod
    def of(cls, network: DeepNetwork, functions: Sequence[Function]) -> "Layers":
        """Return a network's own weights and biases, which are dyadic, exactly."""
        return cls(
            [mersenne.residues(W) for W in network.weights],
            [None if b is None else mersenne.residues(b) for b in network.biases],
            list(functions),
        )

    @classmethod
    def random(cls, sizes: HasSizes, rng: Generator) -> "Layers":
        """Return random weights and biases of the given sizes."""
        w = sizes.widths
        weights = [
            rng.integers(mersenne.PRIME, size=(after, before), dtype=np.uint64)
            for before, after in pairwise(w)
        ]
        biases = [
            rng.integers(mersenne.PRIME, size=d, dtype=np.uint64) if has else None
            for d, has in zip(w[1:], sizes.biased, strict=True)
        ]
        return cls(weights, biases, [polynomial(a) for a in sizes.coefficients])


class Pass(NamedTuple):
    """What a forward pass leaves for the backward pass; columns are points."""

    preactivations: list[UInt64[ndarray, "d n"]]
    activities: list[UInt64[ndarray, "d n"]]


def polynomial(coefficients: Sequence[float]) -> Function:
    """Return a polynomial on residues; float64 coefficients are dyadic and reduce exactly."""
    exact = mersenne.residues(np.array(coefficients, dtype=float))
    degrees = np.arange(len(exact), dtype=np.uint64)
    derived = mersenne.multiply(exact, degrees)[1:]
    return Function(lambda u: _horner(exact, u), lambda u: _horner(derived, u))


def forward(layers: Layers, x: UInt64[ndarray, "d_0 n"]) -> Pass:
    """Return preactivations and activities of all layers at the columns of x."""
    preactivations: list[ndarray] = []
    activities = [x]
    for layer, (W, b) in enumerate(zip(layers.weights, layers.biases, strict=True)):
        u = mersenne.product(W, activities[-1])
        preactivations.append(u if b is None else mersenne.reduced(u + b[:, None]))
        if layer < len(layers.functions):
            activities.append(layers.functions[layer].value(preactivations[-1]))
    return Pass(preactivations, activities)


def gradients(
    layers: Layers, x: UInt64[ndarray, "d_0 n"], cotangent: UInt64[ndarray, "d_L n"]
) -> UInt64[ndarray, "P n"]:
    """Return `Σ_o cotangent_os ∂y_o(x_s)/∂θ mod p` by backpropagation, a column for each point."""
    sizes = [W.size + (0 if b is None else len(b)) for W, b in zip(*layers[:2], strict=True)]
    result = np.empty((sum(sizes), x.shape[1]), dtype=np.uint64)
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
    u, h = forward(layers, x)
    delta, stop = cotangent, len(result)
    for layer in range(len(layers.weights) - 1, -1, -1):
        W, b = layers.weights[layer], layers.biases[layer]
        if b is not None:
            result[stop - len(b) : stop] = delta
            stop -= len(b)
        products = mersenne.multiply(delta[:, None], h[layer][None])
        result[stop - W.size : stop] = products.reshape(W.size, -1)
        stop -= W.size
        if layer:
            back = mersenne.product(np.ascontiguousarray(W.T), delta)
            delta = mersenne.multiply(back, layers.functions[layer - 1].slope(u[layer - 1]))


def _horner(coefficients: UInt64[ndarray, " n"], u: Residues) -> Residues:
    total = np.full(u.shape, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = mersenne.reduced(mersenne.multiply(total, u) + coefficient)
    return total
