"""Runs of training, one dataset each, with their times as a coordinate."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from hessweep.kinds.training import MODE, RECORD
from hessweep.kinds.training_options import Training
from hessweep.store import each_of, table
from hessweep.store.schema import attributes


def training_runs(results: xr.DataTree, where: str | None = None) -> list[xr.Dataset]:
    """Return the runs of the points that a condition selects, in the order of `table`.

    Args:
        results: From `open_results`.
        where: A condition on the columns of the point table, such as `ended == 'converged'`.

    Returns:
        For each computed point of the kind `training` a dataset along `time`, which is a
        coordinate, and `mode`: what is recorded (`loss`, `visible_rank` and so on), and the
        ascending eigenvalues `mode_eigenvalues` and `mode_outer_eigenvalues` of shape
        `(time, mode)`, which have no modes where no spectra were asked for. Its attributes are
        the columns of the point.

    Raises:
        QueryError: If the condition can not be read.
    """
    rows = table(results, where)
    names = [column.name for ragged in (RECORD, MODE) for column in ragged.columns]
    parts = {name: each_of(results, name, where) for name in names}
    return [
        _run({name: values[k] for name, values in parts.items()}, row)
        for k, row in enumerate(rows.to_dict("records"))
        if row[RECORD.size.name] > 0
    ]


def training_of(run: xr.Dataset) -> Training:
    """Return how the student of a run was trained."""
    return Training.from_text(run.attrs["training"])


def _run(parts: dict[str, np.ndarray], row: dict[object, object]) -> xr.Dataset:
    times = len(parts["time"])
    variables = {
        column.name: ("time", parts[column.name], attributes(column)) for column in RECORD.columns
    }
    modes = {
        column.name: (("time", "mode"), parts[column.name].reshape(times, -1), attributes(column))
        for column in MODE.columns
    }
    return xr.Dataset(variables | modes, attrs={str(name): value for name, value in row.items()})


def mean_on_grid(
    runs: list[xr.Dataset], name: str, times: np.ndarray, quantiles: tuple[float, ...]
) -> Iterator[np.ndarray]:
    """Yield the mean over runs of a recorded quantity at these times, and its quantiles.

    A run that ended before a time counts with its last value.
    """
    values = np.array([_at(run, name, times) for run in runs])
    yield values.mean(axis=0)
    yield from np.quantile(values, quantiles, axis=0)


def _at(run: xr.Dataset, name: str, times: np.ndarray) -> np.ndarray:
    """Return the value of the last record that is not later than each time."""
    last = np.searchsorted(run["time"].values, times * (1 + 1e-12), side="right") - 1
    return np.asarray(run[name].values[np.maximum(last, 0)], dtype=float)
