"""What a stored point looks like: the columns of segments and of the published store."""

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from hessweep.columns import Column, Ragged, repeated
from hessweep.errors import InputError
from hessweep.kinds import KINDS, RAGGED, SCALARS, SPECTRUM, Kind, PointResult, ResultTable
from hessweep.setup import IDENTITY, Setup

if TYPE_CHECKING:
    from hessweep.activations import Activation

FORMAT = 2
"""Raised whenever what is written changes; goes into every group and makes publish rebuild."""

OUTCOME: tuple[Column, ...] = (
    Column("activation_spec", "str", "name and parameters of the activation, as JSON"),
    Column("kernel_version", "int64", "version of the maths that computed the point"),
    Column("depth", "int64", "number of layers of the network", missing=2),
    Column("status", "str", "done or failed"),
    Column("error", "str", "what went wrong, empty where nothing did"),
    *(ragged.size for ragged in RAGGED),
)
"""The columns of a point's outcome that every kind has."""

POINT_COLUMNS: tuple[Column, ...] = (*IDENTITY, *OUTCOME, *SCALARS)
"""Every column along `point`."""

[EIGENVALUES] = SPECTRUM.columns

POINT, EIGENVALUE = "point", SPECTRUM.dimension
"""The dimensions of points and of eigenvalues; other ragged arrays have their own dimensions."""

FLAT_COLUMNS: tuple[Column, ...] = tuple(column for ragged in RAGGED for column in ragged.columns)
"""Every array that holds the entries of all points, one point after the other."""

DIMENSIONS = {column.name: ragged.dimension for ragged in RAGGED for column in ragged.columns}
"""The dimension of each flat array; every other array is along `point`."""

TYPES = {column.name: column.numpy_dtype for column in FLAT_COLUMNS}
"""The type of each flat array."""

SEGMENT = Column("segment", "str", "the segment that the point was published from")

PUBLISHED_COLUMNS: tuple[Column, ...] = (*POINT_COLUMNS, SEGMENT, *FLAT_COLUMNS)
"""Every array that a published group may have."""

FIRST_COLUMNS = (
    "activation", "N_i", "N_h", "seed", "P", "rank", "rank_certificate", "effective_parameters",
    "lambda_min", "lambda_max",
)  # fmt: skip
"""The columns that are asked for most, and with which a table begins."""

LAST_COLUMNS = ("activation_spec", "segment", "key")
"""The columns of long texts and hashes, with which a table ends."""

TABLE_COLUMNS = (
    *FIRST_COLUMNS,
    *(
        column.name
        for column in PUBLISHED_COLUMNS
        if column.name not in {*DIMENSIONS, *FIRST_COLUMNS, *LAST_COLUMNS}
    ),
    *LAST_COLUMNS,
)
"""What a query may name and a table may show, in a table's order."""

GROUP_ATTRIBUTES: dict[str, Any] = {
    "Conventions": "CF-1.11",
    "coordinates": " ".join(column.name for column in IDENTITY),
    "hessweep_format": FORMAT,
}


def attributes(column: Column) -> dict[str, Any]:
    """Return the column's CF attributes."""
    return dict(_attributes(column))


@lru_cache(maxsize=1024)
def _attributes(column: Column) -> dict[str, Any]:
    attrs: dict[str, Any] = {"long_name": column.long_name}
    if column.dtype != "str":
        attrs["units"] = column.units
    for ragged in RAGGED:
        if column == ragged.size:
            attrs["sample_dimension"] = ragged.dimension
    if column in SCALARS and column.dtype == "int64":
        attrs["value_if_failed"] = column.missing_value
    return attrs


def columns_of_kinds(kinds: Iterable[str]) -> tuple[Column, ...]:
    """Return the arrays of a published group whose points are of these kinds of measurement.

    A kind that is not known, as of a newer version, may have any of them.
    """
    names = set(kinds)
    if not names <= KINDS.keys():
        return PUBLISHED_COLUMNS
    kinds_found = [KINDS[name] for name in names]
    ragged = {SPECTRUM, *(one for kind in kinds_found for one in kind.ragged)}
    left_out = _stored_by(KINDS.values(), RAGGED) - _stored_by(kinds_found, ragged)
    return tuple(column for column in PUBLISHED_COLUMNS if column not in left_out)


def _stored_by(kinds: Iterable[Kind], ragged: Iterable[Ragged]) -> set[Column]:
    """Return the columns of these kinds of measurement and of these ragged arrays."""
    scalars = {column for kind in kinds for column in kind.columns}
    return scalars | {column for one in ragged for column in (one.size, *one.columns)}


def spec_json(spec: Mapping[str, Any]) -> str:
    """Return an activation's spec as text: equal text, equal activation."""
    return json.dumps(spec, sort_keys=True)


@lru_cache
def identity_json(activation: "Activation") -> str:
    """Return an activation's value in the column `activation_spec`."""
    return spec_json(activation.identity)


