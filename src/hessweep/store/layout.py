"""Whether what was read from a segment has the columns and values that the store writes.

A segment may come from anywhere. What passes these checks can be indexed, published, queried and
verified without further ones.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy import ndarray

from hessweep.errors import DamagedStoreError, shortened
from hessweep.kinds import RAGGED, SPECTRUM
from hessweep.setup import AXES, IDENTITY
from hessweep.store.schema import FLAT_COLUMNS, POINT_COLUMNS

MAX_POINTS = 2**17
"""Points in a segment at most."""

_REQUIRED = (
    *(column.name for column in IDENTITY if column.missing is None),
    "activation_spec",
    "kernel_version",
    "status",
    SPECTRUM.size.name,
    *(column.name for column in SPECTRUM.columns),
)
"""What the segments of every version have; other columns may be absent from older ones."""

_SMALLEST = {
    **{
        axis.column.name: axis.default if axis.has_default else 1
        for axis in AXES
        if axis.column.dtype == "int64"
    },
    "seed": 0,
    "kernel_version": 0,
    **{ragged.size.name: 0 for ragged in RAGGED},
}
"""The smallest value of each column that has one."""


def check_layout(
    arrays: Mapping[str, ndarray], attributes: Mapping[str, Any], *, complete: bool
) -> None:
    """Check the arrays and attributes of a segment.

    Args:
        arrays: Arrays by name.
        attributes: The attributes of the segment.
        complete: Whether these are all its arrays; otherwise what is absent was not asked for.

    Raises:
        DamagedStoreError: If they are not what the store writes; the message names the column.
    """
    if complete and (missing := [name for name in _REQUIRED if name not in arrays]):
        raise DamagedStoreError(f"no {', '.join(missing)}")
    _check_types(arrays)
    for name, smallest in _SMALLEST.items():
        if name in arrays and (arrays[name] < smallest).any():
            raise DamagedStoreError(f"{name}: expected at least {smallest}")
    if complete:
        _check_sizes(arrays)
    for status in np.unique(arrays["status"]) if "status" in arrays else ():
        if status not in ("done", "failed"):
            raise DamagedStoreError(
                f"status: expected done or failed, got {shortened(status, 50)}"
            )
    for spec in set(arrays["activation_spec"].tolist()) if "activation_spec" in arrays else ():
        _check_spec(spec)
    _check_provenance(attributes)


def _check_types(arrays: Mapping[str, ndarray]) -> None:
    for column in (*POINT_COLUMNS, *FLAT_COLUMNS):
        if column.name in arrays and arrays[column.name].dtype != column.numpy_dtype:
            found = arrays[column.name].dtype
            raise DamagedStoreError(f"{column.name}: expected {column.dtype}, got {found}")
    lengths = {
        column.name: len(arrays[column.name]) for column in POINT_COLUMNS if column.name in arrays
    }
    if len(set(lengths.values())) > 1:
        other = next(name for name in lengths if lengths[name] != next(iter(lengths.values())))
        raise DamagedStoreError(f"{other}: not as many values as other columns")
    if lengths and not 0 < next(iter(lengths.values())) <= MAX_POINTS:
        raise DamagedStoreError(f"expected from 1 to {MAX_POINTS} points")


def _check_sizes(arrays: Mapping[str, ndarray]) -> None:
    for ragged in RAGGED:
        sizes = arrays.get(ragged.size.name, np.zeros(1, np.int64))
        for column in ragged.columns:
            count = arrays[column.name].size if column.name in arrays else 0
            # A sum of huge sizes could wrap around to the right number.
            if sizes.max() > count or sizes.sum() != count:
                raise DamagedStoreError(f"{ragged.size.name} does not add up to {column.name}")


def _check_spec(text: str) -> None:
    spec = _parse("activation_spec", text)
    if not isinstance(spec.get("name"), str):
        raise DamagedStoreError("activation_spec: expected the name of an activation")


def _check_provenance(attributes: Mapping[str, Any]) -> None:
    computed_with = attributes.get("computed_with")
    if not isinstance(computed_with, str):
        raise DamagedStoreError("computed_with: expected what the points were computed with")
    machine = _parse("computed_with", computed_with)
    if not isinstance(machine.get("versions"), dict):
        raise DamagedStoreError("computed_with: expected the versions of libraries")


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DamagedStoreError(f"{name}: not JSON: {shortened(str(error))}") from error
    if not isinstance(value, dict):
        raise DamagedStoreError(f"{name}: expected a JSON object")
    return value
