"""Which computed points a table, a figure or a claim is made from."""

from collections.abc import Iterable

import pandas as pd
import xarray as xr

from hessweep.density import FlatDensity, SpectralDensity
from hessweep.errors import InputError
from hessweep.kinds import FULL_SPECTRUM, KINDS
from hessweep.running.requested import PublishedValues, requested_of
from hessweep.setup import AXES, KIND, TEACHER
from hessweep.store import each_of, open_results, restrict, table
from hessweep.store.rows import parse_condition
from hessweep.study import Study


def results_of(study: Study, sweeps: Iterable[str] = ()) -> xr.DataTree:
    """Return the published results of the named sweeps of a study, or of all its sweeps.

    Raises:
        QueryError: If nothing is published.
        StoreError: If the results can not be read.
    """
    names = tuple(sweeps) or tuple(study.sweeps)
    results = open_results(study.results)
    shown = [study.sweeps[name] for name in names]
    return restrict(results, {p.key for p in requested_of(shown, PublishedValues(results))})


def realisations(results: xr.DataTree, where: str, *, densities: bool = False) -> pd.DataFrame:
    """Return the computed points that a condition selects, one row each.

    Args:
        results: From `open_results` or `results_of`.
        where: A condition on the columns of the point table, such as
            `activation == 'erf' and N_i == N_h`. Axes of a setup that it does not name have
            their defaults.
        densities: Whether to return density points too. A teacher that has both a density and
            a spectrum is returned once, with its spectrum.

    Returns:
        The columns of the point table, sorted by teacher, and the ascending `eigenvalues`, an
        array for each row: all eigenvalues, or the largest ones for a density point. With
        densities, `density` is the `SpectralDensity` of each row.

    Raises:
        InputError: If no computed point satisfies the condition.
    """
    where = with_defaults(where)
    found = table(results, where)
    shown = found[KIND].isin(FULL_SPECTRUM) | (densities & (found["node_size"] > 0))
    usable = (found["status"] == "done") & shown
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


def with_defaults(where: str) -> str:
    """Return the condition that also gives every axis that it does not name its default.

    So what is made of a study's usual networks does not change when it gets others.

    Raises:
        QueryError: If the condition can not be read.
    """
    expression = parse_condition(where)
    named = expression.names if expression else frozenset()
    defaults = [
        f"{axis.column.name} == {axis.default!r}"
        for axis in AXES
        if axis.is_of_teacher and axis.has_default and axis.column.name not in named
    ]
    return " and ".join([f"({where})", *defaults])


def one_a_teacher(points: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each teacher, sorted by teacher.

    Where several kinds of measurement of a teacher are stored, its row is that of the kind with
    the highest precedence: the spectrum rather than the density, and the exact one rather than a
    sampled one. Of two sampled ones it is that of which the smaller error was asked.
    """
    teacher = [*TEACHER, "seed"]
    precedence = points[KIND].map({name: kind.precedence for name, kind in KINDS.items()})
    rows = points.assign(precedence=precedence, accuracy=-points["asked_error"])
    rows = rows.sort_values([*teacher, "precedence", "accuracy"])
    rows = rows.drop_duplicates(teacher, keep="last", ignore_index=True)
    return rows.drop(columns=["precedence", "accuracy"])


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
        elif row[KIND] not in FULL_SPECTRUM:
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
