"""Gaussian means in the plane by polar quadrature: the second route to every dual kernel."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from hessweep.activations import DualKernel

REACH, RINGS, ARCS, NODES = 13.0, 10, 8, 16


def composite(edges: ndarray) -> tuple[ndarray, ndarray]:
    """Gauss-Legendre nodes and weights between all neighbouring edges."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


def dual_by_quadrature(
    g: Callable[[ndarray], ndarray], p: float, q: float, c: float
) -> DualKernel:
    """All fields from values of g alone.

    The derivatives of the kernel with respect to p, q, c are those of the normal density: its
    Hermite polynomials in `n = S (u, v)`, S the inverse covariance, so no derivative of g is
    taken and nothing is shared with the closed forms. The arcs break where u or v changes sign,
    which is where a kink at 0 lies.
    """
    r, w_r = composite(np.linspace(0, REACH, RINGS + 1))
    height = np.sqrt(q - c * c / p)
    tilt = np.arctan2(height, c / np.sqrt(p))  # v = √q r cos(angle - tilt)
    kinks = np.mod([np.pi / 2, -np.pi / 2, tilt + np.pi / 2, tilt - np.pi / 2], 2 * np.pi)
    corners = np.sort(np.concatenate([np.linspace(0, 2 * np.pi, ARCS + 1), kinks]))
    angle, w_angle = composite(corners)
    u = np.sqrt(p) * r[:, None] * np.cos(angle)
    v = c / np.sqrt(p) * r[:, None] * np.cos(angle) + height * r[:, None] * np.sin(angle)
    weight = (w_r * r * np.exp(-r * r / 2))[:, None] * w_angle / (2 * np.pi)

    S_uu, S_vv, S_uv = np.array([q, p, -c]) / (p * q - c * c)
    a, b = S_uu * u + S_uv * v, S_uv * u + S_vv * v
    product = weight * g(u) * g(v)

    def mean(factor: ndarray) -> float:
        return float((product * factor).sum())

    def cubic(x: ndarray, y: ndarray, S_xx: float) -> ndarray:
        return x**3 * y - 3 * S_xx * x * y - 3 * S_uv * x * x + 3 * S_xx * S_uv

    cc = (a * b) ** 2 - S_uu * b * b - S_vv * a * a - 4 * S_uv * a * b + S_uu * S_vv + 2 * S_uv**2
    return DualKernel(
        K=mean(np.ones_like(u)),
        K_c=mean(a * b - S_uv),
        K_p=mean(a * a - S_uu) / 2,
        K_q=mean(b * b - S_vv) / 2,
        K_cc=mean(cc),
        K_pc=mean(cubic(a, b, S_uu)) / 2,
        K_qc=mean(cubic(b, a, S_vv)) / 2,
        K_pp=mean(a**4 - 6 * S_uu * a * a + 3 * S_uu**2) / 4,
    )
