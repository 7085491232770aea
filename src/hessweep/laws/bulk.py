"""The limit law of the bulk of a non-linear network's Hessian (docs/laws.md)."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation
from hessweep.activations import activation as resolve
from hessweep.errors import InputError, ShapeError
from hessweep.laws.bulk_count import counted_bulk
from hessweep.laws.chi import Given, OutputWeights
from hessweep.laws.coefficients import coefficients, require_bulk
from hessweep.laws.gamma import Gamma
from hessweep.laws.given_weights import given_bulk
from hessweep.laws.law import Continuous, Law
from hessweep.laws.log_table import tabulate_log
from hessweep.laws.moved import Scaled, Shifted
from hessweep.laws.output_weights import output_weights
from hessweep.laws.pair_sums import bulk_density, has_mass, single_density

LOWEST = 1e-21
"""Where a table begins, relative to the mean: about 1e-10 lies below."""
LOWEST_SINGLE = 1e-36
"""The same for the single law, whose density grows as the power -2/3 at γ = 1."""
FURTHEST = 60.0
"""Doublings of the mean in which the end of the law is looked for."""
NOTHING = 1e-13
"""`z p(z)` at which the law ends."""


def bulk_law(
    activation: str | Activation,
    ratio: float,
    weights: str = "normal",
    W2: Float[ndarray, " N_h"] | None = None,
    W1: Float[ndarray, "N_h N_i"] | None = None,
    single: bool = False,
) -> Law:
    """Return the law of `N_h λ` for the eigenvalues λ of the bulk.

    The bulk is all eigenvalues but some `2 (N_i + N_h)`; its law is the limit of large N_i, N_h.
    Its error in the distribution function is below `law.continuous.error`, itself below 1e-8
    for named distributions; the first call takes some seconds (up to a minute for
    exponential weights) and is remembered.

    Args:
        activation: Any activation that is not linear.
        ratio: `N_h / N_i`, from 1/100 to 100.
        weights: The distribution of the output weights, as in `sample_teacher`.
        W2: Output weights of one teacher instead: the law given them, to some 1e-5.
        W1: Input weights of the same teacher, too: the exact count of eigenvalues of the
            limiting operator at this finite size (docs/laws.md), a step function.
        single: The law of the `(N_i - N_h)`-fold eigenvalues of `(W2 W2^T) ∘ K_c`, which are
            part of the bulk for `N_h < N_i`, instead of the law of all.

    Raises:
        InputError: If the activation is linear, ratio is not positive, or W1 comes without W2.
        ShapeError: If W1 or W2 do not fit.
        PrecisionError: If the law can not be had to its accuracy.
    """
    c = coefficients(activation)
    label = resolve(activation).label
    require_bulk(c, "bulk_law")
    if not (np.isfinite(ratio) and ratio > 0):
        raise InputError(f"ratio: expected N_h / N_i, positive and finite, got {ratio!r}")
    name = f"bulk of {label} at N_h/N_i = {ratio:g}{', single' if single else ''}"
    if W1 is not None:
        if W2 is None or single:
            raise InputError("W1: expected W2 of the same teacher beside it, and single=False")
        W1, W2 = np.asarray(W1, dtype=float), np.asarray(W2, dtype=float)
        if W1.ndim != 2 or W2.shape != W1.shape[:1]:
            raise ShapeError(f"W1, W2: expected N_h x N_i and N_h, got {W1.shape} and {W2.shape}")
        return counted_bulk(name, c.a1, c.a2, W1, W2)
    if W2 is None:
        output_weights(weights, None)
        return _named_law(name, c.a1, c.a2, float(ratio), weights, single)
    chi = output_weights(weights, W2)
    return _law(name, c.a1, c.a2, float(ratio), chi, single)


@lru_cache(maxsize=64)
def _named_law(name: str, a1: float, a2: float, ratio: float, weights: str, single: bool) -> Law:
    return _law(name, a1, a2, ratio, output_weights(weights, None), single)


def _law(name: str, a1: float, a2: float, ratio: float, chi: OutputWeights, single: bool) -> Law:
    moments = bulk_moments(a1, a2, ratio, chi, single)
    atom = zero_atom(a2, ratio, chi, single)
    if not a1:
        return Law(name, Scaled(chi, a2), moments)
    if isinstance(chi, Given) and len(np.unique(chi.values)) == 1 and a2:
        # T is a2 χ plus a multiple of the law without a2, atom included.
        at = a2 * float(chi.values[0])
        return Law(name, Shifted(_law(name, a1, 0.0, ratio, chi, single), at), moments)
    if isinstance(chi, Given) and len(np.unique(chi.values)) > 1:
        return Law(name, given_bulk(Gamma(chi, a2, ratio), a1, moments[0], single), moments, atom)
    law = Gamma(chi, a2, ratio)
    return Law(name, _table(law, a1, moments[0], 1 - atom, single), moments, atom)


def bulk_moments(
    a1: float, a2: float, ratio: float, chi: OutputWeights, single: bool = False
) -> tuple[float, float]:
    """Return mean and variance of the law of the bulk, in closed form.

    `E = (a1 + a2) E χ`, `E² = a1² (E χ² + 2γ (E χ)²) + (2 a1 a2 + a2²) E χ²`; half of the term
    with γ for the single law.
    """
    first, second = chi.moment(1), chi.moment(2)
    mean = (a1 + a2) * first
    pairs = (1 if single else 2) * ratio * first**2
    square = a1**2 * (second + pairs) + (2 * a1 * a2 + a2**2) * second
    return float(mean), float(square - mean**2)


def zero_atom(a2: float, ratio: float, chi: OutputWeights, single: bool = False) -> float:
    """Return the share of eigenvalues of the bulk that are 0."""
    if a2:
        return 1 - chi.nonzero
    rank = min(1.0, ratio * chi.nonzero)
    if single:
        return 1 - rank / ratio
    return 1 - (1 - (1 - rank) ** 2) / (2 * ratio)


def _table(law: Gamma, a1: float, mean: float, mass: float, single: bool) -> Continuous:
    """Tabulate the density, whose integral must be `mass`."""

    def density(z: ndarray) -> tuple[ndarray, ndarray]:
        if single:
            return single_density(law, 1 / a1, z), np.zeros(z.shape)
        return bulk_density(law, a1, z)

    def inside(z: ndarray) -> ndarray:
        return density(z)[0] > 0 if single else has_mass(law, a1, z)

    with np.errstate(all="ignore"):
        # Where z p(z) has become negligible for good; student-t has the longest tail.
        far = mean * 2.0 ** np.arange(-2, FURTHEST)
        high = float(far[np.flatnonzero(density(far)[0] * far > NOTHING)[-1] + 1])
        low, bounds = (LOWEST_SINGLE if single else LOWEST) * mean, (0.0, np.inf)
        if np.isfinite(law.chi.largest):
            bounds = _edges(inside, low, high)
            low, high = max(low, bounds[0]), bounds[1]
        return tabulate_log(density, low, high, mass, bounds)


def _edges(inside: Callable[[ndarray], ndarray], low: float, high: float) -> tuple[float, float]:
    """Return the outermost places between which the density is not 0."""
    grid = np.geomspace(low, high, 400)
    there = np.flatnonzero(inside(grid))
    ends = []
    for at, step in ((there[0], -1), (there[-1], 1)):
        if not 0 <= at + step < len(grid):
            ends.append(0.0 if step < 0 else float(grid[-1]))
            continue
        yes, no = grid[at], grid[at + step]
        for _ in range(50):
            middle = (yes + no) / 2
            yes, no = (middle, no) if inside(np.array([middle]))[0] else (yes, middle)
        ends.append(float(no))
    return ends[0], ends[1]
