"""What a stored point looks like: the columns of segments and of the published store."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from hessweep.errors import InputError
from hessweep.setup import COLUMNS, KERNEL_VERSION, Column, PointResult

if TYPE_CHECKING:
    from hessweep.activations import Activation

FORMAT = 2
"""Raised whenever what is written changes; goes into every group and makes publish rebuild."""

IDENTITY: tuple[Column, ...] = (
    Column("key", "str", "stable hash of everything that the result depends on"),
    Column("activation", "str", "label of the activation"),
    Column("N_i", "int64", "number of inputs"),
    Column("N_h", "int64", "number of hidden neurons"),
    Column("seed", "int64", "seed of the teacher's weights"),
    Column("weights", "str", "distribution of the teacher's weights"),
    Column(
        "spectrum",
        "str",
        "exact: all eigenvalues; density: the largest and a density",
        missing="exact",
    ),
)
"""Which point it is: the coordinates on `point`."""

OUTCOME: tuple[Column, ...] = (
    Column("activation_spec", "str", "name and parameters of the activation, as JSON"),
    Column("kernel_version", "int64", "version of the maths that computed the point"),
    Column("status", "str", "done or failed"),
    Column("error", "str", "what went wrong, empty where nothing did"),
    Column("row_size", "int64", "number of stored eigenvalues of the point"),
    Column("node_size", "int64", "number of nodes of the point's density", missing=0),
)
"""What came of it."""

POINT_COLUMNS: tuple[Column, ...] = (*IDENTITY, *OUTCOME, *COLUMNS)
"""Every column along `point`."""

EIGENVALUES = Column("eigenvalues", "float64", "eigenvalues of H, ascending, point after point")

POINT, EIGENVALUE, NODE = "point", "eigenvalue", "node"
"""The dimensions; of the other two each point has a number of entries (`RAGGED`)."""


@dataclass(frozen=True)
class Ragged:
    """Arrays along one dimension, of which each point has a number of entries of its own.

    This is CF's contiguous ragged array.
    """

    dimension: str
    size: str
    """The column along `point` that says how many."""
    columns: tuple[Column, ...]


SPECTRUM = Ragged(EIGENVALUE, "row_size", (EIGENVALUES,))

DENSITY = Ragged(
    NODE,
    "node_size",
    (
        Column("density_nodes", "float64", "nodes of the density of eigenvalues of H"),
        Column("density_weights", "float64", "fractions of the P eigenvalues at the nodes"),
        Column("density_probes", "int64", "probe that a node is from, -1: known eigenvalue"),
    ),
)

RAGGED = (SPECTRUM, DENSITY)
"""What is stored flat, point after point."""

FLAT_COLUMNS: tuple[Column, ...] = tuple(column for ragged in RAGGED for column in ragged.columns)

DIMENSIONS = {column.name: ragged.dimension for ragged in RAGGED for column in ragged.columns}
"""The dimension of each flat array; every other array is along `point`."""

SEGMENT = Column("segment", "str", "the segment that the point was published from")

PUBLISHED_COLUMNS: tuple[Column, ...] = (*POINT_COLUMNS, SEGMENT, *FLAT_COLUMNS)
"""Every array of a published group."""

TABLE_COLUMNS = tuple(c.name for c in PUBLISHED_COLUMNS if c.name not in DIMENSIONS)
"""What a query may name and a table may show."""

STRING = np.dtypes.StringDType()

GROUP_ATTRIBUTES: dict[str, Any] = {
    "Conventions": "CF-1.11",
    "coordinates": " ".join(column.name for column in IDENTITY),
    "hessweep_format": FORMAT,
}


def numpy_dtype(column: Column) -> Any:
    """Return the dtype that the column has in memory."""
    return STRING if column.dtype == "str" else np.dtype(column.dtype)


def missing_value(column: Column) -> Any:
    """Return what stands for a value that does not exist: a failed point's scalars."""
    if column.missing is not None:
        return column.missing
    return {"int64": -1, "float64": float("nan"), "str": ""}[column.dtype]


