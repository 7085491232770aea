"""The laws of the linear network's eigenvalues (docs/laws.md)."""

from functools import lru_cache

import numpy as np
import scipy  # its parts are imported when they are first used
from numpy import ndarray

from hessweep.errors import InputError
from hessweep.laws.convolution import Singular, Summand, sum_law, with_chi_square
from hessweep.laws.law import Law
from hessweep.laws.panels import Places
from hessweep.laws.tabulated import Tabulated, tabulate
from hessweep.laws.wishart import wishart_error, wishart_part
from hessweep.networks import check_sizes

FLOOR = 1e-40
"""Absolute error in the probabilities of a law of H that is accepted."""


def chi_square_law(N_h: int) -> Law:
    """Return the law of `χ²_{N_h} / N_h`, that of `|W2|²` (App. A): mean 1, variance 2/N_h.

    Raises:
        ShapeError: If N_h is below 1.
    """
    check_sizes(1, N_h)
    return Law(f"χ²({N_h})/{N_h}", scipy.stats.chi2(N_h, scale=1 / N_h), (1.0, 2 / N_h))


block_A_law = chi_square_law
"""The law of block A's eigenvalues, each of which occurs N_i times (App. A.1)."""


def marchenko_pastur(ratio: float, variance: float = 1.0) -> Law:
    """Return the Marchenko-Pastur law of `X X^T / M`, X of N rows and M columns, `ratio = N/M`.

    Support `variance (1 ± √ratio)²`, and above ratio 1 an atom of `1 - 1/ratio` at zero; at
    ratio 1 the density has a pole there. Mean `variance`, variance `ratio variance²`. This is
    eq. (15), with the ratio and the variance corrected (docs/laws.md, sec. 2).

    Raises:
        InputError: If ratio or variance is not positive and finite.
    """
    for name, value in (("ratio", ratio), ("variance", variance)):
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name}: expected a positive finite number, got {value!r}")
    return Law(
        f"Marchenko-Pastur({ratio:g}, {variance:g})",
        _marchenko_pastur_part(float(ratio), float(variance)),
        (float(variance), float(ratio * variance**2)),
        atom=max(0.0, 1 - 1 / ratio),
    )


@lru_cache(maxsize=256)
def _marchenko_pastur_part(ratio: float, variance: float) -> Tabulated:
    return _marchenko_pastur_singular(ratio, variance).table


@lru_cache(maxsize=256)
def _marchenko_pastur_singular(ratio: float, variance: float) -> Singular:
    root = np.sqrt(ratio)
    low, high = variance * (1 - root) ** 2, variance * (1 + root) ** 2
    # The mass of the continuous part is min(1, 1/ratio).
    scale = 2 * np.pi * variance * min(ratio, 1.0)

    def density(x: ndarray, from_low: ndarray, to_high: ndarray) -> ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.sqrt(to_high) * np.sqrt(from_low) / (scale * x)
        return np.where((x == 0) & (low == 0), np.inf, np.where(from_low > 0, inside, 0.0))

    def at_places(at: Places) -> ndarray:
        return density(at.x, at.from_low, at.to_high)

    return Singular(tabulate(at_places, [low, high], (low, high)), density)


@lru_cache(maxsize=256)
def block_B_law(N_i: int, N_h: int, exact: bool = False) -> Law:
    """Return the law of the N_h eigenvalues of `B = W1 W1^T`, zeros included (App. A.2).

    Args:
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        exact: The mean law at this size, instead of Marchenko-Pastur's limit.

    Raises:
        ShapeError: If a size is below 1.
    """
    check_sizes(N_i, N_h)
    if not exact:
        return marchenko_pastur(N_h / N_i)
    return _wishart_law(N_h, N_i)


def _wishart_law(N: int, M: int) -> Law:
    """The mean law of the N eigenvalues of `X X^T / M`, X normal with M columns."""
    part = wishart_part(min(N, M), max(N, M), 1 / M)
    # E tr (X X^T)² = N M (N + M + 1).
    return Law(f"Wishart({N}, {M})", part, (1.0, (N + 1) / M), atom=max(0.0, 1 - M / N))


