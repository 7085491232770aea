"""Learning near the optimum: losses in closed form, gradient flow, SGD (docs/dynamics.md)."""

from hessweep.dynamics.flow import LinearisedFlow, gradient_flow, linearised_losses
from hessweep.dynamics.late import LATE, LateExponential, LateSlope, late_exponential, late_slope
from hessweep.dynamics.population import HessianParts, PopulationLoss
from hessweep.dynamics.sgd import Experiment, sgd_losses

__all__ = [
    "LATE",
    "Experiment",
    "HessianParts",
    "LateExponential",
    "LateSlope",
    "LinearisedFlow",
    "PopulationLoss",
    "gradient_flow",
    "late_exponential",
    "late_slope",
    "linearised_losses",
    "sgd_losses",
]
