"""The random deep teachers: independent weights and biases of mean 0 and variance 1/fan_in."""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from hessweep.activations import Activation
from hessweep.errors import InputError, ShapeError
from hessweep.networks.deep import DeepNetwork
from hessweep.networks.inputs import Inputs
from hessweep.networks.teachers import MAX_SEED, WEIGHTS

BIASES = ("none", "hidden", "output", "both")
"""Which layers of a teacher have biases; a list with a truth value for each layer says the same
in more detail."""


def sample_deep_teacher(
    activation: str | Activation | Sequence[str | Activation],
    widths: Sequence[int],
    seed: int,
    weights: str = "normal",
    biases: str | Sequence[bool] = "none",
    inputs: Inputs | None = None,
) -> DeepNetwork:
    """Return a random deep teacher: i.i.d. weights and biases of mean 0, variance 1/fan_in.

    The weights depend on `(widths, seed, weights)` alone; biases, of the same distribution, are
    drawn after all weights, so that activations and choices of biases are compared on the same
    weights.

    Args:
        activation: One activation, or its name, or a list with one for each hidden layer.
        widths: `d_0, ..., d_L`: inputs, hidden layers, outputs.
        seed: A whole number from 0 to `MAX_SEED`.
        weights: The distribution, a key of `WEIGHTS`.
        biases: Which layers have biases: `none`, `hidden`, `output`, `both`, or a list with a
            truth value for each layer.
        inputs: The law of the inputs, which the parameters do not depend on.

    Raises:
        ShapeError: If `widths` are not two or more whole numbers of at least 1.
        InputError: If the seed, the distribution or the choice of biases is unknown.
        ActivationError: If an activation is unknown.
    """
    sizes = check_widths(widths)
    trained = biased_layers(biases, len(sizes) - 1)
    if (
        isinstance(seed, bool)
        or not isinstance(seed, int | np.integer)
        or not (0 <= seed <= MAX_SEED)
    ):
        raise InputError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r}")
    if weights not in WEIGHTS:
        raise InputError(
            f"weights: unknown distribution {weights!r}; known are {', '.join(WEIGHTS)}"
        )
    digest = int.from_bytes(hashlib.sha256(weights.encode()).digest()[:8], "big") | 1 << 63
    rng = Generator(PCG64(SeedSequence([digest, *sizes, int(seed)])))
    draw = WEIGHTS[weights]
    layers = list(zip(sizes[1:], sizes[:-1], strict=True))
    matrices = [
        draw(rng, out * fan_in).reshape(out, fan_in) / np.sqrt(fan_in) for out, fan_in in layers
    ]
    vectors = [
        draw(rng, out) / np.sqrt(fan_in) if has else None
        for has, (out, fan_in) in zip(trained, layers, strict=True)
    ]
    return DeepNetwork(matrices, activation, vectors, inputs)


def check_widths(widths: Sequence[int]) -> tuple[int, ...]:
    """Return the widths as plain whole numbers.

    Raises:
        ShapeError: If they are not two or more whole numbers of at least 1.
    """
    sizes = tuple(widths)
    whole = all(isinstance(d, int | np.integer) and not isinstance(d, bool) for d in sizes)
    if len(sizes) < 2 or not whole or min(sizes) < 1:
        raise ShapeError(
            "widths: expected two or more whole numbers of at least 1 (inputs, hidden layers, "
            f"outputs), got {list(sizes)}"
        )
    return tuple(int(d) for d in sizes)


def parameter_count(widths: Sequence[int], biased: Sequence[bool]) -> int:
    """Return the number of parameters of a network with these widths and layers with biases."""
    layers = zip(pairwise(widths), biased, strict=True)
    return sum((before + has) * after for (before, after), has in layers)


def biased_layers(biases: str | Sequence[bool], layers: int) -> tuple[bool, ...]:
    """Return for each layer whether it has biases.

    Raises:
        InputError: If `biases` is no word of `BIASES` and no list of one truth value a layer.
    """
    if isinstance(biases, str):
        if biases not in BIASES:
            raise InputError(f"biases: expected one of {', '.join(BIASES)}, got {biases!r}")
        hidden, output = biases in ("hidden", "both"), biases in ("output", "both")
        return (hidden,) * (layers - 1) + (output,)
    found = tuple(bool(has) for has in biases)
    if len(found) != layers:
        raise InputError(
            f"biases: expected one of {', '.join(BIASES)} or {layers} truth values, one for each "
            f"layer, got {len(found)}"
        )
    return found
