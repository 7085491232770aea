"""The claim on learning near the optimum (sec. 2.1, Fig. 3)."""

import numpy as np
import xarray as xr

from hessweep.activations import activation
from hessweep.claims.claim import Claim, verdict
from hessweep.dynamics import LATE, Experiment, LinearisedFlow, late_slope
from hessweep.spectrum import spectrum_with_error

WITHIN = 3.0
"""Standard errors that a measured slope may be off."""


def late_decay(results: xr.DataTree) -> Claim:  # noqa: ARG001 - trains its own students
    """Fig. 3: the loss decays as `exp(-2 λ_min t)`; and eq. (7) before that."""
    experiment = Experiment(
        activation("linear"), N_i=30, N_h=10, seed=0, learning_rate=5e-3, iterations=2400, draws=24
    )
    losses, t = experiment.sgd_losses(), experiment.times
    found = spectrum_with_error(experiment.teacher())
    modes = found.eigenvalues[found.eigenvalues > found.error]
    slope = late_slope(t, losses, LATE * t[-1])
    predicted = LinearisedFlow(modes, experiment.noise).loss(t)
    late = t >= LATE * t[-1]
    expected = -np.polyfit(t[late], np.log(predicted[late]), 1)[0]
    early = t <= 0.1 * t[-1]
    apart = np.abs(losses.mean(axis=0) / predicted - 1)[early].max()
    off = abs(slope.value - 2 * modes[0]) / slope.error
    return Claim(
        "sec. 2.1, eq. (7), Fig. 3",
        "linear: near the optimum the loss of SGD decays as α exp(-2 λ_min t) at late times",
        f"rate {slope.value:.3f} ± {slope.error:.3f} over {experiment.draws} runs, "
        f"2 λ_min = {2 * modes[0]:.3f} ({off:.1f} standard errors), eq. (7) over the same times "
        f"{expected:.3f}; early losses within {apart:.0%} of eq. (7)",
        1,
        verdict(bool(off <= WITHIN)),
    )


CLAIMS = (late_decay,)
