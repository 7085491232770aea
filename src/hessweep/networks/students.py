"""Optima of students that have more neurons than their teacher (docs/students.md)."""

from dataclasses import astuple, dataclass, fields

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.random import Generator, SeedSequence

from hessweep.activations import Activation
from hessweep.errors import InputError
from hessweep.networks.teachers import MAX_SEED
from hessweep.networks.two_layer import Network, require_plain

TEACHER = "teacher"
"""The student that has no neurons beyond those of its teacher."""


@dataclass(frozen=True)
class Student:
    """How many neurons of each kind a student has beyond those of its teacher.

    Raises:
        InputError: If a number is not a whole number of at least 0.
    """

    zero_output: int = 0
    """Neurons with random input weights and output weight 0."""
    zero_input: int = 0
    """Neurons with input weights 0 and a random output weight."""
    split: int = 0
    """Copies of the teacher's neurons, each with a share of the output weight."""
    cancelling: int = 0
    """Pairs of neurons with equal random input weights and opposite output weights."""

    def __post_init__(self) -> None:
        """Check the numbers."""
        for field in fields(self):
            count = getattr(self, field.name)
            whole = isinstance(count, int | np.integer) and not isinstance(count, bool)
            if not whole or count < 0:
                raise InputError(
                    f"{field.name}: expected a whole number of at least 0, got {count!r}"
                )

    @classmethod
    def parse(cls, text: str) -> "Student":
        """Return the student that `str` describes.

        Raises:
            InputError: If the text is not what `str` returns.
        """
        if text == TEACHER:
            return cls()
        parts = dict(part.split("=", 1) for part in text.split() if "=" in part)
        known = {field.name for field in fields(cls)}
        if len(parts) != len(text.split()) or not known >= set(parts):
            raise InputError(f"student: expected {TEACHER} or a text like split=2, got {text!r}")
        try:
            return cls(**{name: int(count) for name, count in parts.items()})
        except ValueError:
            raise InputError(f"student: expected whole numbers, got {text!r}") from None

    def __str__(self) -> str:
        """Return the kinds of neurons with their numbers, or `teacher` if there are none."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return " ".join(f"{name}={count}" for name, count in named.items() if count) or TEACHER

    @property
    def extra_neurons(self) -> int:
        """The number of neurons beyond those of the teacher; a cancelling pair counts twice."""
        return sum(astuple(self)) + self.cancelling

    def refusal(self, activation: Activation) -> str:
        """Return why there is no such optimum with this activation, or nothing."""
        if not self.zero_input or float(activation(np.zeros(1))[0]) == 0:
            return ""
        return (
            f"zero_input: expected an activation with g(0) = 0, got {activation}: "
            "a neuron without input weights would add a constant to the output"
        )

    def optimum(self, teacher: Network, seed: int) -> Network:
        """Return what `widen` returns."""
        require_plain(teacher, "widen")
        if not isinstance(seed, int | np.integer) or not 0 <= seed <= MAX_SEED:
            raise InputError(f"seed: expected a whole number from 0 to {MAX_SEED}, got {seed!r}")
        if refusal := self.refusal(teacher.activation):
            raise InputError(refusal)
        # One stream for each kind: the neurons of one kind do not depend on the other kinds.
        streams = [
            np.random.default_rng(
                SeedSequence([teacher.N_i, teacher.N_h, seed], spawn_key=(kind,))
            )
            for kind in range(len(fields(self)))
        ]
        W2, copies, shares = _split(teacher.W2, self.split, streams[2])
        rows = _rows(self.cancelling, teacher.N_i, streams[3])
        pairs = _outputs(self.cancelling, teacher.N_h, streams[3])
        W1 = [
            teacher.W1,
            _rows(self.zero_output, teacher.N_i, streams[0]),
            np.zeros((self.zero_input, teacher.N_i)),
            teacher.W1[copies],
            np.repeat(rows, 2, axis=0),
        ]
        outputs = [
            W2,
            np.zeros(self.zero_output),
            _outputs(self.zero_input, teacher.N_h, streams[1]),
            shares,
            np.stack([pairs, -pairs], axis=1).ravel(),
        ]
        return Network(np.concatenate(W1), np.concatenate(outputs), teacher.activation)


def widen(
    network: Network,
    zero_output: int = 0,
    zero_input: int = 0,
    split: int = 0,
    cancelling: int = 0,
    seed: int = 0,
) -> Network:
    """Return an optimum of a student that is wider than its teacher.

    The student computes the same function as the teacher, so that its loss is 0. Its neurons are
    those of the teacher, followed by the extra ones in the order of the arguments. Random weights
    are normal with mean 0 and the variance of the teacher's layer, 1/N_i and 1/N_h; the extra
    neurons of one kind do not depend on how many there are of the others.

    Args:
        network: The teacher.
        zero_output: Number of neurons with random input weights and output weight 0.
        zero_input: Number of neurons with input weights 0 and a random output weight.
        split: Number of copies. Each is a copy of a random neuron of the teacher. The output
            weight of that neuron is divided among the neuron and its copies, in random positive
            shares that add up to it exactly.
        cancelling: Number of pairs of neurons with equal random input weights and opposite random
            output weights.
        seed: A whole number from 0 to `MAX_SEED`.

    Raises:
        InputError: If a number is not a whole number of at least 0, or if there are neurons with
            input weights 0 and `g(0)` is not 0.
    """
    return Student(zero_output, zero_input, split, cancelling).optimum(network, seed)


def _rows(count: int, N_i: int, rng: Generator) -> Float[ndarray, "count N_i"]:
    return rng.standard_normal((count, N_i)) / np.sqrt(N_i)


def _outputs(count: int, N_h: int, rng: Generator) -> Float[ndarray, " count"]:
    return rng.standard_normal(count) / np.sqrt(N_h)


def _split(
    W2: Float[ndarray, " N_h"], count: int, rng: Generator
) -> tuple[Float[ndarray, " N_h"], ndarray, Float[ndarray, " count"]]:
    """Return what the teacher's neurons keep, which neurons are copied, and the copies' shares.

    Shares are whole multiples of the unit in the last place of the output weight, so that they
    add up to it without rounding.
    """
    copies = rng.integers(len(W2), size=count)
    kept, shares = W2.copy(), np.zeros(count)
    for neuron in np.unique(copies):
        of_neuron = np.flatnonzero(copies == neuron)
        fractions = rng.dirichlet(np.ones(len(of_neuron) + 1))[1:]
        unit = np.spacing(abs(W2[neuron]))
        shares[of_neuron] = np.trunc(fractions * W2[neuron] / unit) * unit
        kept[neuron] -= shares[of_neuron].sum()
    return kept, copies, shares
