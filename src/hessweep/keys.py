"""Keys: stable hashes of all that a result depends on, written as text."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from hessweep.axis import Axis


def identity_text(
    axes: Iterable[Axis],
    activation: Mapping[str, Any],
    seed: int | str,
    version: int,
    columns: Mapping[str, Any],
) -> str:
    """Return what a key is the hash of.

    Args:
        axes: The axes of a setup; newer ones at their default have no part in it.
        activation: The identity of the activation.
        seed: The seed of the point.
        version: The version of the mathematics.
        columns: The value of each axis by its column.
    """
    kept = {
        axis.column.name: columns[axis.column.name]
        for axis in axes
        if axis.is_in_key(columns[axis.column.name])
    }
    identity = {"kernel_version": version, "activation": activation, "seed": seed, **kept}
    return json.dumps(identity, sort_keys=True)


def digest(text: str) -> str:
    """Return the hash of a text, 32 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
