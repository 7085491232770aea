"""How the density of a network with biases, several outputs or other inputs is computed."""

from dataclasses import replace
from functools import lru_cache

from hessweep.activations import Activation
from hessweep.density.plan import (
    EXTREMES_BYTES,
    FEW_STEPS,
    FLOAT32,
    FLOAT64,
    PROBES,
    STEPS,
    DensityPlan,
)
from hessweep.hessian.deep_linear import is_affine
from hessweep.networks import Layout

MATRICES = 90
"""Matrices of N_h x N_h that operators, kernel, error bounds and norm hold at most."""


@lru_cache(maxsize=4096)
def general_density_plan(
    activation: Activation, layout: Layout, standard: bool = True, full: bool = False
) -> DensityPlan:
    """Return the plan for networks of this activation and architecture.

    Args:
        activation: The activation.
        layout: Sizes and biases.
        standard: Whether the inputs are standard normal, so that the row space of W1 is enough.
        full: Whether the covariance of the inputs is a full matrix.
    """
    N_i, N_h, N_o = layout.N_i, layout.N_h, layout.N_o
    most = min(layout.P, 2 * N_h + 2)
    if is_affine(activation):
        n = N_i + 1
        memory = FLOAT64 * (4 * N_o * n**2 + 6 * n**2 + 4 * layout.P)
        stored = most + 2 * (N_o * n + 1)
        return DensityPlan(True, 0, 0, most, float(N_o * n) * n**2, 0.0, memory, stored)
    n = min(N_i, N_h) if standard else N_i
    size = replace(layout, N_i=n).P
    steps = min(size, FEW_STEPS + 3 * N_h // 2)
    if FLOAT64 * size * steps > EXTREMES_BYTES:
        steps = min(size, FEW_STEPS)
    probe_steps = min(STEPS, size)
    passes = PROBES * FLOAT32 * probe_steps**2 + FLOAT64 * steps**2
    product = 6.0 * N_h**2 * n + 6.0 * N_o * N_h**2 + 2.0 * N_h * n**2 * full
    matrices = FLOAT64 * (MATRICES * N_h**2 + 10 * N_h * n + 2 * N_i * N_h + 4 * n**2 + 8 * size)
    basis = max(FLOAT32 * probe_steps, FLOAT64 * steps) * size
    return DensityPlan(
        closed_form=False,
        extreme_steps=steps,
        extreme_vectors=0,
        most_extremes=most,
        product_flops=product * (PROBES * probe_steps + steps),
        basis_bytes=float(passes) * size,
        peak_bytes=basis + matrices,
        stored_values=most + 2 * (PROBES * probe_steps + n),
    )
