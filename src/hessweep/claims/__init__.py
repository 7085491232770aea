"""The quantitative claims of the paper: each holds, holds with a correction, or fails.

A claim is a function of the study's results. Claims on spectra and ranks are measured on stored
points; claims on single equations are measured on teachers that are drawn when they are needed.
The rule of each verdict stands beside it in the table.
"""

from collections.abc import Callable, Sequence

import pandas as pd
import xarray as xr

from hessweep.claims import biases, dynamics, entries, laws, ranks, spectra, structure, students
from hessweep.claims.claim import Claim

CLAIMS: tuple[Callable[[xr.DataTree], Claim], ...] = (
    *laws.CLAIMS,
    *dynamics.CLAIMS,
    *ranks.CLAIMS,
    *spectra.CLAIMS,
    *entries.CLAIMS,
    *structure.CLAIMS,
)
"""By subject: laws, dynamics, ranks, spectra, entries of the Hessian, its structure."""


BEYOND: tuple[Callable[[xr.DataTree], Claim], ...] = biases.CLAIMS
"""What the paper expects of future work (sec. 6), on networks that it does not have."""


STUDENTS: tuple[Callable[[xr.DataTree], Claim], ...] = students.CLAIMS
"""The same, on students wider than their teacher and on the Hessian along training."""


def claims_table(
    results: xr.DataTree, claims: Sequence[Callable[[xr.DataTree], Claim]] = CLAIMS
) -> pd.DataFrame:
    """Return one row for each claim: source, claim, measured, points, rule, verdict.

    Args:
        results: Results of a study that holds the points of these claims.
        claims: `CLAIMS`, `BEYOND` or `STUDENTS`.

    Raises:
        InputError: If the results do not hold the points that a claim is measured on.
    """
    return pd.DataFrame([claim(results) for claim in claims])


__all__ = ["BEYOND", "CLAIMS", "STUDENTS", "Claim", "claims_table"]
