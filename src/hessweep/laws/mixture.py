"""The law of all eigenvalues of a Hessian: a mixture of its groups (docs/laws.md)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # its parts are imported when they are first used
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError, ShapeError
from hessweep.laws.bulk import bulk_law
from hessweep.laws.coefficients import Coefficients, coefficients
from hessweep.laws.groups import groups
from hessweep.laws.linear import hessian_law
from hessweep.laws.local import LocalCoefficients, local_coefficients
from hessweep.laws.order_one import order_one_law
from hessweep.laws.outlier import outlier_mean, outlier_std
from hessweep.laws.output_weights import output_weights
from hessweep.laws.shells import teacher_order_one
from hessweep.laws.unused_inputs import bulk_tail
from hessweep.laws.whole_teacher import whole_tail
from hessweep.networks import check_sizes

LEAST = 1e-140
"""Where the groups are evaluated for x = 0: its inverse squared is finite."""
RESOLUTION = 1e-4
"""Relative width at which the search for a quantile ends."""
Tail = Callable[[Float[ndarray, " n"]], Float[ndarray, " n"]]


@dataclass(frozen=True, eq=False)
class SpectrumLaw:
    """The law of an eigenvalue that is drawn at random from the P of one Hessian."""

    name: str
    counts: dict[str, int]
    """Number of eigenvalues in each group: `hessweep.laws.groups`."""
    tails: dict[str, Tail]
    """For each group the share of its eigenvalues above x > 0; empty where `whole` is given."""
    whole: Tail | None = None
    """The share of all eigenvalues above x > 0; None where the groups give it."""

    def __repr__(self) -> str:
        """Return the name of the law and how many eigenvalues are in each group."""
        return f"SpectrumLaw({self.name!r}, {self.counts})"

    @property
    def atom(self) -> float:
        """The probability of exactly zero."""
        return float(1 - self.sf(np.array(0.0)))

    def sf(self, x: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the share of eigenvalues above x."""
        x = np.asarray(x, dtype=float)
        flat = np.maximum(x.ravel(), LEAST)
        total = self._mixture(flat) if self.whole is None else self.whole(flat)
        return np.where(x.ravel() < 0, 1.0, total).reshape(x.shape)

    def _mixture(self, x: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
        total = np.zeros(x.shape)
        for group, tail in self.tails.items():
            if self.counts[group]:
                total += self.counts[group] * tail(x)
        return total / sum(self.counts.values())

    def cdf(self, x: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the share of eigenvalues up to x."""
        return 1 - self.sf(x)

    def isf(
        self, q: Float[ndarray, "*n"] | float, low: float = 1e-20, high: float = 1e10
    ) -> Float[ndarray, "*n"]:
        """Return where the share of larger eigenvalues falls to q, by bisection in log x.

        The k-th largest of P eigenvalues is about that of `(k - 1/2)/P`.

        Args:
            q: Shares from 0 to 1.
            low: Where the search begins; 0 is returned for what is below.
            high: Where it ends; infinity is returned for what is above.
        """
        q = np.asarray(q, dtype=float)
        left, right = np.full(q.shape, np.log(low)), np.full(q.shape, np.log(high))
        beyond = self.sf(np.exp(right)) > q
        below = self.sf(np.exp(left)) <= q
        while float((right - left).max(initial=0)) > RESOLUTION:
            middle = (left + right) / 2
            larger = self.sf(np.exp(middle)) > q
            left, right = np.where(larger, middle, left), np.where(larger, right, middle)
        found = np.where(beyond, np.inf, np.where(below, 0.0, np.exp(right)))
        return np.where((q >= 0) & (q <= 1), found, np.nan)


def spectrum_law(
    activation: str | Activation,
    N_i: int,
    N_h: int,
    weights: str = "normal",
    W2: Float[ndarray, " N_h"] | None = None,
    W1: Float[ndarray, "N_h N_i"] | None = None,
) -> SpectrumLaw:
    """Return the law of all P eigenvalues, a mixture of the groups.

    Without weights it is the mean over teachers, in the limit of large sizes except for r² and,
    with normal weights, for the eigenvalues of order one. One teacher scatters about it by some
    0.1 in the distribution function, for W2 has N_h entries only. With W1 and W2 it is the law of
    that teacher: the distance to its spectrum falls about as 1/N (docs/laws.md).

    Args:
        activation: Any activation.
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        weights: The distribution of the weights, as in `sample_teacher`.
        W2: Output weights of one teacher.
        W1: Input weights of the same teacher; both or neither.

    Raises:
        ShapeError: If a size is below 1 or the weights do not fit.
        InputError: If only one of W1 and W2 is given, or the distribution is unknown.
        PrecisionError: If the law of the bulk can not be had to its accuracy.
    """
    check_sizes(N_i, N_h)
    c = coefficients(activation)
    g = resolve(activation)
    output_weights(weights, None)
    counts = groups(activation, N_i, N_h)
    name = f"spectrum of {g.label}({N_i}, {N_h})"
    if (W1 is None) != (W2 is None):
        raise InputError("spectrum_law: expected both W1 and W2 of one teacher, or neither")
    if W1 is None or W2 is None:
        return SpectrumLaw(name, counts, _mean_tails(g, c, N_i, N_h, weights))
    W1, W2 = np.asarray(W1, dtype=float), np.asarray(W2, dtype=float)
    if W1.shape != (N_h, N_i) or W2.shape != (N_h,):
        raise ShapeError(
            f"W1, W2: expected shapes {(N_h, N_i)} and {(N_h,)}, got {W1.shape} and {W2.shape}"
        )
    local = local_coefficients(g, (W1**2).sum(axis=1))
    whole = whole_tail(g, local, W1, W2, bool(c.a1))
    tails = _teacher_tails(g, c, local, W1, W2, counts) if whole is None else {}
    return SpectrumLaw(f"{name}, given W", counts, tails, whole)


def _mean_tails(
    g: Activation, c: Coefficients, N_i: int, N_h: int, weights: str
) -> dict[str, Tail]:
    tails: dict[str, Tail] = {}
    mean = outlier_mean(g, N_i, N_h)
    if mean is not None:
        spread = outlier_std(g, N_i, N_h) or 0.0
        tails["outlier"] = scipy.stats.norm(mean, max(spread, 1e-9 * mean)).sf
    if c.a0 and c.b2:
        tails["order_one"] = order_one_law(g, N_i, N_h, weights == "normal").sf
    elif c.a0:
        linear = hessian_law(N_i, N_h, weights == "normal")
        tails["order_one"] = lambda x: linear.sf(x / c.a0)
    else:
        tails["order_one"] = lambda x: (x < c.b2).astype(float)
    chi = output_weights(weights, None)
    if c.kappa:
        tails["special"] = lambda x: chi.sf(N_h * x / c.kappa)
    if c.a1 or c.a2:
        law = bulk_law(g, N_h / N_i, weights)
        tails["bulk"] = lambda x: law.sf(N_h * x)
    return tails


def _teacher_tails(
    g: Activation,
    c: Coefficients,
    local: LocalCoefficients,
    W1: ndarray,
    W2: ndarray,
    counts: dict[str, int],
) -> dict[str, Tail]:
    large = teacher_order_one(local, W1, W2)
    # The outlier is the largest of them; zeros, of a0 = 0 or of linear g, are the smallest.
    first = large[len(large) - counts["outlier"] :]
    rest = large[: len(large) - counts["outlier"]]
    rest = rest[len(rest) - counts["order_one"] :]
    bulk = bulk_tail(g, local, W1, W2, bool(c.a1), counts["bulk"])
    N_h = len(W2)
    return {
        "outlier": _steps(first),
        "order_one": _steps(rest),
        "special": _steps(np.sort(c.kappa * W2**2)),
        "bulk": lambda x: bulk(N_h * x),
    }


def _steps(values: Float[ndarray, " n"]) -> Tail:
    """Return the share of some ascending values that is above x."""
    count = max(len(values), 1)
    return lambda x: 1 - np.searchsorted(values, x, side="right") / count


def spectrum_distance(
    eigenvalues: Float[ndarray, " P"], law: SpectrumLaw, points: int = 200
) -> float:
    """Return `sup |F_P - F|` between a spectrum and a law, to within one of `points` parts.

    The law is evaluated at that many quantiles of the positive eigenvalues, and at the largest
    zero; zeros are eigenvalues below 1e-12 of the largest. Eigenvalues up to 1e-9 of themselves
    below an atom of the law count as the atom.
    """
    x = np.sort(np.asarray(eigenvalues, dtype=float))
    least = 1e-12 * x[-1]
    positive = x[x > least]
    step = max(1, len(positive) // points)
    at = np.unique(np.r_[positive[::step], positive[-1], least])
    empirical = np.searchsorted(x, at, side="right") / len(x)
    return float(np.abs(empirical - law.cdf(at * (1 + 1e-9))).max())
