"""Gaps that separate the large eigenvalues of a spectrum from its bulk."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep.errors import InputError


@dataclass(frozen=True)
class Gap:
    """The place where a spectrum separates into large eigenvalues and a bulk."""

    count: int
    """Number of eigenvalues above the gap."""
    above: float
    """Smallest eigenvalue above it."""
    below: float
    """Largest eigenvalue below it."""

    @property
    def ratio(self) -> float:
        """Eigenvalue above the gap divided by the eigenvalue below it."""
        return self.above / self.below


def largest_gap(
    eigenvalues: Float[ndarray, " P"],
    expected: int,
    at_most: int | None = None,
    floor: float = 0.0,
) -> Gap:
    """Return the largest gap of log eigenvalues near an expected number of large ones.

    The gaps from that after the `ceil(expected / 2)`-th to that after the `2 expected`-th
    largest eigenvalue are compared. The search has to be limited, because the smallest
    eigenvalues of an erf network span many orders of magnitude and have wide gaps of their own;
    so the count is assumed to be known within a factor of two, and no better.

    Args:
        eigenvalues: All eigenvalues of a spectrum, in any order.
        expected: The expected number of large eigenvalues.
        at_most: The greatest expected number, if it is not one number: then the gaps up to
            that after the `2 at_most`-th largest eigenvalue are compared.
        floor: Eigenvalues below it count as this large, so that rounding errors make no gaps.

    Raises:
        InputError: If `expected` is below 1 or there are no eigenvalues on both sides of it.
    """
    greatest = expected if at_most is None else at_most
    last = min(2 * greatest, len(eigenvalues) - 1)
    if not 1 <= expected <= greatest <= last:
        raise InputError(
            f"expected: a number of large eigenvalues from 1 to {len(eigenvalues) - 1}, one less "
            f"than all eigenvalues, got {expected}{'' if at_most is None else f' to {at_most}'}"
        )
    [count], [above], [below] = largest_gaps(eigenvalues[None], expected, greatest, floor)
    return Gap(int(count), float(above), float(below))


def largest_gaps(
    eigenvalues: Float[ndarray, "S P"],
    expected: int,
    at_most: int,
    floor: float | Float[ndarray, " S"],
) -> tuple[Int[ndarray, " S"], Float[ndarray, " S"], Float[ndarray, " S"]]:
    """Return count, above and below of the `largest_gap` of each of several spectra."""
    descending = np.sort(eigenvalues, axis=1)[:, ::-1]
    first, last = (expected + 1) // 2, min(2 * at_most, descending.shape[1] - 1)
    smallest = np.maximum(floor, np.finfo(float).tiny)
    window = np.maximum(descending[:, first - 1 : last + 1], np.reshape(smallest, (-1, 1)))
    count = first + np.argmax(-np.diff(np.log(window)), axis=1)
    each = np.arange(len(count))
    return count, descending[each, count - 1], descending[each, count]
