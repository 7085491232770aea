"""Checks of a user's activation before anything is computed with it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy import ndarray

from hessweep.activations.differences import differentiate
from hessweep.activations.kernel import Activation, DualKernel
from hessweep.activations.numeric import Numeric
from hessweep.errors import ActivationError

GRID = np.linspace(-8.0, 8.0, 1025)
"""Where g is checked: the grid extends beyond any likely input of a neuron."""
PAIRS = np.array([[1.0, 1.0, 0.3], [0.5, 1.5, -0.4], [1.2, 0.8, 0.0]])
"""Values of p, q, c at which a dual kernel is checked."""
PARALLEL = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -1.0], [0.25, 1.0, 0.5], [0.25, 1.0, -0.5]])
"""The same of parallel rows, such as a neuron with itself."""
FINEST, COARSER = 26, 14
"""A steep place is looked at over steps of 2^-26 and 2^-14 of the grid's."""
LEAST_POWER = 0.7
"""A function may leave a point at least as this power of the distance. With 1/2 or less, E[g'²] is
infinite; with little more, quadrature converges so slowly that its error can not be estimated."""


@contextmanager
def errors_of_user(what: str) -> Iterator[None]:
    """Turn whatever the functions of a user raise during checks into an ActivationError.

    They may work for one array and not for the next, such as one of another size.

    Args:
        what: Which activation it is; the message begins with it.
    """
    try:
        yield
    except ActivationError:
        raise
    except Exception as error:
        raise ActivationError(
            f"{what}: expected numbers for every array of numbers, got "
            f"{type(error).__name__}: {error}"
        ) from error


def check(g: Activation, what: str) -> None:
    """Raise unless g is an elementwise, finite, continuous function and its derivative is correct.

    Raises:
        ActivationError: If it is not. The message begins with `what`.
    """
    values = _values(g, GRID, f"{what}: g")
    table = _values(g, GRID[:1024].reshape(32, 32), f"{what}: g")
    if not np.allclose(table.ravel(), values[:1024], rtol=1e-12, atol=1e-14):
        raise ActivationError(
            f"{what}: expected an elementwise function, but g of a 32 x 32 array is not the same "
            "numbers as g of its entries; use numpy functions that act on each entry"
        )
    if np.ptp(values) == 0:
        raise ActivationError(f"{what}: expected a function of x, got the constant {values[0]:g}")
    if isinstance(g, Numeric):
        _ = g.kinks  # raises where they are not numbers
    _check_continuous(g, values, what)
    _check_energy(g, values, what)
    _check_derivative(g, what)


def check_dual(g: Numeric, what: str) -> None:
    """Raise unless the dual kernel of the file agrees with the numeric one.

    Raises:
        ActivationError: If it does not. The message names the field and both numbers.
    """
    p, q, c = np.concatenate([PAIRS, PARALLEL]).T
    expected, coarser = Numeric.dual(g, p, q, c), Numeric.coarser_duals(g, p, q, c)
    try:
        got = g.dual(p, q, c)
    except Exception as failure:
        raise ActivationError(
            f"{what}: expected the {len(DualKernel._fields)} fields of DualKernel "
            f"({', '.join(DualKernel._fields)}), each of the shape of c, got "
            f"{type(failure).__name__}: {failure}"
        ) from failure
    for name, theirs in zip(DualKernel._fields, got, strict=True):
        finite = np.isfinite(theirs)
        if not finite.all():
            at = int(np.argmin(finite))
            raise ActivationError(
                f"{what}: {name} at p, q, c = {_listed(p[at], q[at], c[at])}: expected a finite "
                f"number, got {theirs[at]:g}; where c² = p q, as for a neuron with itself, return "
                "the limit"
            )
    versions = (
        _checked(one, p, q, c) for one in (expected, got, coarser.half, coarser.quadrature)
    )
    for (name, ours), theirs, half, panels in zip(*(one.items() for one in versions), strict=True):
        off = np.abs(ours - half[1]) + np.abs(ours - panels[1])
        allowed = 1e-8 * (1 + np.abs(ours)) + 10 * off
        wrong = ~(np.abs(ours - theirs[1]) <= allowed)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ActivationError(
                f"{what}: {name} at p, q, c = {_listed(p[at], q[at], c[at])}: expected "
                f"{ours[at]:.10g} (integrated from g), got {theirs[1][at]:.10g}"
            )


def _checked(k: DualKernel, p: ndarray, q: ndarray, c: ndarray) -> dict[str, ndarray]:
    """Return what is compared of a dual kernel: every field, and a sum for parallel rows.

    Of `K_cc`, `K_pc` and `K_qc` of parallel rows, which may be infinite one by one, the Hessian
    sees only that sum.
    """
    apart = len(PAIRS)
    seen = {"2c K_cc + 2p K_pc + 2q K_qc": 2 * (c * k.K_cc + p * k.K_pc + q * k.K_qc)}
    singular = ("K_cc", "K_pc", "K_qc", "K_pp")
    fields = {name: np.asarray(field) for name, field in k._asdict().items()}
    return {n: field[:apart] if n in singular else field for n, field in fields.items()} | seen


