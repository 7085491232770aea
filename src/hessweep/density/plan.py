"""How a spectral density is computed, and its cost, from the activation and the sizes."""

from dataclasses import dataclass
from functools import lru_cache

from hessweep.activations import Activation
from hessweep.spectrum import spectrum_plan

PROBES, STEPS = 10, 80
"""Probes and steps of the stochastic Lanczos quadrature. At P = 1000 the Kolmogorov distance is
about 0.03."""

COMPARED_PROBES = 5
"""Probes where each is corrected by the comparison, which leaves a tenth of the variance."""

COMPARED_FROM = 1000
"""The fewest parameters from which on there is a comparison. Below, a density costs nothing."""

FEW_STEPS = 100
"""Lanczos steps for the largest eigenvalues if those for N_h eigenvalues need too much memory."""

EXTREMES_BYTES = 800_000_000
"""The largest basis for the largest eigenvalues, which `FEW_STEPS` need at P = 10^6."""

LANCZOS_BYTES = 4_000_000_000
"""The largest basis of `FEW_STEPS`, reached at P = 5·10^6. Larger networks get the method of
density/beside.py, which is as good with fewer vectors, but was not there when the points of
smaller networks were first computed."""

BESIDE, BESIDE_VECTORS = 8, 40
"""Eigenvalues that are looked for by that method, somewhat more than `FEW_STEPS` find, and the
most vectors for it, which need the memory of the density's basis."""

BESIDE_PRODUCTS = 56
"""Products that it usually takes: of 8 vectors, 3 times more of 8 new ones and 8 better ones."""

FLOAT32, FLOAT64 = 4, 8


@dataclass(frozen=True)
class DensityPlan:
    """How the density and the largest eigenvalues of one network are computed."""

    closed_form: bool
    """Whether the network is linear, so that its spectrum is known exactly."""
    extreme_steps: int
    """Lanczos steps for the largest eigenvalues, in float64; 0 where another method finds them."""
    extreme_vectors: int
    """The most vectors that the method of density/beside.py holds; 0 where it is not used."""
    most_extremes: int
    """The largest number of eigenvalues that are stored individually."""
    product_flops: float
    """Floating-point operations of all products with H, and of the comparison."""
    basis_bytes: float
    """Bytes that are read by all orthogonalisations."""
    peak_bytes: int
    """Peak memory, including weights and result."""
    stored_values: int
    """The largest number of floats that are stored of the result."""

    @property
    def route(self) -> str:
        """How the density is computed, as text: `closed form` or `lanczos`."""
        return "closed form" if self.closed_form else "lanczos"


def is_compared(size: int) -> bool:
    """Return whether probes of a plain network with this many parameters are corrected.

    Args:
        size: Number of parameters inside the row space of W1.
    """
    return size >= COMPARED_FROM


@lru_cache(maxsize=4096)
def density_plan(activation: Activation, N_i: int, N_h: int) -> DensityPlan:
    """Return the plan for the spectral density of networks with this activation and size.

    Raises:
        ShapeError: If a size is not a whole number of at least 1.
    """
    exact = spectrum_plan(activation, N_i, N_h)
    P = N_h * (N_i + 1)
    # Those of order one, and the largest one of the bulk.
    most = min(P, N_i + N_h + 1)
    if exact.closed_form:
        # The spectrum of a linear network is known exactly from its smaller Gram matrix.
        flops = float(exact.size) ** 3
        stored = most + 2 * (N_i + 1)
        return DensityPlan(True, 0, 0, most, flops, 0.0, exact.peak_bytes, stored)
    n = min(N_i, N_h)
    size = N_h * (n + 1)
    steps = _lanczos_steps(n, N_h)
    beside = FLOAT64 * size * steps > LANCZOS_BYTES
    probe_steps = min(STEPS, size)
    probes = COMPARED_PROBES if is_compared(size) else PROBES
    if beside:
        steps, most, vectors = 0, BESIDE, BESIDE_VECTORS
    else:
        vectors = 0
    reads = probes * FLOAT32 * probe_steps**2 + FLOAT64 * steps**2
    # Beside S, products are counted twice: they are in float64 and most of the others are not.
    products = probes * probe_steps + steps + 2 * BESIDE_PRODUCTS * beside
    flops = 6.0 * N_h**2 * n * products
    if is_compared(size):
        flops += 9.0 * (N_h + n) ** 3 + 4.0 * probes * N_h**2 * n
    basis = max(FLOAT32 * probe_steps, FLOAT64 * (steps + vectors)) * size
    return DensityPlan(
        closed_form=False,
        extreme_steps=steps,
        extreme_vectors=vectors,
        most_extremes=most,
        product_flops=flops,
        basis_bytes=float(reads) * size,
        peak_bytes=(
            _with_basis(basis, N_i, N_h, activation.is_numeric)
            if beside
            else _with_small_basis(basis, N_i, N_h)
        ),
        stored_values=most + 2 * (probes * probe_steps + n),
    )


def _with_small_basis(basis: int, N_i: int, N_h: int) -> int:
    """Return a bound on the peak of memory.

    It adds the basis to what is held at other times, since points that need more memory get more
    threads, on which the bits of their results depend: those that are stored had this bound.
    """
    n = min(N_i, N_h)
    size = N_h * (n + 1)
    # Operators of both types with their coefficients, the dual kernel, the temporary arrays of
    # trace and norm, and the vectors of a run besides its basis.
    matrices = FLOAT64 * (30 * N_h**2 + 6 * N_h * n + 2 * N_i * N_h + 8 * size)
    if is_compared(size):
        matrices += FLOAT32 * (4 * (N_h + n) ** 2 + 4 * size)
    return basis + matrices


def _with_basis(basis: int, N_i: int, N_h: int, is_numeric: bool) -> int:
    """Return a bound on the peak of memory, for a basis that is larger than all else together."""
    n = min(N_i, N_h)
    # The operator, the compression with a copy, and the vectors besides the basis.
    beside_basis = FLOAT64 * (13 * N_h * n + 9 * N_h**2 + 2 * (N_h + n) ** 2)
    # Kernels and their errors, before and after there is a basis.
    without_basis = FLOAT64 * (90 if is_numeric else 40) * N_h**2
    return max(basis + beside_basis, without_basis) + FLOAT64 * 2 * N_i * N_h


def _lanczos_steps(n: int, N_h: int) -> int:
    """Return the number of Lanczos steps for the largest eigenvalues."""
    size = N_h * (n + 1)
    # The first find all eigenvalues of order one, the second the N_i of them above a gap, as
    # measured for erf from N = 40 to 200.
    wanted = (FEW_STEPS + 3 * (n + N_h) // 2, FEW_STEPS + 3 * n // 2)
    fits = (count for count in wanted if FLOAT64 * size * min(size, count) <= EXTREMES_BYTES)
    return min(size, next(fits, FEW_STEPS))
