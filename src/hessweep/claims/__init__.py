"""Every quantitative claim of the paper, measured: holds, holds with correction, or fails.

A claim is a function of the study's results. Claims on spectra and ranks are measured on the
stored points; claims on single equations on teachers that are drawn here.
"""

from collections.abc import Callable

import pandas as pd
import xarray as xr

from hessweep.claims import dynamics, equations, laws, ranks, spectra
from hessweep.claims.claim import Claim

CLAIMS: tuple[Callable[[xr.DataTree], Claim], ...] = (
    *laws.CLAIMS,
    *dynamics.CLAIMS,
    *ranks.CLAIMS,
    *spectra.CLAIMS,
    *equations.CLAIMS,
)
"""In the order of the paper's sections; its misprints come last."""


def claims_table(results: xr.DataTree) -> pd.DataFrame:
    """Return one row a claim: source, claim, measured, points, verdict.

    Raises:
        InputError: If the results do not hold the points that a claim is measured on.
    """
    return pd.DataFrame([claim(results) for claim in CLAIMS])


__all__ = ["CLAIMS", "Claim", "claims_table"]
