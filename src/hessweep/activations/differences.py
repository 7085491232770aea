"""Derivatives of functions that are known by their values only."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy import ndarray

FIRST_STEP = 0.25
SMALLEST_FIRST_STEP = 1e-6
LEVELS = 9


def differentiate(
    g: Callable[[ndarray], ndarray],
    x: Float[ndarray, "*n"],
    order: Literal[1, 2] = 1,
    kinks: Sequence[float] = (),
) -> Float[ndarray, "*n"]:
    """Return g' or g'' by Ridders' method: central differences, extrapolated to step 0.

    Each element keeps the entry of its tableau that agrees best with its neighbours, which
    balances truncation against rounding: about 1e-13 relative for g' and 1e-11 for g'' where g
    is smooth on the scale of 1. No difference reaches across a kink that is named; at an unnamed
    one g' comes out as the mean of its two sides.
    """
    x = np.asarray(x, dtype=float)
    first_step = np.full(x.shape, FIRST_STEP)
    for kink in kinks:
        first_step = np.minimum(first_step, np.maximum(np.abs(x - kink), SMALLEST_FIRST_STEP))
    best, error = np.zeros(x.shape), np.full(x.shape, np.inf)
    above: list[ndarray] = []
    for level in range(LEVELS):
        row = [_difference(g, x, first_step / 2**level, order)]
        for column, previous in enumerate(above):
            row.append(row[-1] + (row[-1] - previous) / (4 ** (column + 1) - 1))
            change = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - previous))
            better = change <= error
            best, error = np.where(better, row[-1], best), np.where(better, change, error)
        above = row
    return best


def _difference(g: Callable[[ndarray], ndarray], x: ndarray, step: ndarray, order: int) -> ndarray:
    """Return the central difference quotient; its error is a series in step²."""
    up, down = x + step, x - step
    if order == 1:
        return (g(up) - g(down)) / (up - down)
    return (g(up) - 2 * g(x) + g(down)) / step**2
