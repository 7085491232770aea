"""The questions that are asked of opened results.

Everything is lazy until it is needed: of 10 GB of eigenvalues only those that were asked for are
read, and columns stay in memory once they have been.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy import ndarray

from hessweep.errors import DamagedStoreError, QueryError, shortened
from hessweep.kinds import FULL_SPECTRUM, KINDS, SCALARS, SPECTRUM
from hessweep.setup import AXES, IDENTITY, KIND
from hessweep.store.rows import (
    as_slice,
    flat_blocks,
    flat_values,
    parse_condition,
    read_stored,
    select_columns,
    select_rows,
    values_of,
)
from hessweep.store.schema import (
    DIMENSIONS,
    EIGENVALUE,
    EIGENVALUES,
    POINT,
    PUBLISHED_COLUMNS,
    attributes,
    ragged_of,
)

if TYPE_CHECKING:
    from hessweep.activations import Activation

_DESCRIPTIONS = {column.name: attributes(column) for column in PUBLISHED_COLUMNS}


def points(
    results: xr.DataTree, where: str | None = None, columns: Sequence[str] | None = None
) -> xr.Dataset:
    """Return the table of points: all activations, one after the other.

    Args:
        results: From `open_results`.
        where: A condition on columns, such as `"activation == 'erf' and N_i == N_h"`.
        columns: Which columns; all of `TABLE_COLUMNS` if None, in that order.

    Returns:
        A dataset along `point`, in memory, with those columns alone.

    Raises:
        QueryError: If the condition can not be read, or a name is not a column.
    """
    arrays = select_columns(_datasets(results), where, columns)
    variables = {name: (POINT, values, _DESCRIPTIONS[name]) for name, values in arrays.items()}
    coordinates = {
        column.name: variables.pop(column.name) for column in IDENTITY if column.name in arrays
    }
    return xr.Dataset(variables, coordinates)


def table(
    results: xr.DataTree, where: str | None = None, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return what `points` returns as a pandas table, columns in the order asked for.

    Without a choice it begins with the columns that are asked for most, and ends with hashes.

    Raises:
        QueryError: If the condition can not be read, or a name is not a column.
    """
    # Not by way of `points`: the first dataset that is made imports dask.array, in 0.3 s.
    arrays = select_columns(_datasets(results), where, columns)
    return pd.DataFrame({name: _series(values) for name, values in arrays.items()})


def spectra(
    results: xr.DataTree, activation: "str | Activation", N_i: int, N_h: int, **axes: Any
) -> xr.Dataset:
    """Return all spectra of one setup.

    Args:
        results: From `open_results`.
        activation: The activation, or its label in the results.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        **axes: Values of other axes of the setup by column, such as `weights="laplace"`; an axis
            that is not given has its default.

    Returns:
        `eigenvalues (seed, mode)`, ascending along `mode` = 1 … P, and every scalar along
        `seed`, of the points that are done; kinds without a full spectrum have none to return.
        Of a teacher with an exact and a sampled spectrum it is the exact one.

    Raises:
        QueryError: If there is no such point, or no such axis.
        DamagedStoreError: If a point has another number of eigenvalues than parameters.
    """
    defaults = {axis.column.name: axis.default for axis in AXES if axis.is_of_teacher}
    if unknown := sorted(axes.keys() - defaults.keys()):
        raise QueryError(f"no axis {', '.join(unknown)}; axes are {', '.join(defaults)}")
    wanted = {**defaults, "N_i": N_i, "N_h": N_h, **axes}
    dataset = _of_activation(results, str(activation))
    rows = np.flatnonzero(
        (read_stored(dataset, "N_i") == N_i) & (read_stored(dataset, "N_h") == N_h)
    )
    span = as_slice(rows)
    usable = _is_full_spectrum(values_of(dataset, KIND, span))
    for name, value in {**wanted, "status": "done"}.items():
        usable &= values_of(dataset, name, span) == value
    rows = _best_of_each_seed(dataset, rows[usable])
    if not rows.size:
        described = ", ".join(f"{name} = {value}" for name, value in wanted.items())
        raise QueryError(
            f"no point of {activation}, {described} is stored and done; `points` lists those "
            "that are"
        )
    P = int(values_of(dataset, "P", rows)[0])
    if (read_stored(dataset, SPECTRUM.size.name)[rows] != P).any():
        raise DamagedStoreError(f"{activation}, {N_i} x {N_h}: expected {P} eigenvalues a point")
    eigenvalues = flat_values(dataset, rows, EIGENVALUES.name).reshape(len(rows), P)
    scalars = {
        column.name: ("seed", values_of(dataset, column.name, rows), attributes(column))
        for column in SCALARS
    }
    found = xr.Dataset(
        {"eigenvalues": (("seed", "mode"), eigenvalues, attributes(EIGENVALUES)), **scalars},
        {"seed": values_of(dataset, "seed", rows), "mode": np.arange(1, P + 1)},
        {"activation": str(activation), **wanted},
    )
    # Points of another kind come after one another in the store.
    return found if (np.diff(found["seed"]) > 0).all() else found.sortby("seed")


