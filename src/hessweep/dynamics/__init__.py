"""Learning near the optimum: losses in closed form, gradient flow, SGD (docs/dynamics.md)."""

from hessweep.dynamics.flow import LinearisedFlow, gradient_flow, linearised_losses
from hessweep.dynamics.late import LATE, LateExponential, LateSlope, late_exponential, late_slope
from hessweep.dynamics.population import HessianParts, PopulationLoss
from hessweep.dynamics.sgd import Experiment, sgd_losses
from hessweep.dynamics.starts import displacement, random_weights
from hessweep.dynamics.training import train, train_by_sgd
from hessweep.dynamics.trajectory import Trajectory

__all__ = [
    "LATE",
    "Experiment",
    "HessianParts",
    "LateExponential",
    "LateSlope",
    "LinearisedFlow",
    "PopulationLoss",
    "Trajectory",
    "displacement",
    "gradient_flow",
    "late_exponential",
    "late_slope",
    "linearised_losses",
    "random_weights",
    "sgd_losses",
    "train",
    "train_by_sgd",
]
