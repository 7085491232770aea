"""What a study requests, and how much of it has been computed."""

from collections.abc import Mapping, Sequence

import pandas as pd
import xarray as xr

from hessweep.running.requested import PublishedValues, requested_by_sweep
from hessweep.setup import IDENTITY, TEACHER_DEFAULTS
from hessweep.study import Study, Sweep
from hessweep.study.seeds_until import SeedsUntil
from hessweep.tables import unvaried_axes

Keys = Mapping[str, Sequence[str]]
"""Keys of the points that each sweep of a study requests."""


def requested_keys(study: Study, results: xr.DataTree) -> Keys:
    """Return the keys of the points that each sweep requests; sweeps may share points.

    Args:
        study: The study.
        results: What is published, on which it depends how many seeds a rule has taken.
    """
    requested = requested_by_sweep(study, PublishedValues(results))
    return {name: [point.key for point in points] for name, points in requested.items()}


def progress(study: Study, requested: Keys, points: pd.DataFrame) -> pd.DataFrame:
    """Return how many points of each sweep are done, one row for each sweep.

    Args:
        study: The study.
        requested: Return value of `requested_keys`.
        points: The table of points of its results; points of other studies do not count.

    Returns:
        Columns `sweep`, `activation`, `sizes`, `seeds` and the other axes (the request, in
        words), `requested`, `done`, `failed` and `missing` (numbers of points).
    """
    status = dict(zip(points["key"], points["status"], strict=True))
    rows = []
    for name, sweep in study.sweeps.items():
        found = [status.get(key, "missing") for key in requested[name]]
        counts = {word: found.count(word) for word in ("done", "failed", "missing")}
        rows.append({"sweep": name, **_request(sweep), "requested": len(found), **counts})
    asked = pd.DataFrame(rows)
    return asked.drop(columns=unvaried_axes(asked))


def failures(requested: Keys, points: pd.DataFrame) -> pd.DataFrame:
    """Return the failed points of the study, with the sweeps and the error of each."""
    owners: dict[str, list[str]] = {}
    for name, keys in requested.items():
        for key in keys:
            owners.setdefault(key, []).append(name)
    failed = points[(points["status"] == "failed") & points["key"].isin(list(owners))]
    sweeps = [", ".join(owners[key]) for key in failed["key"]]
    columns = [column.name for column in IDENTITY if column.name != "key"] + ["error", "key"]
    shown = failed[columns].drop(columns=unvaried_axes(failed))
    return shown.reset_index(drop=True).assign(sweeps=sweeps)


def _request(sweep: Sweep) -> dict[str, str]:
    if sweep.N is not None:
        sizes = f"N_i = N_h = {range_in_words(sweep.N)}"
    elif sweep.widths is not None:
        sizes = ", ".join("-".join(map(str, widths)) for widths in sweep.widths)
    elif sweep.sizes is not None:
        sizes = ", ".join(f"({N_i}, {N_h})" for N_i, N_h in sweep.sizes)
    else:
        sizes = f"N_i = {range_in_words(sweep.N_i or ())}; N_h = {range_in_words(sweep.N_h or ())}"
    return {
        "activation": ", ".join(activation.label for activation in sweep.activation),
        "sizes": sizes,
        "seeds": _seeds(sweep.seeds),
        **{
            column: ", ".join(map(str, dict.fromkeys(s.columns[column] for s in sweep.setups())))
            for column, default in TEACHER_DEFAULTS.items()
            # The column `sizes` has the widths.
            if default is not None and column != "widths"
        },
    }


def _seeds(seeds: Sequence[int]) -> str:
    return str(seeds) if isinstance(seeds, SeedsUntil) else range_in_words(seeds)


def range_in_words(numbers: Sequence[int]) -> str:
    """Return whole numbers as short text: `1 to 12` for consecutive ones, otherwise `5, 10, 20`.

    Long lists are cut in the middle.
    """
    values = list(numbers)
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    if len(values) > 12:
        return ", ".join(map(str, values[:8])) + f", … {values[-1]} ({len(values)} in all)"
    return ", ".join(map(str, values))
