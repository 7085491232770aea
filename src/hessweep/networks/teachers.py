"""Random teachers: networks with independent weights of mean 0 and variance 1/fan_in."""

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError
from hessweep.networks.generators import generators
from hessweep.networks.inputs import Inputs
from hessweep.networks.layout import check_sizes
from hessweep.networks.stack import NetworkStack
from hessweep.networks.two_layer import Network

MAX_SEED = 2**63 - 1

WEIGHTS: dict[str, Callable[[Generator, int], ndarray]] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "uniform": lambda rng, size: rng.uniform(-np.sqrt(3), np.sqrt(3), size),
    "rademacher": lambda rng, size: rng.choice([-1.0, 1.0], size),
    "laplace": lambda rng, size: rng.laplace(0, np.sqrt(0.5), size),
    "student-t": lambda rng, size: rng.standard_t(5, size) * np.sqrt(3 / 5),
    "exponential": lambda rng, size: rng.standard_exponential(size) - 1,
}
"""Weight distributions of mean 0 and variance 1, before scaling by the fan-in. `student-t` has 5
degrees of freedom; `exponential` is shifted to mean 0 and is not symmetric."""


BIASES = ("none", "hidden", "output", "both")
"""Which biases a teacher has."""


def sample_teacher(
    activation: str | Activation,
    N_i: int,
    N_h: int,
    seed: int,
    weights: str = "normal",
    biases: str = "none",
    N_o: int = 1,
    inputs: Inputs | None = None,
) -> Network:
    """Return the random teacher of a point: i.i.d. parameters of mean 0 and variance 1/fan_in.

    The weights depend on `(N_i, N_h, seed, weights)` alone, so that activations are compared on
    the same teachers, and teachers with biases have the weights of those without. Biases have
    the same distribution as the weights, variance `1/N_i` for hidden ones and `1/N_h` for those of
    the outputs. `W2` is a vector for one output and a matrix for several.

    Args:
        activation: The activation or its name.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        seed: Whole number from 0 to `MAX_SEED`.
        weights: The distribution, a key of `WEIGHTS`.
        biases: One of `BIASES`.
        N_o: Number of outputs.
        inputs: The law of the inputs, which the parameters do not depend on.

    Raises:
        ShapeError: If N_i, N_h or N_o is below 1, or the inputs do not fit to N_i.
        InputError: If the seed is not a whole number from 0 to `MAX_SEED`, the weight
            distribution is unknown, or `biases` is none of `BIASES`.
        ActivationError: If the activation is unknown.
    """
    if biases == "none" and N_o == 1 and inputs is None:
        [teacher] = sample_teachers(activation, N_i, N_h, [seed], weights)
        return teacher
    if biases not in BIASES:
        raise InputError(f"biases: expected one of {', '.join(BIASES)}, got {biases!r}")
    check_sizes(N_i, N_h, N_o)
    _check_choice([seed], weights)
    # Both biases are drawn, so that neither depends on whether there is the other.
    W1, W2, b1, b2 = _draw(_generator(N_i, N_h, seed, weights), weights, N_i, N_h, N_o)
    return Network(
        W1,
        W2[0] if N_o == 1 else W2,
        resolve(activation),
        b1=b1 if biases in ("hidden", "both") else None,
        b2=b2 if biases in ("output", "both") else None,
        inputs=inputs,
    )


def _draw(
    rng: Generator, weights: str, N_i: int, N_h: int, N_o: int
) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """Return `W1, W2, b1, b2` of a teacher, W2 as a matrix, in the order of their drawing."""
    draw = WEIGHTS[weights]
    W1, W2 = draw(rng, N_h * N_i) / np.sqrt(N_i), draw(rng, N_o * N_h) / np.sqrt(N_h)
    b1, b2 = draw(rng, N_h) / np.sqrt(N_i), draw(rng, N_o) / np.sqrt(N_h)
    return W1.reshape(N_h, N_i), W2.reshape(N_o, N_h), b1, b2


