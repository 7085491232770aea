"""The Hessian of a network's loss: as a dense matrix, as an operator, and for finite data."""

from hessweep.hessian.dense import (
    Blocks,
    blocks,
    kernel_trace,
    lengthen_rows,
    moderate_rows,
    stacked_hessian,
    stacked_trace,
    stacked_upper_hessian,
    trace,
)
from hessweep.hessian.error import hessian_error
from hessweep.hessian.general_operator import GeneralHessianOperator
from hessweep.hessian.operator import HessianOperator, hessian_operator
from hessweep.hessian.public import batch_hessian, hessian, hessian_root

__all__ = [
    "Blocks",
    "GeneralHessianOperator",
    "HessianOperator",
    "batch_hessian",
    "blocks",
    "hessian",
    "hessian_error",
    "hessian_operator",
    "hessian_root",
    "kernel_trace",
    "lengthen_rows",
    "moderate_rows",
    "stacked_hessian",
    "stacked_trace",
    "stacked_upper_hessian",
    "trace",
]
