"""What a study asked for, and how much of it there is."""

from collections.abc import Sequence

import pandas as pd

from hessweep.study import Study, Sweep


def progress(study: Study, points: pd.DataFrame) -> pd.DataFrame:
    """Return how far each sweep is, one row a sweep.

    Args:
        study: The study.
        points: The table of points of its results; points of other studies do not count.

    Returns:
        Columns `sweep`, `activation`, `sizes`, `seeds`, `weights` (what was asked, in words),
        `requested`, `done`, `failed` and `missing` (numbers of points).
    """
    status = dict(zip(points["key"], points["status"], strict=True))
    rows = []
    for name, sweep in study.sweeps.items():
        found = [status.get(point.key, "missing") for point in sweep.points()]
        counts = {word: found.count(word) for word in ("done", "failed", "missing")}
        rows.append({"sweep": name, **_request(sweep), "requested": len(found), **counts})
    return pd.DataFrame(rows)


def failures(study: Study, points: pd.DataFrame) -> pd.DataFrame:
    """Return the failed points of the study: which, in which sweeps, and the error of each."""
    owners: dict[str, list[str]] = {}
    for name, sweep in study.sweeps.items():
        for point in sweep.points():
            owners.setdefault(point.key, []).append(name)
    failed = points[(points["status"] == "failed") & points["key"].isin(list(owners))]
    sweeps = [", ".join(owners[key]) for key in failed["key"]]
    columns = ["activation", "N_i", "N_h", "seed", "weights", "error", "key"]
    return failed[columns].reset_index(drop=True).assign(sweeps=sweeps)


def _request(sweep: Sweep) -> dict[str, str]:
    if sweep.N is not None:
        sizes = f"N_i = N_h = {range_in_words(sweep.N)}"
    elif sweep.sizes is not None:
        sizes = ", ".join(f"({N_i}, {N_h})" for N_i, N_h in sweep.sizes)
    else:
        sizes = f"N_i = {range_in_words(sweep.N_i or ())}; N_h = {range_in_words(sweep.N_h or ())}"
    return {
        "activation": ", ".join(activation.label for activation in sweep.activation),
        "sizes": sizes,
        "seeds": range_in_words(sweep.seeds),
        "weights": ", ".join(sweep.weights),
    }


def range_in_words(numbers: Sequence[int]) -> str:
    """Return whole numbers as short text: `1 to 12` for a run, else `5, 10, 20`.

    Long lists are cut in the middle.
    """
    values = list(numbers)
    if len(values) > 2 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    if len(values) > 12:
        return ", ".join(map(str, values[:8])) + f", … {values[-1]} ({len(values)} in all)"
    return ", ".join(map(str, values))