def columns_of(results: Sequence[PointResult]) -> dict[str, ndarray]:
    """Return the results column by column, flat arrays among them.

    Raises:
        InputError: If there is no result, or one that lacks a value of its kind.
    """
    if not results:
        raise InputError("results: expected at least one to store, got none")
    if isinstance(results, ResultTable):
        return _columns_of_table(results)
    for result in results:
        _check(result)
    values = _values(results)
    arrays = {
        column.name: np.array(values[column.name], dtype=column.numpy_dtype)
        for column in POINT_COLUMNS
    }
    for column in FLAT_COLUMNS:
        empty = empty_values(column)
        arrays[column.name] = np.concatenate(
            [result.flat.get(column.name, empty) for result in results]
        )
    return arrays


def _columns_of_table(table: ResultTable) -> dict[str, ndarray]:
    """Return the columns of results that are kept by column already."""
    _check(table[0])  # The others have the same names and types.
    values: dict[str, Any] = {column.name: column.missing_value for column in POINT_COLUMNS}
    values |= _described(table.setup) | {"status": "done", "error": ""} | dict(table.scalars)
    values |= {"key": table.setup.keys(table.seeds), "seed": np.asarray(table.seeds)}
    values |= {
        ragged.size.name: max(
            table.flat[column.name].shape[1] if column.name in table.flat else 0
            for column in ragged.columns
        )
        for ragged in RAGGED
    }
    arrays = {
        column.name: _filled(values[column.name], len(table), column) for column in POINT_COLUMNS
    }
    for column in FLAT_COLUMNS:
        rows = table.flat.get(column.name)
        arrays[column.name] = empty_values(column) if rows is None else rows.reshape(-1)
    return arrays


def _filled(values: Any, count: int, column: Column) -> ndarray:
    """Return the values of a column, of which one stands for as many equal ones."""
    if isinstance(values, ndarray | list):
        return np.asarray(values, dtype=column.numpy_dtype)
    return repeated(values, count, column.numpy_dtype)


def empty_values(column: Column) -> ndarray:
    """Return the array of a column without a value."""
    return np.empty(0, column.numpy_dtype)


def column_named(name: str) -> Column:
    """Return the column of `PUBLISHED_COLUMNS` with that name."""
    [column] = [column for column in PUBLISHED_COLUMNS if column.name == name]
    return column


def ragged_of(name: str) -> Ragged:
    """Return the ragged arrays among which the flat array of that name is."""
    return next(ragged for ragged in RAGGED if ragged.dimension == DIMENSIONS[name])


def _check(result: PointResult) -> None:
    scalars, arrays = _expected(result.point.setup.kind, result.status == "done")
    for what, given, expected in (
        ("scalars", result.scalars, scalars),
        ("arrays", result.flat, arrays),
    ):
        if given.keys() != expected:
            raise InputError(
                f"a {result.status} result takes the {what} {sorted(expected)}; "
                f"missing: {sorted(expected - given.keys())}, "
                f"unknown: {sorted(given.keys() - expected)}"
            )
    for name, values in result.flat.items():
        if values.ndim != 1 or values.dtype != TYPES[name]:
            raise InputError(
                f"{name}: expected one dimension of {TYPES[name]}, "
                f"got shape {values.shape} of {values.dtype}"
            )
    for ragged in RAGGED:
        _size(result, ragged)


@lru_cache
def _expected(kind: str, done: bool) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the scalars and of the arrays that a result of a kind has."""
    if not done:
        return frozenset(), frozenset()
    arrays = (column.name for ragged in KINDS[kind].ragged for column in ragged.columns)
    return frozenset(column.name for column in KINDS[kind].columns), frozenset(arrays)


def _size(result: PointResult, ragged: Ragged) -> int:
    """Return how many entries the point has in these arrays, of which it has all or none."""
    sizes = {
        len(result.flat[column.name]) for column in ragged.columns if column.name in result.flat
    }
    if len(sizes) > 1:
        names = ", ".join(column.name for column in ragged.columns)
        raise InputError(f"{names}: expected arrays of one length, got lengths {sorted(sizes)}")
    return sizes.pop() if sizes else 0


def _described(setup: Setup) -> dict[str, Any]:
    """Return the values of the columns that all points of a setup share."""
    return {
        "activation": setup.activation.label,
        **setup.columns,
        "activation_spec": identity_json(setup.activation),
        "kernel_version": setup.kernel_version,
        "depth": setup.depth,
    }


def _values(results: Sequence[PointResult]) -> dict[str, list[Any]]:
    """Return the values of each column along `point`."""
    setups = [result.point.setup for result in results]
    # Neighbours share their setup.
    described: dict[int, dict[str, Any]] = {}
    for setup in setups:
        if id(setup) not in described:
            described[id(setup)] = _described(setup)
    rows = [described[id(setup)] for setup in setups]
    return {
        "key": [result.point.key for result in results],
        "seed": [result.point.seed for result in results],
        "status": [result.status for result in results],
        "error": [result.error for result in results],
        **{name: [row[name] for row in rows] for name in rows[0]},
        **{ragged.size.name: [_size(one, ragged) for one in results] for ragged in RAGGED},
        **{
            column.name: [one.scalars.get(column.name, missing) for one in results]
            for column, missing in ((column, column.missing_value) for column in SCALARS)
        },
    }