@lru_cache(maxsize=256)
def hessian_law(
    N_i: int,
    N_h: int,
    exact: bool = False,
    floor: float = FLOOR,
    N_o: int = 1,
    biases: str = "none",
) -> Law:
    """Return the law of the non-zero eigenvalues of the linear network's Hessian.

    For one output they are `|W2|² + eig(W1^T W1)` (App. A), N_i of them, so the law is the
    convolution of `χ²_{N_h}/N_h` with that of the N_i x N_i matrix `W1^T W1`. For `N_i > N_h` the
    latter has an atom `(N_i - N_h)/N_i` at zero, which makes the law a mixture (sec. 3.1). For
    several outputs they are the N_i N_o sums of eigenvalues of `W2 W2^T` and `W1^T W1`
    (docs/biases.md); where N_h is below both sizes, some of these are 0. A hidden bias of
    variance 1/N_i is one more input.

    Args:
        N_i: Number of inputs.
        N_h: Number of hidden neurons.
        exact: The mean law at this size, instead of the paper's limit with Marchenko-Pastur.
        floor: Absolute error in small probabilities that is accepted. Tails are accurate
            relatively down to about 1e13 times this; a larger one makes the law faster to build.
        N_o: Number of outputs. For several the law at this size is known, and no limit.
        biases: `none` or `hidden`.

    Raises:
        ShapeError: If a size is below 1.
        InputError: If the limit for several outputs is asked for, or a law with output biases.
    """
    check_sizes(N_i, N_h, N_o)
    if biases not in ("none", "hidden"):
        raise InputError(
            f"biases: expected none or hidden, got {biases!r}; output biases alone add N_o "
            "eigenvalues that are 1, and with both no law is known"
        )
    inputs = N_i + (biases == "hidden")
    if not exact and (N_o > 1 or inputs > N_i):
        raise InputError(
            "exact: expected True for several outputs or hidden biases, whose law is known at "
            "finite size only"
        )
    ratio = N_h / N_i
    if N_o > 1:
        return _outputs_law(inputs, N_i, N_h, N_o, floor)
    # W1^T W1 = X X^T / N_i with X standard normal, `inputs` x N_h.
    if exact:
        atom = max(0.0, 1 - N_h / inputs)
        N, M = min(inputs, N_h), max(inputs, N_h)
        variance = 2 / N_h + N_h * (inputs + 1) / N_i**2
        part = wishart_part(N, M, 1 / N_i)
        law = with_chi_square(part, atom, N_h, N, wishart_error(N, M), floor)
    else:
        limit = marchenko_pastur(N_i / N_h, ratio)
        atom, variance = limit.atom, 2 / N_h + limit.var()
        limit_part = _marchenko_pastur_singular(N_i / N_h, ratio)
        law = with_chi_square(limit_part, atom, N_h, floor=floor)
    name = f"{'exact ' if exact else ''}law of H({N_i}, {N_h})"
    return Law(
        name + (f" with {biases} biases" if biases != "none" else ""), law, (1 + ratio, variance)
    )


def _outputs_law(inputs: int, N_i: int, N_h: int, N_o: int, floor: float) -> Law:
    """The law of a sum of random eigenvalues of `W2 W2^T` and `W1^T W1`, zeros included.

    `W2 W2^T` is `X X^T / N_h`, N_o x N_h, and `W1^T W1` is `X X^T / N_i`, inputs x N_h.
    """
    parts, error, oscillations = [], 0.0, 0
    for size, scale in ((N_o, 1 / N_h), (inputs, 1 / N_i)):
        N, M = min(size, N_h), max(size, N_h)
        parts.append(Summand(wishart_part(N, M, scale), max(0.0, 1 - N_h / size)))
        error, oscillations = error + wishart_error(N, M), oscillations + N
    one, other = parts
    law = sum_law(one, other, oscillations, error, floor)
    # E tr (X X^T)² = N M (N + M + 1).
    variance = (N_o + 1) / N_h + N_h * (inputs + 1) / N_i**2
    name = f"exact law of H({inputs}, {N_h}, {N_o})"
    return Law(name, law, (1 + N_h / N_i, variance), atom=one.atom * other.atom)
