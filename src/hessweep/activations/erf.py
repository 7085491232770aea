"""The error function, the activation of sec. 5 of the paper."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy  # its parts are imported when they are first used
from numpy import ndarray

from hessweep.activations.ball_functions import (
    BallFunctions,
    KernelFields,
    Pairs,
    determinant,
    normal_density,
    normal_exponential,
    pairs_of,
)
from hessweep.activations.bivariate_normal import (
    density,
    density_derivatives,
    normal_derivatives,
    owen_sum,
    with_unit_noise,
)
from hessweep.activations.facts import Facts
from hessweep.activations.kernel import DualKernel
from hessweep.activations.offset_closed_form import OffsetClosedForm
from hessweep.activations.offsets import HIGHEST, OffsetMeans
from hessweep.activations.theory import Theory

if TYPE_CHECKING:
    from flint import arb, arb_series


@dataclass(frozen=True)
class Erf(OffsetClosedForm):
    """`g(x) = erf(x / √2)`, so that `g'(x) = √(2/π) exp(-x²/2)`."""

    name: str = "erf"
    revision: ClassVar[int] = 1

    def __call__(self, x: ndarray) -> ndarray:
        """Return g(x), elementwise."""
        return scipy.special.erf(np.asarray(x) / np.sqrt(2))

    def derivative(self, x: ndarray) -> ndarray:
        """Return g'(x), elementwise."""
        return np.sqrt(2 / np.pi) * np.exp(-np.square(x) / 2)

    def second_derivative(self, x: ndarray) -> ndarray:
        """Return g''(x), elementwise."""
        return -np.asarray(x) * self.derivative(x)

    def dual(self, p: ndarray, q: ndarray, c: ndarray) -> DualKernel:
        """Return the dual kernel; `D = (1 + p)(1 + q) - c²` (eqs 16-18)."""
        # Rounding can make |c| larger than its bound √(pq).
        D = 1 + p + q + np.maximum(p * q - c * c, 0)
        root = np.sqrt(D)
        cube = 1 / (D * root)
        return DualKernel(
            # atan2 keeps the digits that asin loses when |c| is close to its bound.
            K=2 / np.pi * np.arctan2(c, root),
            K_c=2 / np.pi / root,
            K_p=-c / (np.pi * (1 + p) * root),
            K_q=-c / (np.pi * (1 + q) * root),
            K_cc=2 / np.pi * c * cube,
            K_pc=-(1 + q) * cube / np.pi,
            K_qc=-(1 + p) * cube / np.pi,
            K_pp=c * (1 / (1 + p) ** 2 / root + (1 + q) / (1 + p) * cube / 2) / np.pi,
        )

    def _facts(self) -> Facts:
        """Return what is proved about erf."""
        theory = Theory(at_zero=0, slope_at_zero=1, reflection=(-1, 0, 0))
        return Facts(closed_form=True, theory=theory, in_balls=_in_balls)

    def offset_means(
        self, p: ndarray, q: ndarray, c: ndarray, b: ndarray, d: ndarray, highest: int = HIGHEST
    ) -> OffsetMeans:
        """Return the means of g and its derivatives at `u + b` and `v + d` (docs/biases.md)."""
        pair = with_unit_noise(p, q, c, b, d)
        # g is twice the distribution function of a normal variable of variance 1, minus 1.
        f = density_derivatives(pair, highest - 2)
        E01 = 2 * density(pair.k) / np.sqrt(pair.Q) * scipy.special.erf(pair.x / np.sqrt(2))
        E = {(i + 1, j + 1): 4 * value for (i, j), value in f.items()}
        E[0, 0], E[0, 1] = 1 - 4 * owen_sum(pair), E01
        E[0, 2] = -(d * E01 + c * E[1, 1]) / pair.Q
        for j in range(2, highest - 2):
            E[0, j + 1] = -(d * E[0, j] + (j - 1) * E[0, j - 1] + c * E[1, j]) / pair.Q
        _, *N = normal_derivatives(pair.P, b, highest - 2)
        means = [scipy.special.erf(pair.h / np.sqrt(2)), *(2 * value for value in N)]
        return OffsetMeans(E, means)


def _in_balls() -> BallFunctions:
    from flint import arb

    return BallFunctions(
        g=lambda u: (u / arb(2).sqrt()).erf(),
        derivative=lambda u: 2 * normal_density(u),
        kernel=lambda p, q, c: (c / determinant(p, q, c).sqrt()).atan() * (2 / arb.pi()),
        fields=_fields_in_balls,
        offset_kernel=_offset_kernel_in_balls,
        offset_mean=lambda p, b: (b / (2 * (1 + p)).sqrt()).erf(),
    )


def _fields_in_balls(gram: "list[list[arb]]") -> Pairs:
    """Return K and its derivatives (eqs 16-18) for all pairs of neurons.

    `K_c = 2/(π √D)`, and D is linear in p and in q.
    """
    from flint import arb

    per_pi = 1 / arb.pi()
    variances = [row[m] + 1 for m, row in enumerate(gram)]
    found = {}
    for m, n in pairs_of(len(gram)):
        P, Q, c = variances[m], variances[n], gram[m][n]
        root = (P * Q - c * c).rsqrt()
        tangent, slope = c * root, per_pi * root
        cube = slope * root * root
        found[m, n] = KernelFields(
            K=2 * per_pi * tangent.atan(),
            K_c=2 * slope,
            K_p=-c * slope / P,
            K_q=-c * slope / Q,
            K_cc=2 * c * cube,
            K_pc=-Q * cube,
            K_qc=-P * cube,
        )
    return found


def _offset_kernel_in_balls(
    p: "arb_series", q: "arb_series", c: "arb_series", b: "arb_series", d: "arb_series"
) -> "arb_series":
    """Return `E00` on power series: the integral of its derivative along them.

    Its constant term is `M0 M0 + ∫ E11 dt`, the covariance t growing from 0, where u and v are
    independent, to c.
    """
    from flint import acb, arb, arb_series

    P, Q, C, B, D = (acb(x[0] + 1) if k < 2 else acb(x[0]) for k, x in enumerate((p, q, c, b, d)))

    def density(t: acb, analytic: bool) -> acb:
        determinant_ = P * Q - t * t
        quad = (Q * B * B - 2 * t * B * D + P * D * D) / determinant_
        return determinant_.rsqrt(analytic=analytic) * (-quad / 2).exp()

    of_u, of_v = (offset / (2 * variance).sqrt() for offset, variance in ((B, P), (D, Q)))
    constant = of_u.erf() * of_v.erf() + acb.integral(density, 0, C) * 2 / arb.pi()
    E11 = normal_exponential(p, q, c, b, d) * (2 / arb.pi())
    E01, E10 = _slope_in_balls(p, q, c, b, d), _slope_in_balls(q, p, c, d, b)
    E02, E20 = -(d * E01 + c * E11) / (1 + q), -(b * E10 + c * E11) / (1 + p)
    slope = E11 * c.derivative() + E01 * d.derivative() + E10 * b.derivative()
    slope += (E02 * q.derivative() + E20 * p.derivative()) / 2
    return arb_series([constant.real]) + slope.integral()


def _slope_in_balls(
    p: "arb_series", q: "arb_series", c: "arb_series", b: "arb_series", d: "arb_series"
) -> "arb_series":
    """Return `E01`: the density of `V + d` at 0 times the mean of g given that."""
    from flint import arb

    Q = 1 + q
    given = (b * Q - c * d) / (2 * Q * determinant(p, q, c)).sqrt()
    return 2 * (-d * d / (2 * Q)).exp() / (2 * arb.pi() * Q).sqrt() * given.erf()
