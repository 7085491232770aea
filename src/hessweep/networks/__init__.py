"""Networks, random teachers, and the order of their parameters."""

from hessweep.networks.layout import check_sizes
from hessweep.networks.teachers import (
    MAX_SEED,
    WEIGHTS,
    sample_stack,
    sample_teacher,
    sample_teachers,
    sample_weights,
)
from hessweep.networks.two_layer import Network

__all__ = [
    "MAX_SEED",
    "WEIGHTS",
    "Network",
    "check_sizes",
    "sample_stack",
    "sample_teacher",
    "sample_teachers",
    "sample_weights",
]
