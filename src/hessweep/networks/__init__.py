"""Networks, random teachers, and the order of their parameters."""

from hessweep.networks.inputs import Inputs
from hessweep.networks.layout import Layout, check_sizes
from hessweep.networks.teachers import (
    BIASES,
    MAX_SEED,
    WEIGHTS,
    sample_stack,
    sample_teacher,
    sample_teachers,
    sample_weights,
)
from hessweep.networks.two_layer import Network, require_plain

__all__ = [
    "BIASES",
    "MAX_SEED",
    "WEIGHTS",
    "Inputs",
    "Layout",
    "Network",
    "check_sizes",
    "require_plain",
    "sample_stack",
    "sample_teacher",
    "sample_teachers",
    "sample_weights",
]