def _listed(*numbers: float) -> str:
    return ", ".join(f"{x:g}" for x in numbers)


def _values(function: Activation, x: ndarray, what: str) -> ndarray:
    try:
        with np.errstate(all="ignore"):
            values = function(x.copy())
    except Exception as error:
        hint = "; np.where chooses entry by entry" if "truth value" in str(error) else ""
        raise ActivationError(
            f"{what}: expected numbers for an array of shape {x.shape}, got "
            f"{type(error).__name__}: {error}{hint}"
        ) from error
    if not isinstance(values, ndarray):
        raise ActivationError(
            f"{what}: expected a numpy array of shape {x.shape}, got a {type(values).__name__}"
        )
    if values.shape != x.shape:
        raise ActivationError(f"{what}: expected an array of shape {x.shape}, got {values.shape}")
    if not np.issubdtype(values.dtype, np.floating):
        raise ActivationError(f"{what}: expected real numbers, got dtype {values.dtype}")
    if values.dtype.itemsize < 8:
        raise ActivationError(
            f"{what}: expected float64 for float64, got {values.dtype}, which has too few digits; "
            "compute with float64, for example with np.float64 constants and tables, and for JAX "
            "with jax.config.update('jax_enable_x64', True)"
        )
    if not np.all(np.isfinite(values)):
        bad = x[~np.isfinite(values)][0]
        raise ActivationError(
            f"{what}: expected finite numbers, got nan or infinity at x = {bad:g}"
        )
    return values


def _check_continuous(g: Activation, values: ndarray, what: str) -> None:
    """Bisect the steepest interval: a jump keeps its size, however short the interval becomes."""
    steepest = int(np.argmax(np.abs(np.diff(values))))
    left, right = GRID[steepest], GRID[steepest + 1]
    for _ in range(40):
        middle = (left + right) / 2
        at = _values(g, np.array([left, middle, right]), f"{what}: g")
        left, right = (
            (left, middle) if abs(at[1] - at[0]) > abs(at[2] - at[1]) else (middle, right)
        )
    ends = _values(g, np.array([left, right]), f"{what}: g")
    jump = float(abs(ends[1] - ends[0]))
    if jump > 1e-6 * np.ptp(values):
        raise ActivationError(
            f"{what}: expected a continuous function, got a jump by {jump:.3g} at x = {left:.6g}; "
            "its gradient does not exist, and neither does its Hessian"
        )


def _check_energy(g: Activation, values: ndarray, what: str) -> None:
    """Bisect every interval towards its sharpest bend, and see how fast g leaves it.

    If that is as the power a of the distance, E[g'²] is finite for a > 1/2 only. What a function
    that has two derivatives leaves its chords by falls as the square of their length.
    """
    left, step = GRID[:-1].copy(), np.diff(GRID) / 8
    share = np.arange(5) / 4
    for halving in range(FINEST + 1):
        on_grid = _values(g, left[:, None] + step[:, None] * np.arange(9), f"{what}: g")
        # Three halves that overlap, so that a bend is well inside one of them.
        halves = np.stack([on_grid[:, first : first + 5] for first in (0, 2, 4)])
        chords = halves[..., :1] + (halves[..., -1:] - halves[..., :1]) * share
        bends = np.abs(halves - chords).max(axis=-1)
        change = bends.max(axis=0)
        if halving == COARSER:
            before = change
        left, step = left + 2 * bends.argmax(axis=0) * step, step / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        power = np.log2(before / change) / (FINEST - COARSER)
    # Smaller changes than these may be rounding errors of g.
    noise = 1e-9 * np.ptp(values) + 100 * np.finfo(float).eps * np.abs(values).max()
    steep = (change > noise) & (power < LEAST_POWER)
    if steep.any():
        at = int(np.argmin(np.where(steep, power, np.inf)))
        raise ActivationError(
            f"{what}: expected a function whose squared slope can be integrated, but near "
            f"x = {left[at]:.6g} it changes as the distance to the power {power[at]:.2f}, so that "
            f"E[g'²] is infinite or out of reach; the power has to be at least {LEAST_POWER:g}"
        )


def _check_derivative(g: Activation, what: str) -> None:
    """Compare g' with differences of g. A few points may disagree, as they do near a kink."""
    slopes = _values(g.derivative, GRID, f"{what}: derivative")  # type: ignore[arg-type]
    table = GRID[:1024].reshape(32, 32)
    of_table = _values(g.derivative, table, f"{what}: derivative")  # type: ignore[arg-type]
    if not np.allclose(of_table.ravel(), slopes[:1024], rtol=1e-9, atol=1e-12):
        raise ActivationError(
            f"{what}: derivative: expected an elementwise function, but that of a 32 x 32 array "
            "is not the same numbers as that of its entries"
        )
    expected = differentiate(g, GRID)
    wrong = ~np.isclose(slopes, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    if wrong.sum() > len(GRID) // 20:
        at = int(np.argmax(wrong))
        raise ActivationError(
            f"{what}: derivative: expected {expected[at]:.8g} at x = {GRID[at]:g} (differences of "
            f"g), got {slopes[at]:.8g}"
        )
