"""The two-layer network and the random teachers (MATH 1)."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import PCG64, Generator, SeedSequence

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError, ShapeError

MAX_SEED = 2**63 - 1

WEIGHTS: dict[str, Callable[[Generator, int], ndarray]] = {
    "normal": lambda rng, size: rng.standard_normal(size),
    "uniform": lambda rng, size: rng.uniform(-np.sqrt(3), np.sqrt(3), size),
    "rademacher": lambda rng, size: rng.choice([-1.0, 1.0], size),
    "laplace": lambda rng, size: rng.laplace(0, np.sqrt(0.5), size),
    "student-t": lambda rng, size: rng.standard_t(5, size) * np.sqrt(3 / 5),
    "exponential": lambda rng, size: rng.standard_exponential(size) - 1,
}
"""Weight distributions of mean 0 and variance 1, before the scaling by fan-in; student-t has 5
degrees of freedom, exponential is shifted to mean 0 and so is not symmetric."""


@dataclass(frozen=True, eq=False)
class Network:
    """`y(x) = W2 · g(W1 x)`, without biases and with one output (MATH 1).

    Raises:
        ShapeError: If `W1` is not `N_h x N_i` or `W2` does not have `N_h` entries.
        InputError: If a weight is not finite.
    """

    W1: Float[ndarray, "N_h N_i"]
    W2: Float[ndarray, " N_h"]
    activation: Activation

    def __post_init__(self) -> None:
        """Copy the weights as read-only float64 and resolve the activation's name."""
        W1, W2 = (np.array(weights, dtype=float) for weights in (self.W1, self.W2))
        if W1.ndim != 2 or 0 in W1.shape:
            raise ShapeError(f"W1: expected a non-empty N_h x N_i matrix, got shape {W1.shape}")
        if W2.shape != W1.shape[:1]:
            raise ShapeError(
                f"W2: expected {W1.shape[0]} entries, one for each row of W1, got shape {W2.shape}"
            )
        if not (np.isfinite(W1).all() and np.isfinite(W2).all()):
            raise InputError("weights: expected finite numbers, got nan or infinity")
        W1.flags.writeable = W2.flags.writeable = False
        object.__setattr__(self, "W1", W1)
        object.__setattr__(self, "W2", W2)
        object.__setattr__(self, "activation", resolve(self.activation))

    @classmethod
    def _unchecked(
        cls, W1: Float[ndarray, "N_h N_i"], W2: Float[ndarray, " N_h"], activation: Activation
    ) -> "Network":
        """Return a network of read-only weights that are known to fit: in a tenth of the time."""
        network = object.__new__(cls)
        vars(network).update(W1=W1, W2=W2, activation=activation)
        return network

    @property
    def N_i(self) -> int:
        """Number of inputs."""
        return self.W1.shape[1]

    @property
    def N_h(self) -> int:
        """Number of hidden neurons."""
        return self.W1.shape[0]

    @property
    def P(self) -> int:
        """Number of parameters, `N_h (N_i + 1)`."""
        return self.W1.size + self.W2.size

    @property
    def parameters(self) -> Float[ndarray, " P"]:
        """All weights: `W1` row by row, then `W2`."""
        return np.concatenate([self.W1.ravel(), self.W2])

    def with_parameters(self, parameters: Float[ndarray, " P"]) -> "Network":
        """Return the same architecture with other weights, in the order of `parameters`."""
        W1, W2 = np.split(np.asarray(parameters), [self.W1.size])
        return Network(W1.reshape(self.W1.shape), W2, self.activation)

    def __call__(self, x: Float[ndarray, "n N_i"]) -> Float[ndarray, " n"]:
        """Return the outputs `y` for the rows of `x`."""
        return self.activation(x @ self.W1.T) @ self.W2

    def gradient(self, x: Float[ndarray, "n N_i"]) -> Float[ndarray, "n P"]:
        """Return `phi = ∂y/∂θ` for the rows of `x` (eq. 3)."""
        u = x @ self.W1.T
        dW1 = (self.activation.derivative(u) * self.W2)[:, :, None] * x[:, None, :]
        return np.concatenate([dW1.reshape(len(x), -1), self.activation(u)], axis=1)