def _best_of_each_seed(dataset: xr.Dataset, rows: ndarray) -> ndarray:
    """Return one of the rows for each seed: exact before sampled, a smaller asked error first."""
    seeds = values_of(dataset, "seed", rows)
    if len(np.unique(seeds)) == len(seeds):
        return rows
    kinds = values_of(dataset, KIND, rows).tolist()
    precedence = np.array([KINDS[name].precedence for name in kinds])
    order = np.lexsort((-values_of(dataset, "asked_error", rows), precedence, seeds))
    last = np.append(np.diff(seeds[order]) != 0, True)
    return np.sort(rows[order[last]])


def pooled_eigenvalues(results: xr.DataTree, where: str | None = None) -> xr.DataArray:
    """Return the eigenvalues of all selected points, point after point, in memory.

    Density points, of which the largest alone are stored, are left out: `each_of` has them. A
    teacher with an exact and a sampled spectrum counts twice unless the condition names one kind.

    Raises:
        QueryError: If the condition can not be read.
    """
    blocks = list(eigenvalue_blocks(results, where))
    values = np.concatenate(blocks) if blocks else np.empty(0)
    return xr.DataArray(values, dims=EIGENVALUE, name="eigenvalues", attrs=attributes(EIGENVALUES))


def eigenvalue_blocks(results: xr.DataTree, where: str | None = None) -> Iterator[ndarray]:
    """Yield what `pooled_eigenvalues` returns in blocks, for selections larger than memory.

    Raises:
        QueryError: If the condition can not be read.
    """
    expression = parse_condition(where)
    for dataset in _datasets(results):
        rows = np.arange(dataset.sizes[POINT])[select_rows(dataset, expression)]
        complete = _is_full_spectrum(read_stored(dataset, KIND)[rows])
        yield from flat_blocks(dataset, rows[complete], EIGENVALUES.name)


def each_of(results: xr.DataTree, name: str, where: str | None = None) -> list[ndarray]:
    """Return a flat array's values point by point, in the order of `table`.

    Args:
        results: From `open_results`.
        name: `eigenvalues`, `density_nodes` or another array that is not along `point`.
        where: A condition on columns.

    Raises:
        QueryError: If the condition can not be read, or there is no such array.
    """
    if name not in DIMENSIONS:
        raise QueryError(f"no flat array {name}; there are {', '.join(DIMENSIONS)}")
    expression = parse_condition(where)
    parts: list[ndarray] = []
    for dataset in _datasets(results):
        rows = np.arange(dataset.sizes[POINT])[select_rows(dataset, expression)]
        sizes = read_stored(dataset, ragged_of(name).size.name)[rows]
        if rows.size:
            parts += np.split(flat_values(dataset, rows, name), np.cumsum(sizes)[:-1])
    return parts


def restrict(results: xr.DataTree, keys: Collection[str]) -> xr.DataTree:
    """Return the same tree with the points of these keys alone.

    A store keeps every point that it was ever asked for; a study shows its own. Datasets of
    which all points stay are not read; of others the flat values that stay come into memory.
    """
    wanted = frozenset(keys)
    kept: dict[str, xr.Dataset] = {}
    for node in _groups(results):
        dataset = node.to_dataset()
        mask = np.fromiter((key in wanted for key in dataset["key"].values.tolist()), bool)
        rows = np.flatnonzero(mask)
        if mask.all():
            kept[node.name or ""] = dataset
        elif rows.size:
            flat = {
                name: (dimension, flat_values(dataset, rows, name), dataset[name].attrs)
                for name, dimension in DIMENSIONS.items()
                if name in dataset
            }
            part = dataset.drop_dims(set(DIMENSIONS.values()), errors="ignore").isel({POINT: rows})
            kept[node.name or ""] = part.assign(flat)
    return xr.DataTree.from_dict(kept, name=results.name)


def _groups(results: xr.DataTree) -> list[xr.DataTree]:
    if not isinstance(results, xr.DataTree):
        raise QueryError(
            "results: expected what hessweep.open_results(path) returns, got "
            f"{shortened(repr(results), 100)}"
        )
    # The root of a tree without groups is a leaf, too.
    return [node for node in results.leaves if "activation" in node.attrs]


def _datasets(results: xr.DataTree) -> list[xr.Dataset]:
    return [node.to_dataset() for node in _groups(results)]


def _of_activation(results: xr.DataTree, label: str) -> xr.Dataset:
    datasets = {dataset.attrs["activation"]: dataset for dataset in _datasets(results)}
    if label not in datasets:
        raise QueryError(
            f"no activation {label!r}; there is {', '.join(sorted(datasets)) or 'none'}"
        )
    return datasets[label]


def _is_full_spectrum(kinds: ndarray) -> ndarray:
    """Return for each kind of measurement whether all eigenvalues are stored."""
    return np.logical_or.reduce([kinds == name for name in FULL_SPECTRUM])


def _series(values: ndarray) -> pd.Series:
    if values.dtype.kind == "T":
        return pd.Series(values.astype(object), dtype="str")
    return pd.Series(values)
