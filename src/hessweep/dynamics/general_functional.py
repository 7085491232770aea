"""The functional part of the Hessian, `E[(y - y*) ∂²y/∂θ²]`, of any two-layer network.

Within a neuron it needs `E03 = E[g(z_j) g'''(z_m)]` and `E04`, which are derivatives of E02 by the
offset of neuron m, and `M3` and `M4`, those of M2. These are taken as differences of eighth order;
how much differences of sixth order differ tells their error.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.dynamics.general_neurons import GeneralNeurons

STEP = 0.05
"""Step of the differences, in units of the standard deviation of a variable of variance 1 + q."""

FIRST = {8: (4 / 5, -1 / 5, 4 / 105, -1 / 280), 6: (3 / 4, -3 / 20, 1 / 60, 0.0)}
"""Coefficients of `f(x + k h) - f(x - k h)` in `h f'(x)`, by order."""

SECOND = {
    8: (-205 / 72, 8 / 5, -1 / 5, 8 / 315, -1 / 560),
    6: (-49 / 18, 3 / 2, -3 / 20, 1 / 90, 0.0),
}
"""Coefficients of `f(x)` and of `f(x + k h) + f(x - k h)` in `h² f''(x)`, by order."""


class Higher(NamedTuple):
    """Derivatives of the third and fourth order."""

    E03: Float[ndarray, "both N_h"]
    E04: Float[ndarray, "both N_h"]
    M3: Float[ndarray, " N_h"]
    M4: Float[ndarray, " N_h"]


def higher_orders(g: Activation, n: GeneralNeurons) -> tuple[Higher, Higher]:
    """Return these derivatives for one student, and by differences of lower order."""
    p, q, c, b, d = n.arguments
    step = STEP * np.sqrt(1 + q)
    E02, M2 = [n.kernel.E02], [n.own.M2]
    sides: list[list[ndarray]] = [[], [], [], []]
    own_q, own_d, own_step = q[0], d[0], step[0]
    for k in range(1, 5):
        for sign in (1, -1):
            shift = sign * k
            sides[0 if sign > 0 else 1].append(g.offset_dual(p, q, c, b, d + shift * step).E02)
            at = own_d + shift * own_step
            sides[2 if sign > 0 else 3].append(g.offset_dual(own_q, own_q, own_q, at, at).M2)

    def derivatives(order: int) -> Higher:
        found = []
        for middle, above, below, h in (
            (E02[0], sides[0], sides[1], step),
            (M2[0], sides[2], sides[3], own_step),
        ):
            pairs = list(zip(above, below, strict=True))
            first = sum(a * (x - y) for a, (x, y) in zip(FIRST[order], pairs, strict=True)) / h
            second = SECOND[order][0] * middle
            second = second + sum(
                a * (x + y) for a, (x, y) in zip(SECOND[order][1:], pairs, strict=True)
            )
            found += [np.asarray(first), np.asarray(second / h**2)]
        return Higher(*found)

    return derivatives(8), derivatives(6)


def functional(n: GeneralNeurons, higher: Higher) -> Float[ndarray, "P P"]:
    """Return `E[(y - y*) ∂²y/∂θ²]` for one student (docs/dynamics.md, eq. 11)."""
    student, k, own = n.student, n.kernel, n.own
    N_o, N_h = student.W2.shape
    N_i = n.V.shape[-1]
    A, f = n.signed.T @ student.W2, n.shift @ student.W2
    hidden = student.b1 is not None
    start = N_h * (N_i + hidden)
    P = start + N_o * N_h + N_o * (student.b2 is not None)
    H = np.zeros((P, P))
    for m in range(N_h):
        v, a = n.V[m], A[:, m]
        near, beside = (a * k.E12[:, m]) @ n.V, (a * k.E13[:, m]) @ n.V
        within = (a @ k.E02[:, m] + f[m] * own.M2[m]) * n.second_moments
        slope = near + (a @ higher.E03[:, m] + f[m] * higher.M3[m]) * v
        within += np.outer(n.mean, slope) + np.outer(slope, n.mean)
        within += (n.V * (a * k.E22[:, m])[:, None]).T @ n.V
        within += np.outer(v, beside) + np.outer(beside, v)
        within += (a @ higher.E04[:, m] + f[m] * higher.M4[m]) * np.outer(v, v)
        rows = slice(m * N_i, (m + 1) * N_i)
        H[rows, rows] = within
        if hidden:
            curvature = a @ k.E02[:, m] + f[m] * own.M2[m]
            H[rows, N_h * N_i + m] = H[N_h * N_i + m, rows] = slope + n.mean * curvature
            H[N_h * N_i + m, N_h * N_i + m] = curvature
        for o in range(N_o):
            s, shift, at = n.signed[o], n.shift[o], start + o * N_h + m
            slopes = s @ k.E01[:, m] + shift * own.M1[m]
            across = (s * k.E11[:, m]) @ n.V + n.mean * slopes
            across = across + (s @ k.E02[:, m] + shift * own.M2[m]) * v
            H[rows, at] = H[at, rows] = across
            if hidden:
                H[N_h * N_i + m, at] = H[at, N_h * N_i + m] = slopes
    return H
