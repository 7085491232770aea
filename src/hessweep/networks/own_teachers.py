"""Teachers that somebody trained elsewhere: the weights of a file, instead of random ones."""

from collections.abc import Sequence

import numpy as np

from hessweep.activations import Activation
from hessweep.errors import InputError, ShapeError
from hessweep.networks.inputs import Inputs
from hessweep.networks.layout import Layout
from hessweep.networks.stored_arrays import StoredArrays, find_arrays
from hessweep.networks.two_layer import Network

NAMES = ("W1", "W2", "b1", "b2")
FORM = (
    "W1 (N_h x N_i), W2 (N_h, or N_o x N_h) and, where there are biases, b1 (N_h) and b2 (N_o); "
    "for several networks each with one more axis in front"
)


def stacked_teachers(file: StoredArrays) -> StoredArrays:
    """Return the networks of a file in one form, all stacked and W2 with an axis of outputs.

    Raises:
        ShapeError: If the arrays do not make networks of one architecture.
        InputError: If there are other arrays, or W1 or W2 is missing.
    """
    found = dict(file.arrays)
    unknown = sorted(set(found) - set(NAMES))
    missing = [name for name in ("W1", "W2") if name not in found]
    if unknown or missing:
        raise InputError(
            f"expected {FORM}; got {', '.join(file.arrays) or 'no array'}"
            + (f", without {' and '.join(missing)}" if missing else "")
        )
    if found["W1"].ndim == 2:
        # A single number is the bias of one output.
        found = {
            name: (np.atleast_1d(array) if name == "b2" else array)[None]
            for name, array in found.items()
        }
    W1, W2 = found["W1"], found["W2"]
    if W2.ndim == 2:
        found["W2"] = W2 = W2[:, None, :]
    if "b2" in found and found["b2"].ndim == 1:
        found["b2"] = found["b2"][:, None]
    shapes = ", ".join(f"{name} {file[name].shape}" for name in file.arrays)
    if W1.ndim != 3 or 0 in W1.shape or W2.ndim != 3 or 0 in W2.shape:
        raise ShapeError(f"expected {FORM}; got {shapes}")
    (S, N_h, _), N_o = W1.shape, W2.shape[1]
    expected = {"W1": W1.shape, "W2": (S, N_o, N_h), "b1": (S, N_h), "b2": (S, N_o)}
    if any(array.shape != expected[name] for name, array in found.items()):
        raise ShapeError(f"expected {FORM}; got {shapes}")
    return StoredArrays(found, file.file)


def teachers_layout(stacked: StoredArrays) -> Layout:
    """Return the architecture of stacked teachers."""
    _, N_h, N_i = stacked["W1"].shape
    arrays = stacked.arrays
    return Layout(N_i, N_h, stacked["W2"].shape[1], "b1" in arrays, "b2" in arrays)


def weights_text(stacked: StoredArrays) -> str:
    """Return what stands for a file in place of a weight distribution: the hash of its content."""
    return f"file({stacked.sha256})"


def weights_hash(weights: str) -> str | None:
    """Return the hash in such a text; None for a distribution."""
    return weights[5:-1] if weights.startswith("file(") and weights.endswith(")") else None


def own_teachers(
    activation: Activation,
    weights: str,
    seeds: Sequence[int],
    files: Sequence[StoredArrays],
    inputs: Inputs | None = None,
) -> list[Network]:
    """Return the networks of a file at some places, which stand for seeds.

    Args:
        activation: Their activation.
        weights: From `weights_text`.
        seeds: Places in the file, from 0.
        files: The files at hand, from `stacked_teachers`.
        inputs: The law of the inputs.

    Raises:
        InputError: If the file is not at hand or has no network at such a place.
    """
    file = find_arrays(weights_hash(weights) or "", files, "teachers")
    count = len(file["W1"])
    networks = []
    for seed in seeds:
        if not 0 <= seed < count:
            raise InputError(
                f"seed: expected a place in the file from 0 to {count - 1}, got {seed}"
            )
        own = {name: array[seed] for name, array in file.arrays.items()}
        W2 = own.pop("W2")
        W1 = own.pop("W1")
        W2 = W2[0] if len(W2) == 1 else W2
        networks.append(Network(W1, W2, activation, **own, inputs=inputs))
    return networks
