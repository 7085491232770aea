"""The claim on learning near the optimum (sec. 2.1, Fig. 3)."""

import numpy as np
import xarray as xr

from hessweep.claims.claim import Claim, verdict
from hessweep.dynamics import LATE, Experiment, LinearisedFlow, late_slope
from hessweep.networks import sample_teacher
from hessweep.spectrum import spectrum_with_error

WITHIN = 3.0
"""Standard errors by which a measured slope or loss may differ from its prediction."""

EARLY = 0.1
"""The losses are compared with eq. (7) over this first part of the time."""


def late_decay(results: xr.DataTree) -> Claim:  # noqa: ARG001 - trains its own students
    """Fig. 3: the loss decays as `exp(-2 λ_min t)`; and eq. (7) before that."""
    experiment = Experiment(
        sample_teacher("linear", N_i=30, N_h=10, seed=0),
        seed=0,
        learning_rate=5e-3,
        iterations=2400,
        draws=24,
    )
    losses, t = experiment.sgd_losses(), experiment.times
    found = spectrum_with_error(experiment.teacher)
    modes = found.eigenvalues[found.eigenvalues > found.error]
    slope = late_slope(t, losses, LATE * t[-1])
    off = abs(slope.value - 2 * modes[0]) / slope.error
    flow = LinearisedFlow(modes, experiment.noise)
    early = t <= EARLY * t[-1]
    error = flow.loss_std(t) / np.sqrt(experiment.draws)
    apart = (np.abs(losses.mean(axis=0) - flow.loss(t)) / error)[early].max()
    return Claim(
        "sec. 2.1, eq. (7), Fig. 3",
        "linear: near the optimum the loss of SGD follows eq. (7), and at late times it decays as "
        "α exp(-2 λ_min t)",
        f"late rate {slope.value:.3f} ± {slope.error:.3f} over {experiment.draws} runs, "
        f"2 λ_min = {2 * modes[0]:.3f} ({off:.1f} standard errors); mean loss in the first "
        f"{EARLY:.0%} of the time at most {apart:.1f} standard errors from eq. (7)",
        1,
        f"both at most {WITHIN:g} standard errors",
        verdict(bool(off <= WITHIN and apart <= WITHIN)),
    )


CLAIMS = (late_decay,)
