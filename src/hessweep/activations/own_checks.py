"""Checks of a user's activation before anything is computed with it."""

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
    _check_continuous(g, values, what)
    _check_derivative(g, what)


def check_dual(g: Numeric, what: str) -> None:
    """Raise unless the dual kernel of the file agrees with the numeric one.

    Raises:
        ActivationError: If it does not. The message names the field and both numbers.
    """
    p, q, c = PAIRS.T
    expected, coarser = Numeric.dual(g, p, q, c), Numeric.coarser_duals(g, p, q, c)
    try:
        got = g.dual(p, q, c)
    except Exception as failure:
        raise ActivationError(
            f"{what}: expected the {len(DualKernel._fields)} fields of DualKernel "
            f"({', '.join(DualKernel._fields)}), each of the shape of c, got "
            f"{type(failure).__name__}: {failure}"
        ) from failure
    for name, ours, theirs, half, panels in zip(
        DualKernel._fields, expected, got, coarser.half, coarser.quadrature, strict=True
    ):
        off = np.abs(ours - half) + np.abs(ours - panels)
        allowed = 1e-8 * (1 + np.abs(ours)) + 10 * off
        wrong = ~(np.abs(ours - theirs) <= allowed)
        if wrong.any():
            at = int(np.argmax(wrong))
            raise ActivationError(
                f"{what}: {name} at p, q, c = {', '.join(f'{x:g}' for x in PAIRS[at])}: expected "
                f"{ours[at]:.10g} (integrated from g), got {theirs[at]:.10g}"
            )


def _values(function: Activation, x: ndarray, what: str) -> ndarray:
    try:
        with np.errstate(all="ignore"):
            values = function(x.copy())
    except Exception as error:
        raise ActivationError(
            f"{what}: expected numbers for an array of shape {x.shape}, got "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(values, ndarray) or values.shape != x.shape:
        shape = getattr(values, "shape", type(values).__name__)
        raise ActivationError(f"{what}: expected an array of shape {x.shape}, got {shape}")
    if not np.issubdtype(values.dtype, np.floating):
        raise ActivationError(f"{what}: expected real numbers, got dtype {values.dtype}")
    if values.dtype.itemsize < 8:
        raise ActivationError(
            f"{what}: expected float64 for float64, got {values.dtype}, which has too few digits; "
            "compute with float64, for example with np.float64 constants and tables"
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
        at = g(np.array([left, middle, right]))
        left, right = (
            (left, middle) if abs(at[1] - at[0]) > abs(at[2] - at[1]) else (middle, right)
        )
    jump = float(np.abs(np.diff(g(np.array([left, right]))))[0])
    if jump > 1e-6 * np.ptp(values):
        raise ActivationError(
            f"{what}: expected a continuous function, got a jump by {jump:.3g} at x = {left:.6g}; "
            "its gradient does not exist, and neither does its Hessian"
        )


def _check_derivative(g: Activation, what: str) -> None:
    """Compare g' with differences of g. A few points may disagree, as they do near a kink."""
    slopes = _values(g.derivative, GRID, f"{what}: derivative")  # type: ignore[arg-type]
    expected = differentiate(g, GRID)
    wrong = ~np.isclose(slopes, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    if wrong.sum() > len(GRID) // 20:
        at = int(np.argmax(wrong))
        raise ActivationError(
            f"{what}: derivative: expected {expected[at]:.8g} at x = {GRID[at]:g} (differences of "
            f"g), got {slopes[at]:.8g}"
        )
