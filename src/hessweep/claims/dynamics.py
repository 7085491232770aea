"""The claim on learning near the optimum (sec. 2.1, Fig. 3)."""

import numpy as np
import xarray as xr

from hessweep.analysis import runs_near_optima
from hessweep.claims.claim import Claim, verdict
from hessweep.dynamics import LATE, LinearisedFlow, late_slope

SIZE = (30, 10)
"""N_i and N_h of the network that is measured."""

WITHIN = 3.0
"""Standard errors by which a measured slope or loss may differ from its prediction."""

EARLY = 0.1
"""The losses are compared with eq. (7) over this first part of the time."""


def late_decay(results: xr.DataTree) -> Claim:
    """Fig. 3: the loss decays as `exp(-2 λ_min t)`; and eq. (7) before that."""
    N_i, N_h = SIZE
    [runs] = runs_near_optima(
        results, f"activation == 'linear' and N_i == {N_i} and N_h == {N_h} and seed == 0"
    )
    t, losses, modes = runs.times, runs.sgd, runs.eigenvalues
    slope = late_slope(t, losses, LATE * t[-1])
    off = abs(slope.value - 2 * modes[0]) / slope.error
    flow = LinearisedFlow(modes, runs.training.noise or 0.0)
    early = t <= EARLY * t[-1]
    error = flow.loss_std(t) / np.sqrt(len(losses))
    apart = (np.abs(losses.mean(axis=0) - flow.loss(t)) / error)[early].max()
    return Claim(
        "sec. 2.1, eq. (7), Fig. 3",
        "linear: near the optimum the loss of SGD follows eq. (7), and at late times it decays as "
        "α exp(-2 λ_min t)",
        f"late rate {slope.value:.3f} ± {slope.error:.3f} over {len(losses)} runs, "
        f"2 λ_min = {2 * modes[0]:.3f} ({off:.1f} standard errors); mean loss in the first "
        f"{EARLY:.0%} of the time at most {apart:.1f} standard errors from eq. (7)",
        1,
        f"both at most {WITHIN:g} standard errors",
        verdict(bool(off <= WITHIN and apart <= WITHIN)),
    )


CLAIMS = (late_decay,)
