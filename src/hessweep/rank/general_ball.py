"""The Hessian in ball arithmetic with biases, several outputs and any normal inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from flint import arb, arb_mat, arb_series, ctx

from hessweep.activations import Activation
from hessweep.networks import Inputs, Layout, Network

if TYPE_CHECKING:
    from hessweep.activations.ball_functions import OffsetKernel


@dataclass(frozen=True)
class _Pair:
    """The means `E_ij = E[g^(i)(u + b) g^(j)(v + d)]` of a pair of neurons."""

    E00: arb
    E01: arb
    E02: arb
    E11: arb
    E12: arb
    E13: arb
    E22: arb


def has_offset_kernel(activation: Activation) -> bool:
    """Return whether the kernel with offsets of an activation is known in ball arithmetic."""
    known = activation.in_balls
    return known is not None and known.offset_kernel is not None


def general_hessian(network: Network) -> arb_mat:
    """Return the P x P Hessian at the optimum in ball arithmetic, to the working precision.

    The entries are those of docs/biases.md, sec. 1. The derivatives of the kernel are taken from
    its power series, so that nothing is shared with the kernels in float64.

    Raises:
        LookupError: If the activation has no kernel with offsets in ball arithmetic.
    """
    known = network.activation.in_balls
    if known is None or known.offset_kernel is None or known.offset_mean is None:
        raise LookupError(f"{network.activation} has no kernel with offsets in ball arithmetic")
    N_i, N_h, N_o, layout = network.N_i, network.N_h, network.N_o, network.layout
    inputs = Inputs() if network.inputs is None else network.inputs
    W1, Sigma = _balls(network.W1.tolist()), _balls(inputs.matrix(N_i).tolist())
    W2 = _balls(network.output_rows.tolist()).table()
    mean = _balls([[0.0] * N_i if inputs.mean is None else inputs.mean.tolist()])
    V = W1 * Sigma
    c, v = (V * W1.transpose()).table(), V.table()
    shift = (W1 * mean.transpose()).entries()
    b = [
        arb(value) + move for value, move in zip(network.b1_or_zeros.tolist(), shift, strict=True)
    ]
    mu, moments = mean.entries(), (Sigma + mean.transpose() * mean).table()
    E = {
        (m, p): _pair(known.offset_kernel, (c[m][m], c[p][p], c[m][p], b[m], b[p]))
        for m, p in product(range(N_h), repeat=2)
    }
    H = [[arb(0)] * network.P for _ in range(network.P)]

    def put(i: int, j: int, value: arb) -> None:
        H[i][j] = H[j][i] = value

    b1, b2 = layout.b1.start, layout.b2.start
    for m, p in product(range(N_h), repeat=2):
        here, there = E[m, p], E[p, m]  # E_ij of one is E_ji of the other
        G = sum((out[m] * out[p] for out in W2), arb(0))
        for n in range(N_i):
            if layout.hidden_biases:
                across = there.E12 * v[m][n] + here.E12 * v[p][n] + here.E11 * mu[n]
                put(m * N_i + n, b1 + p, G * across)
            # p is the neuron of W2.
            to_second = there.E11 * v[p][n] + there.E02 * v[m][n] + there.E01 * mu[n]
            for o, out in enumerate(W2):
                put(m * N_i + n, layout.W2.start + o * N_h + p, out[m] * to_second)
            for q in range(N_i):
                beside_m = here.E22 * v[p][q] + there.E13 * v[m][q] + there.E12 * mu[q]
                beside_p = here.E22 * v[m][q] + here.E13 * v[p][q] + here.E12 * mu[q]
                beside_mean = there.E12 * v[m][q] + here.E12 * v[p][q]
                entry = here.E11 * moments[n][q] + v[m][n] * beside_m + v[p][n] * beside_p
                put(m * N_i + n, p * N_i + q, G * (entry + mu[n] * beside_mean))
        if layout.hidden_biases:
            put(b1 + m, b1 + p, G * here.E11)
        for o, out in enumerate(W2):
            start = layout.W2.start + o * N_h
            put(start + m, start + p, here.E00)
            if layout.hidden_biases:
                put(b1 + m, start + p, out[m] * there.E01)
    if layout.output_biases:
        for m in range(N_h):
            along_b = known.offset_mean(arb_series([c[m][m]]), arb_series([b[m], 1]))
            along_p = known.offset_mean(arb_series([c[m][m], 1]), arb_series([b[m]]))
            means = along_b[0], along_b[1], 2 * along_p[1]
            _put_output_biases(put, layout, m, means, [out[m] for out in W2], v[m], mu)
        for o in range(N_o):
            put(b2 + o, b2 + o, arb(1))
    return arb_mat(H)


def _put_output_biases(
    put: Callable[[int, int, arb], None],
    layout: Layout,
    m: int,
    means: tuple[arb, arb, arb],
    outs: list[arb],
    v: list[arb],
    mu: list[arb],
) -> None:
    """Enter what neuron m has with the output biases: `M0, M1, M2`, and its weights to outputs."""
    M0, M1, M2 = means
    for o, out in enumerate(outs):
        column = layout.b2.start + o
        put(layout.W2.start + o * layout.N_h + m, column, M0)
        if layout.hidden_biases:
            put(layout.b1.start + m, column, out * M1)
        for n, (v_n, mu_n) in enumerate(zip(v, mu, strict=True)):
            put(m * layout.N_i + n, column, out * (M2 * v_n + M1 * mu_n))


def _balls(rows: list[list[float]]) -> arb_mat:
    return arb_mat([[arb(value) for value in row] for row in rows])


def _pair(K: "OffsetKernel", at: tuple[arb, arb, arb, arb, arb]) -> _Pair:
    """Return the means from the series of K along c, q and d, and along two of them at once.

    With `∂_c E_ij = E_{i+1,j+1}`, `∂_d E_ij = E_{i,j+1}` and `∂_q E_ij = E_{i,j+2} / 2`.
    """
    cap, ctx.cap = ctx.cap, 3
    try:

        def along(*moving: int) -> arb_series:
            return K(*(arb_series([x, int(k in moving)]) for k, x in enumerate(at)))

        by_c, by_q, by_d = along(2), along(1), along(4)
        by_q_and_c, by_d_and_c = along(1, 2), along(4, 2)
    finally:
        ctx.cap = cap
    return _Pair(
        E00=by_c[0],
        E01=by_d[1],
        E02=2 * by_q[1],
        E11=by_c[1],
        E12=by_d_and_c[2] - by_d[2] - by_c[2],
        E13=2 * (by_q_and_c[2] - by_q[2] - by_c[2]),
        E22=2 * by_c[2],
    )