def sample_teachers(
    activation: str | Activation,
    N_i: int,
    N_h: int,
    seeds: Sequence[int],
    weights: str = "normal",
    biases: str = "none",
    N_o: int = 1,
    inputs: Inputs | None = None,
) -> Sequence[Network]:
    """Return `sample_teacher` for each seed, which is much faster for many small networks.

    Raises:
        ShapeError: If N_i, N_h or N_o is below 1, or the inputs do not fit to N_i.
        InputError: If a seed is not a whole number from 0 to `MAX_SEED`, the weight distribution
            is unknown, or `biases` is none of `BIASES`.
        ActivationError: If the activation is unknown.
    """
    if biases != "none" or N_o != 1 or inputs is not None:
        return [
            sample_teacher(activation, N_i, N_h, seed, weights, biases, N_o, inputs)
            for seed in seeds
        ]
    stacks = sample_stack(N_i, N_h, seeds, weights)
    for stack in stacks:
        stack.flags.writeable = False
    return NetworkStack(*stacks, resolve(activation))


def sample_weights(
    N_i: int, N_h: int, seed: int, weights: str = "normal"
) -> tuple[Float[ndarray, "N_h N_i"], Float[ndarray, " N_h"]]:
    """Return `W1` and `W2` of `sample_teacher` as plain arrays.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        InputError: If the seed is not a whole number from 0 to `MAX_SEED`, or the weight
            distribution is unknown.
    """
    [W1], [W2] = sample_stack(N_i, N_h, [seed], weights)
    return W1, W2


def sample_stack(
    N_i: int, N_h: int, seeds: Sequence[int], weights: str = "normal"
) -> tuple[Float[ndarray, "S N_h N_i"], Float[ndarray, "S N_h"]]:
    """Return `W1` and `W2` of `sample_teacher` for each seed, stacked along the first axis.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        InputError: If a seed is not a whole number from 0 to `MAX_SEED`, or the weight
            distribution is unknown.
    """
    check_sizes(N_i, N_h)
    _check_choice(seeds, weights)
    draw = WEIGHTS[weights]
    W1, W2 = np.empty((len(seeds), N_h * N_i)), np.empty((len(seeds), N_h))
    for place, rng in _generators(N_i, N_h, seeds, weights):
        W1[place] = draw(rng, N_h * N_i)
        W2[place] = draw(rng, N_h)
    W1 /= np.sqrt(N_i)
    W2 /= np.sqrt(N_h)
    return W1.reshape(-1, N_h, N_i), W2


def _check_choice(seeds: Sequence[int], weights: str) -> None:
    for seed in seeds:
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or not 0 <= seed <= MAX_SEED:
            raise InputError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r}")
    if weights not in WEIGHTS:
        raise InputError(
            f"weights: unknown distribution {weights!r}; known are {', '.join(WEIGHTS)}"
        )


def _generator(N_i: int, N_h: int, seed: int, weights: str) -> Generator:
    """Return the generator that draws the teacher of a point."""
    [(_, generator)] = _generators(N_i, N_h, [seed], weights)
    return generator


def _generators(
    N_i: int, N_h: int, seeds: Sequence[int], weights: str
) -> Iterator[tuple[int, Generator]]:
    """Yield the place of each seed with the generator that draws its teacher.

    It is that of `SeedSequence([digest, N_i, N_h, seed])`.
    """
    shared = _shared_words(N_i, N_h, weights)
    numbers = np.array(seeds, np.uint64)
    halves = np.stack([numbers & np.uint64(0xFFFFFFFF), numbers >> np.uint64(32)], axis=1)
    for places, count in ((halves[:, 1] == 0, 1), (halves[:, 1] > 0, 2)):
        own = halves[places, :count].astype(np.uint32)
        words = np.tile(np.array([*shared, *[0] * count], np.uint32), (len(own), 1))
        words[:, -count:] = own
        yield from zip(np.flatnonzero(places).tolist(), generators(words), strict=True)


def _shared_words(N_i: int, N_h: int, weights: str) -> list[int]:
    digest = int.from_bytes(hashlib.sha256(weights.encode()).digest()[:8], "big") | 1 << 63
    return [*_words(digest), *_words(N_i), *_words(N_h)]


def _words(number: int) -> list[int]:
    """Return a whole number as 32-bit words, the lowest first."""
    words = [number & 0xFFFFFFFF]
    while number := number >> 32:
        words.append(number & 0xFFFFFFFF)
    return words