def attributes(column: Column) -> dict[str, Any]:
    """Return the column's CF attributes."""
    attrs: dict[str, Any] = {"long_name": column.long_name}
    if column.dtype != "str":
        attrs["units"] = column.units
    for ragged in RAGGED:
        if column.name == ragged.size:
            attrs["sample_dimension"] = ragged.dimension
    if column in COLUMNS and column.dtype == "int64":
        attrs["value_if_failed"] = missing_value(column)
    return attrs


def spec_json(spec: Mapping[str, Any]) -> str:
    """Return an activation's spec as text: equal text, equal activation."""
    return json.dumps(spec, sort_keys=True)


@lru_cache
def identity_json(activation: "Activation") -> str:
    """Return what the column `activation_spec` says of an activation."""
    return spec_json(activation.identity)


def columns_of(results: Sequence[PointResult]) -> dict[str, ndarray]:
    """Return the results column by column, those of `RAGGED` flat among them.

    Raises:
        InputError: If there is no result, or one without a value for each of `COLUMNS`.
    """
    if not results:
        raise InputError("results: expected at least one to store, got none")
    for result in results:
        _check(result)
    rows = [_row(result) for result in results]
    arrays = {
        column.name: np.array([row[column.name] for row in rows], dtype=numpy_dtype(column))
        for column in POINT_COLUMNS
    }
    flat = [flat_values(result) for result in results]
    for column in FLAT_COLUMNS:
        arrays[column.name] = np.concatenate([values[column.name] for values in flat])
    return arrays


def flat_values(result: PointResult) -> dict[str, ndarray]:
    """Return what the flat arrays hold of a result, by the names of `FLAT_COLUMNS`."""
    density = _NO_DENSITY
    if result.density is not None:
        density = dict(zip(density, result.density.flat(), strict=True))
    return {EIGENVALUES.name: result.eigenvalues, **density}


def no_column_values(name: str) -> ndarray:
    """Return the array of a column of `PUBLISHED_COLUMNS` without a row."""
    [column] = [column for column in PUBLISHED_COLUMNS if column.name == name]
    return np.empty(0, numpy_dtype(column))


def no_values(ragged: Ragged) -> dict[str, ndarray]:
    """Return the arrays of a point that has no entries."""
    return {column.name: np.empty(0, numpy_dtype(column)) for column in ragged.columns}


_NO_DENSITY = no_values(DENSITY)
_SCALARS = frozenset(column.name for column in COLUMNS)


def _check(result: PointResult) -> None:
    expected = _SCALARS if result.status == "done" else frozenset[str]()
    given, eigenvalues = result.scalars.keys(), result.eigenvalues
    if given != expected:
        raise InputError(
            f"a {result.status} result takes the scalars {sorted(expected)}; "
            f"missing: {sorted(expected - given)}, unknown: {sorted(given - expected)}"
        )
    if eigenvalues.ndim != 1 or eigenvalues.dtype != np.float64:
        raise InputError(
            "eigenvalues: expected one dimension of float64, "
            f"got shape {eigenvalues.shape} of {eigenvalues.dtype}"
        )
    if (result.density is not None) != (result.point.spectrum == "density" and bool(given)):
        raise InputError("density: expected for a density point that is done, and for no other")


def _row(result: PointResult) -> dict[str, Any]:
    point = result.point
    scalars = result.scalars or {column.name: missing_value(column) for column in COLUMNS}
    return {
        "key": point.key,
        "activation": point.activation.label,
        "N_i": point.N_i,
        "N_h": point.N_h,
        "seed": point.seed,
        "weights": point.weights,
        "spectrum": point.spectrum,
        "activation_spec": identity_json(point.activation),
        "kernel_version": KERNEL_VERSION,
        "status": result.status,
        "error": result.error,
        "row_size": len(result.eigenvalues),
        "node_size": 0 if result.density is None else len(result.density.flat().nodes),
        **scalars,
    }
