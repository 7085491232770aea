"""The Hessian in ball arithmetic: proofs of positive eigenvalues, however small."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from threading import RLock

import numpy as np
from flint import arb, arb_mat, arb_series, ctx

from hessweep.activations import Activation
from hessweep.networks import Network, require_plain

Kernel = Callable[[arb_series, arb_series, arb_series], arb_series]

FIRST_BITS, LAST_BITS = 128, 4096
"""The precision is doubled from the first to the last of these until a question is decided."""

_LOCK = RLock()


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Compute with this many bits. All threads share the setting, so that other threads wait."""
    with _LOCK:
        before, ctx.prec = ctx.prec, bits
        try:
            yield
        finally:
            ctx.prec = before


def precisions() -> Iterator[int]:
    """Return the precisions to be tried, in bits."""
    bits = FIRST_BITS
    while bits <= LAST_BITS:
        yield bits
        bits *= 2


def has_kernel(activation: Activation) -> bool:
    """Return whether the dual kernel of an activation is known in ball arithmetic."""
    known = activation.in_balls
    return known is not None and known.kernel is not None


def hessian(network: Network) -> arb_mat:
    """Return the P x P Hessian at the optimum in ball arithmetic, to the working precision.

    The derivatives of the kernel are taken from its power series (docs/ranks.md), so that nothing
    is shared with the dual kernels in float64.

    Raises:
        LookupError: If the activation has no dual kernel in ball arithmetic.
    """
    require_plain(network, "ball.hessian")
    known = network.activation.in_balls
    if known is None or known.kernel is None:
        raise LookupError(f"{network.activation} has no dual kernel in ball arithmetic")
    K = known.kernel
    N_h, N_i = network.W1.shape
    w = [[arb(value) for value in row] for row in network.W1.tolist()]
    W2 = [arb(value) for value in network.W2.tolist()]
    rows = arb_mat(w)
    gram = (rows * rows.transpose()).tolist()
    pairs = {
        (m, p): _coefficients(K, gram[m][m], gram[p][p], gram[m][p])
        for m, p in product(range(N_h), repeat=2)
    }
    P1 = N_h * N_i
    H = [[arb(0)] * network.P for _ in range(network.P)]
    for m, p in product(range(N_h), repeat=2):
        value, K_c, K_q, K_cc, K_qc = pairs[m, p]
        K_pc = pairs[p, m][4]
        H[P1 + m][P1 + p] = value
        for n in range(N_i):
            # C[(p,n), m]; K_q is the derivative by the variance of neuron p.
            entry = W2[p] * (K_c * w[m][n] + 2 * K_q * w[p][n])
            H[p * N_i + n][P1 + m] = H[P1 + m][p * N_i + n] = entry
        if p < m:
            continue
        beside_p = [W2[m] * W2[p] * (K_cc * a + 2 * K_qc * b) for a, b in zip(w[m], w[p])]  # noqa: B905
        beside_m = [W2[m] * W2[p] * (2 * K_pc * a + K_cc * b) for a, b in zip(w[m], w[p])]  # noqa: B905
        on_diagonal = W2[m] * W2[p] * K_c
        for n, q in product(range(N_i), repeat=2):
            entry = w[p][n] * beside_p[q] + w[m][n] * beside_m[q]
            if n == q:
                entry += on_diagonal
            H[m * N_i + n][p * N_i + q] = H[p * N_i + q][m * N_i + n] = entry
    return arb_mat(H)


def _coefficients(K: Kernel, p: arb, q: arb, c: arb) -> tuple[arb, arb, arb, arb, arb]:
    """Return `K, K_c, K_q, K_cc, K_qc` from the series of K along c, along q, and along both."""
    cap, ctx.cap = ctx.cap, 3
    try:
        fixed_p, fixed_q, fixed_c = arb_series([p]), arb_series([q]), arb_series([c])
        moving_q, moving_c = arb_series([q, 1]), arb_series([c, 1])
        along_c = K(fixed_p, fixed_q, moving_c)
        along_q = K(fixed_p, moving_q, fixed_c)
        along_both = K(fixed_p, moving_q, moving_c)
    finally:
        ctx.cap = cap
    K_qc = along_both[2] - along_q[2] - along_c[2]
    return along_c[0], along_c[1], along_q[1], 2 * along_c[2], K_qc


def inverse(matrix: arb_mat) -> arb_mat | None:
    """Return an enclosure of the inverse, or None if the matrix may be singular."""
    try:
        return matrix.inv()
    except ZeroDivisionError:
        return None


def scaled(matrix: arb_mat) -> tuple[np.ndarray, np.ndarray, int]:
    """Return midpoints, radii and an exponent e: `(mid ± rad) 2^e` encloses the matrix.

    Midpoints and radii are float64 arrays. The radii include the rounding of the midpoints.
    """
    entries = matrix.entries()
    largest = max((abs(entry).upper() for entry in entries), default=arb(1))
    exponent = 0
    if largest > 0:
        mantissa, power = largest.man_exp()
        exponent = int(power) + int(mantissa).bit_length()
    scale = arb(2) ** -exponent
    shape = (matrix.nrows(), matrix.ncols())
    mid = np.array([float((entry * scale).mid()) for entry in entries]).reshape(shape)
    rad = np.array([float((entry * scale).rad()) for entry in entries]).reshape(shape)
    return mid, rad * (1 + 2.0**-50) + np.abs(mid) * 2.0**-52 + 2.0**-1000, exponent
