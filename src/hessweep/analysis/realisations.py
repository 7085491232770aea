"""Which computed points a table, a figure or a claim is made from."""

from collections.abc import Iterable

import pandas as pd
import xarray as xr

from hessweep.density import FlatDensity, SpectralDensity
from hessweep.errors import InputError
from hessweep.store import each_of, open_results, restrict, table
from hessweep.study import Study

TEACHER = ["activation", "N_i", "N_h", "weights", "seed"]
"""Columns of the point table that tell one teacher from another."""


def results_of(study: Study, sweeps: Iterable[str] = ()) -> xr.DataTree:
    """Return the published results of the named sweeps of a study, or of all its sweeps.

    Raises:
        QueryError: If nothing is published.
        StoreError: If the results can not be read.
    """
    names = tuple(sweeps) or tuple(study.sweeps)
    keys = {point.key for name in names for point in study.sweeps[name].points()}
    return restrict(open_results(study.results), keys)


def realisations(results: xr.DataTree, where: str, *, densities: bool = False) -> pd.DataFrame:
    """Return the computed points that a condition selects, one row each.

    Args:
        results: From `open_results` or `results_of`.
        where: A condition on the columns of the point table, such as
            `activation == 'erf' and N_i == N_h`.
        densities: Whether to return density points too. A teacher that has both a density and
            a spectrum is returned once, with its spectrum.

    Returns:
        The columns of the point table, sorted by `activation, N_i, N_h, weights, seed`, and the
        ascending `eigenvalues`, an array for each row: all eigenvalues, or the largest ones for
        a density point. With densities, `density` is the `SpectralDensity` of each row.

    Raises:
        InputError: If no computed point satisfies the condition.
    """
    found = table(results, where)
    usable = (found["status"] == "done") & (densities | (found["spectrum"] == "exact"))
    if not usable.any():
        raise InputError(
            f"results: expected computed points with {where}, found none; add them to the study, "
            "or name the sweeps that hold them"
        )
    rows = each_of(results, "eigenvalues", where)
    found = found.assign(eigenvalues=pd.Series(rows, found.index, dtype=object))
    if densities:
        found["density"] = pd.Series(_densities(results, where, found), found.index, dtype=object)
    return one_a_teacher(found[usable])


def one_a_teacher(points: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each teacher, sorted by teacher.

    Where a teacher has both a spectrum and a density, its row is that of the spectrum.
    """
    rows = points.sort_values([*TEACHER, "spectrum"])
    # "exact" is sorted after "density", so that the last row of a teacher is the spectrum.
    return rows.drop_duplicates(TEACHER, keep="last", ignore_index=True)


def _densities(
    results: xr.DataTree, where: str, points: pd.DataFrame
) -> list[SpectralDensity | None]:
    """Return the density of each point: the stored one, or that of its eigenvalues."""
    flat = zip(
        *(each_of(results, f"density_{part}", where) for part in FlatDensity._fields), strict=True
    )
    densities: list[SpectralDensity | None] = []
    for row, parts in zip(points.to_dict("records"), flat, strict=True):
        if row["status"] != "done":
            densities.append(None)
        elif row["spectrum"] == "density":
            stored = FlatDensity(*parts)
            densities.append(SpectralDensity.from_flat(row["P"], stored, row["density_floor"]))
        else:
            densities.append(SpectralDensity.of_spectrum(row["eigenvalues"]))
    return densities


def linear_networks(
    results: xr.DataTree, N_i: int, N_h: int, weights: str = "normal"
) -> pd.DataFrame:
    """Return the `realisations` of the linear network of one size and weight distribution.

    Raises:
        InputError: If there are none.
    """
    size = f"N_i == {N_i} and N_h == {N_h}"
    return realisations(results, f"activation == 'linear' and {size} and weights == '{weights}'")
