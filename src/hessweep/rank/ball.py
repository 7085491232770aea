"""The Hessian in ball arithmetic: proofs of positive eigenvalues, however small."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from threading import RLock

import numpy as np
from flint import arb, arb_mat, arb_series, ctx

from hessweep.activations import Activation
from hessweep.activations.ball_functions import KernelFields, Pairs, pairs_of
from hessweep.networks import Network, require_plain

Kernel = Callable[[arb_series, arb_series, arb_series], arb_series]

FIRST_BITS, LAST_BITS = 128, 4096
"""The precision is doubled from the first to the last of these until a question is decided."""

NOT_SMALL = 2.0**-60
"""Matrices with a larger entry lose less than 2^-1000 of it where small entries underflow."""

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

    The derivatives of the kernel are taken from its power series (docs/ranks.md), or for erf and
    polynomials from formulas in balls, which the tests compare with the series.

    Raises:
        LookupError: If the activation has no dual kernel in ball arithmetic.
    """
    require_plain(network, "ball.hessian")
    known = network.activation.in_balls
    if known is None or known.kernel is None:
        raise LookupError(f"{network.activation} has no dual kernel in ball arithmetic")
    N_h, N_i = network.W1.shape
    w = [[arb(value) for value in row] for row in network.W1.tolist()]
    W2 = [arb(value) for value in network.W2.tolist()]
    rows = arb_mat(w)
    gram = (rows * rows.transpose()).tolist()
    pairs = fields_by_series(known.kernel, gram) if known.fields is None else known.fields(gram)
    P1 = N_h * N_i
    H = [[arb(0)] * network.P for _ in range(network.P)]
    for (m, p), k in pairs.items():
        H[P1 + m][P1 + p] = H[P1 + p][P1 + m] = k.K
        for n in range(N_i):
            # C[(p,n), m]; K_q is the derivative by the variance of neuron p.
            entry = W2[p] * (k.K_c * w[m][n] + 2 * k.K_q * w[p][n])
            H[p * N_i + n][P1 + m] = H[P1 + m][p * N_i + n] = entry
            entry = W2[m] * (k.K_c * w[p][n] + 2 * k.K_p * w[m][n])
            H[m * N_i + n][P1 + p] = H[P1 + p][m * N_i + n] = entry
        K_c, K_cc, K_pc, K_qc = k.K_c, k.K_cc, k.K_pc, k.K_qc
        beside_p = [W2[m] * W2[p] * (K_cc * a + 2 * K_qc * b) for a, b in zip(w[m], w[p])]  # noqa: B905
        beside_m = [W2[m] * W2[p] * (2 * K_pc * a + K_cc * b) for a, b in zip(w[m], w[p])]  # noqa: B905
        on_diagonal = W2[m] * W2[p] * K_c
        for n, q in product(range(N_i), repeat=2):
            entry = w[p][n] * beside_p[q] + w[m][n] * beside_m[q]
            if n == q:
                entry += on_diagonal
            H[m * N_i + n][p * N_i + q] = H[p * N_i + q][m * N_i + n] = entry
    return arb_mat(H)


def fields_by_series(K: Kernel, gram: list[list[arb]]) -> Pairs:
    """Return the kernel and its derivatives for all pairs of neurons, from power series of K.

    They are the series along c, along p and q, and along c together with each of these.
    """
    cap, ctx.cap = ctx.cap, 3
    try:
        return {
            (m, n): _fields(K, gram[m][m], gram[n][n], gram[m][n]) for m, n in pairs_of(len(gram))
        }
    finally:
        ctx.cap = cap


def _fields(K: Kernel, p: arb, q: arb, c: arb) -> KernelFields:
    fixed_p, fixed_q, fixed_c = arb_series([p]), arb_series([q]), arb_series([c])
    moving_p, moving_q, moving_c = (arb_series([value, 1]) for value in (p, q, c))
    along_c = K(fixed_p, fixed_q, moving_c)
    along_p, along_q = K(moving_p, fixed_q, fixed_c), K(fixed_p, moving_q, fixed_c)
    p_and_c, q_and_c = K(moving_p, fixed_q, moving_c), K(fixed_p, moving_q, moving_c)
    return KernelFields(
        K=along_c[0],
        K_c=along_c[1],
        K_p=along_p[1],
        K_q=along_q[1],
        K_cc=2 * along_c[2],
        K_pc=p_and_c[2] - along_p[2] - along_c[2],
        K_qc=q_and_c[2] - along_q[2] - along_c[2],
    )


def inverse(matrix: arb_mat) -> arb_mat | None:
    """Return an enclosure of the inverse, or None if the matrix may be singular."""
    try:
        return matrix.inv()
    except ZeroDivisionError:
        return None


def scaled(matrix: arb_mat, symmetric: bool = False) -> tuple[np.ndarray, np.ndarray, int]:
    """Return midpoints, radii and an exponent e: `(mid ± rad) 2^e` encloses the matrix.

    Midpoints and radii are float64 arrays. The radii include the rounding of the midpoints.

    Args:
        matrix: The matrix.
        symmetric: Whether the true matrix is symmetric. Then the upper triangle of its enclosure
            is read, which encloses the other one too.
    """
    shape = rows, columns = matrix.nrows(), matrix.ncols()
    entries = matrix.entries()
    mid = np.array([float(entry) for entry in entries])
    largest = float(np.abs(mid).max(initial=0.0))
    if NOT_SMALL < largest < np.inf:
        exponent = int(np.frexp(largest)[1])
        mid = np.ldexp(mid, -exponent).reshape(shape)
        entries = (matrix * arb(2) ** -exponent).entries()
    else:
        exponent = _exponent(entries)
        entries = (matrix * arb(2) ** -exponent).entries()
        mid = np.array([float(entry) for entry in entries]).reshape(shape)
    if symmetric:
        rad = np.zeros(shape)
        rad[np.triu_indices(rows)] = [
            float(entry.rad())
            for i in range(rows)
            for entry in entries[i * columns + i : (i + 1) * columns]
        ]
        mid, rad = (np.triu(part) + np.triu(part, 1).T for part in (mid, rad))
    else:
        rad = np.array([float(entry.rad()) for entry in entries]).reshape(shape)
    return mid, rad * (1 + 2.0**-50) + np.abs(mid) * 2.0**-52 + 2.0**-1000, exponent


def _exponent(entries: list[arb]) -> int:
    """Return an exponent e such that all entries are at most `2^e`."""
    largest = max((abs(entry).upper() for entry in entries), default=arb(1))
    if not largest > 0:
        return 0
    mantissa, power = largest.man_exp()
    return int(power) + int(mantissa).bit_length()
