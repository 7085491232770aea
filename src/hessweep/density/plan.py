"""What a density point computes and what it costs: known from activation and sizes alone."""

from dataclasses import dataclass
from functools import lru_cache

from hessweep.activations import Activation
from hessweep.spectrum import spectrum_plan

PROBES, STEPS = 10, 80
"""Of the stochastic Lanczos quadrature: some 0.03 of Kolmogorov distance at P = 1000."""

FEW_STEPS = 100
"""Lanczos steps for the extremes where those for N_h eigenvalues are too many."""

EXTREMES_BYTES = 800_000_000
"""The most that the basis of the extremes may hold: what `FEW_STEPS` need at P = 10^6."""

FLOAT32, FLOAT64 = 4, 8


@dataclass(frozen=True)
class DensityPlan:
    """How the density and the largest eigenvalues of one network are computed."""

    closed_form: bool
    """Whether the network is linear, so that its spectrum is known exactly."""
    extreme_steps: int
    """Lanczos steps for the largest eigenvalues, in float64."""
    most_extremes: int
    """The most of the largest eigenvalues that are kept."""
    product_flops: float
    """Floating-point operations of all products with H."""
    basis_bytes: float
    """Bytes that all reorthogonalisations read."""
    peak_bytes: int
    """Most memory held at a time, weights and result included."""
    stored_values: int
    """Numbers of the result that are stored, at most."""

    @property
    def route(self) -> str:
        """How the density is computed, as text: `closed form` or `lanczos`."""
        return "closed form" if self.closed_form else "lanczos"


@lru_cache(maxsize=4096)
def density_plan(activation: Activation, N_i: int, N_h: int) -> DensityPlan:
    """Return the plan of all density points of this activation and size.

    Raises:
        ShapeError: If a size is not a whole number of at least 1.
    """
    exact = spectrum_plan(activation, N_i, N_h)
    P = N_h * (N_i + 1)
    most = min(P, 2 * N_h + 2)
    if exact.closed_form:
        # A linear network's spectrum is known exactly, at the price of its smaller Gram side.
        flops = float(exact.size) ** 3
        stored = most + 2 * (N_i + 1)
        return DensityPlan(True, 0, most, flops, 0.0, exact.peak_bytes, stored)
    n = min(N_i, N_h)
    size = N_h * (n + 1)
    # So many steps find N_h eigenvalues above a gap: measured for erf from N = 40 to 200.
    steps = min(size, FEW_STEPS + 3 * N_h // 2)
    if FLOAT64 * size * steps > EXTREMES_BYTES:
        steps = min(size, FEW_STEPS)
    probe_steps = min(STEPS, size)
    passes = PROBES * FLOAT32 * probe_steps**2 + FLOAT64 * steps**2
    # Two of the operator's dtype and its coefficients in float64; the dual kernel and what the
    # closed forms of trace and norm hold; the vectors of a run beside its basis.
    matrices = FLOAT64 * (30 * N_h**2 + 6 * N_h * n + 2 * N_i * N_h + 8 * size)
    basis = max(FLOAT32 * probe_steps, FLOAT64 * steps) * size
    return DensityPlan(
        closed_form=False,
        extreme_steps=steps,
        most_extremes=most,
        product_flops=6.0 * N_h**2 * n * (PROBES * probe_steps + steps),
        basis_bytes=float(passes) * size,
        peak_bytes=basis + matrices,
        stored_values=most + 2 * (PROBES * probe_steps + n),
    )
