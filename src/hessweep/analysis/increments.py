"""By how much biases raise the rank of the same teachers."""

import pandas as pd
import xarray as xr

from hessweep.analysis.realisations import realisations
from hessweep.errors import InputError


def increments(results: xr.DataTree, biases: str = "both") -> pd.DataFrame:
    """Return by how much biases raise the rank of each teacher.

    A teacher with biases has the weights of the one without.

    Args:
        results: Points of one output and standard inputs; others are left out.
        biases: `hidden`, `output` or `both`.

    Returns:
        One row for each `activation, N_i, N_h, seed`: the rank without biases (`before`), with
        them (`rank`), `P` with them, `increment`, whether both ranks are `proved`, the formula's
        value with biases (`formula`) and its `kind`.

    Raises:
        InputError: If there are no teachers both with and without biases.
    """
    teacher = ["activation", "N_i", "N_h", "weights", "seed"]
    without = realisations(results, "biases == 'none'")
    try:
        found = realisations(results, f"biases == '{biases}'")
    except InputError:
        found = without[:0]
    before = without[[*teacher, "rank", "rank_certificate"]]
    both = found.merge(before, on=teacher, suffixes=("", "_before"))
    if both.empty:
        raise InputError(
            f"results: expected teachers with biases {biases} beside the same teachers without, "
            "found none; ask for a sweep with `biases: [none, both]`"
        )
    proved = (both["rank_certificate"] == "proved") & (both["rank_certificate_before"] == "proved")
    return both.assign(
        before=both["rank_before"],
        increment=both["rank"] - both["rank_before"],
        proved=proved,
        formula=both["effective_parameters"],
        kind=both["effective_parameters_kind"],
    )[[*teacher, "P", "before", "rank", "increment", "proved", "formula", "kind"]]