def sample_teacher(
    activation: str | Activation, N_i: int, N_h: int, seed: int, weights: str = "normal"
) -> Network:
    """Return the random teacher of a point: i.i.d. weights of mean 0, variance 1/fan_in.

    The weights depend on `(N_i, N_h, seed, weights)` alone, so that activations are compared on
    the same teachers.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        InputError: If the seed is no whole number from 0 to `MAX_SEED`, or the weight
            distribution is unknown.
        ActivationError: If the activation is unknown.
    """
    [teacher] = sample_teachers(activation, N_i, N_h, [seed], weights)
    return teacher


def sample_teachers(
    activation: str | Activation,
    N_i: int,
    N_h: int,
    seeds: Sequence[int],
    weights: str = "normal",
) -> list[Network]:
    """Return `sample_teacher` of each seed; for many small ones in a fraction of the time.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        InputError: If a seed is no whole number from 0 to `MAX_SEED`, or the weight
            distribution is unknown.
        ActivationError: If the activation is unknown.
    """
    stacks = sample_stack(N_i, N_h, seeds, weights)
    for stack in stacks:
        stack.flags.writeable = False
    resolved = resolve(activation)
    return [Network._unchecked(W1, W2, resolved) for W1, W2 in zip(*stacks, strict=True)]


def sample_weights(
    N_i: int, N_h: int, seed: int, weights: str = "normal"
) -> tuple[Float[ndarray, "N_h N_i"], Float[ndarray, " N_h"]]:
    """Return `W1`, `W2` of `sample_teacher`, as plain arrays.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        InputError: If the seed is no whole number from 0 to `MAX_SEED`, or the weight
            distribution is unknown.
    """
    [W1], [W2] = sample_stack(N_i, N_h, [seed], weights)
    return W1, W2


def sample_stack(
    N_i: int, N_h: int, seeds: Sequence[int], weights: str = "normal"
) -> tuple[Float[ndarray, "S N_h N_i"], Float[ndarray, "S N_h"]]:
    """Return `W1`, `W2` of `sample_teacher` for each seed.

    Raises:
        ShapeError: If N_i or N_h is below 1.
        InputError: If a seed is no whole number from 0 to `MAX_SEED`, or the weight
            distribution is unknown.
    """
    check_sizes(N_i, N_h)
    for seed in seeds:
        whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
        if not whole or not 0 <= seed <= MAX_SEED:
            raise InputError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r}")
    if weights not in WEIGHTS:
        raise InputError(
            f"weights: unknown distribution {weights!r}; known are {', '.join(WEIGHTS)}"
        )
    draw = WEIGHTS[weights]
    digest = int.from_bytes(hashlib.sha256(weights.encode()).digest()[:8], "big") | 1 << 63
    shared = [*_words(digest), *_words(N_i), *_words(N_h)]
    W1, W2 = np.empty((len(seeds), N_h * N_i)), np.empty((len(seeds), N_h))
    for of_first, of_second, seed in zip(W1, W2, seeds, strict=True):
        # The words of `SeedSequence([digest, N_i, N_h, seed])`, five times faster than it.
        words = np.array([*shared, *_words(int(seed))], dtype=np.uint32)
        rng = Generator(PCG64(SeedSequence(words)))
        of_first[:] = draw(rng, N_h * N_i)
        of_second[:] = draw(rng, N_h)
    W1 /= np.sqrt(N_i)
    W2 /= np.sqrt(N_h)
    return W1.reshape(-1, N_h, N_i), W2


def _words(number: int) -> list[int]:
    """Return a whole number in 32-bit words, the lowest first."""
    words = [number & 0xFFFFFFFF]
    while number := number >> 32:
        words.append(number & 0xFFFFFFFF)
    return words


def check_sizes(N_i: int, N_h: int) -> None:
    """Raise unless both sizes are whole numbers of at least 1.

    Raises:
        ShapeError: If they are not.
    """
    for name, size in (("N_i", N_i), ("N_h", N_h)):
        if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
            raise ShapeError(f"{name}: expected a whole number of at least 1, got {size!r}")
