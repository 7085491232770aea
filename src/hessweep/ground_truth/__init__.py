"""Ground truth for other tools: networks whose ranks and eigenvalues are proved.

`load()` returns the reference set; `from_state_dict` and `HessianOperator` connect it with other
libraries. docs/ground-truth.md has five examples.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import activation
from hessweep.errors import InputError
from hessweep.ground_truth.adapters import HessianOperator, from_state_dict, relative_error
from hessweep.ground_truth.networks import ARRAYS, FOLDER
from hessweep.networks import Network


@dataclass(frozen=True, eq=False)
class Reference:
    """A network, and what is known of its Hessian at the optimum."""

    name: str
    why: str
    """What is special about it."""
    network: Network
    rank: int
    rank_certificate: str
    """`proved` for all of this set."""
    eigenvalues: Float[ndarray, " P"]
    """In float64, ascending."""
    eigenvalue_error: float
    """A proved bound on the absolute error of each."""
    trace: float
    lambda_min: tuple[float, float]
    """Proved bounds on the smallest non-zero eigenvalue; the lower one is 0 where all that is
    known is that it is positive."""
    learning_coefficient: tuple[float, float] | None
    """Proved bounds, equal where it is known; None for biases and several outputs."""

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.network.P


def load(folder: str | Path = FOLDER) -> list[Reference]:
    """Return the reference set.

    Args:
        folder: Where `reference.json` and `reference.npz` are; the package's own by default.

    Raises:
        InputError: If they can not be read, or are of a newer format.
    """
    folder = Path(folder)
    try:
        found = json.loads((folder / "reference.json").read_text(encoding="utf-8"))
        with np.load(folder / "reference.npz") as arrays:
            data = dict(arrays)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}: expected the files of the reference set: {error}") from error
    if found.get("format") != 1:
        raise InputError(f"{folder}: format {found.get('format')} needs a newer hessweep")
    return [_reference(entry, data) for entry in found["networks"]]


def _reference(entry: dict, data: dict[str, ndarray]) -> Reference:
    name = entry["name"]
    W1, W2, b1, b2 = (data.get(f"{name}/{key}") for key in ARRAYS)
    if W1 is None or W2 is None:
        raise InputError(f"{name}: expected its weights in reference.npz")
    coefficient = entry["learning_coefficient"]
    return Reference(
        name=name,
        why=entry["why"],
        network=Network(W1, W2, activation(**entry["activation"]), b1, b2),
        rank=entry["rank"],
        rank_certificate=entry["rank_certificate"],
        eigenvalues=data[f"{name}/eigenvalues"],
        eigenvalue_error=entry["eigenvalue_error"],
        trace=entry["trace"],
        lambda_min=tuple(entry["lambda_min"]),
        learning_coefficient=None if coefficient is None else tuple(coefficient),
    )


__all__ = ["HessianOperator", "Reference", "from_state_dict", "load", "relative_error"]
