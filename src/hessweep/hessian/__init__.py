"""The Hessian of a network's loss: as a dense matrix, as an operator, and for finite data."""

from hessweep.hessian.batch import batch_hessian
from hessweep.hessian.dense import (
    Blocks,
    blocks,
    hessian,
    kernel_trace,
    stacked_hessian,
    stacked_trace,
    stacked_upper_hessian,
    trace,
)
from hessweep.hessian.error import hessian_error
from hessweep.hessian.general_operator import GeneralHessianOperator
from hessweep.hessian.operator import HessianOperator, hessian_operator

__all__ = [
    "Blocks",
    "GeneralHessianOperator",
    "HessianOperator",
    "batch_hessian",
    "blocks",
    "hessian",
    "hessian_error",
    "hessian_operator",
    "kernel_trace",
    "stacked_hessian",
    "stacked_trace",
    "stacked_upper_hessian",
    "trace",
]
