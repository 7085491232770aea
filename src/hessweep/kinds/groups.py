"""Columns on the groups of eigenvalues: how many the law has in each, and what is measured."""

from functools import lru_cache
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import ActivationError

if TYPE_CHECKING:
    from hessweep.activations import Activation
    from hessweep.setup import Setup

GROUPS = {
    "outlier": "outliers_by_law",
    "order_one": "order_one_by_law",
    "special": "special_by_law",
    "bulk": "bulk_by_law",
    "zeros": "zeros_by_law",
}
"""The groups of `hessweep.laws.groups`, with their columns."""


def group_columns(
    setup: "Setup",
    eigenvalues: Float[ndarray, "*stack n"],
    error: float | Float[ndarray, "*stack"],
) -> dict[str, Any]:
    """Return what is stored about the groups of eigenvalues of a point.

    Args:
        setup: The point's. Only for plain networks there is a law, and none for wide
            students.
        eigenvalues: All eigenvalues, or the largest ones, ascending; of one point, or of several
            whose columns then are arrays, or one value where it is the same for all.
        error: A bound on the error of each; what is below it makes no gap.

    Returns:
        The number of eigenvalues in each group by the law, -1 without one. `outlier_ratio`, the
        largest eigenvalue over the second. `large`, the number
        above the largest gap of log λ from half the smaller to twice the larger of N_i and N_h,
        or up to as many as are known; and its `large_ratio`. If not so many are known as to
        compare, they are -1 and NaN.
    """
    if eigenvalues.ndim == 1:
        of_one = group_columns(setup, eigenvalues[None], np.array([error]))
        return {name: value.item() if np.ndim(value) else value for name, value in of_one.items()}
    from hessweep.spectrum.gaps import largest_gaps

    counts = (
        _by_law(setup.activation, setup.N_i, setup.N_h)
        if setup.is_plain and not setup.is_wide
        else None
    )
    columns: dict[str, Any] = {
        column: -1 if counts is None else counts[group] for group, column in GROUPS.items()
    }
    known = eigenvalues.shape[1]
    columns["outlier_ratio"] = (
        _ratio(eigenvalues[:, -1], np.maximum(eigenvalues[:, -2], error)) if known > 1 else nan
    )
    few, many = sorted((setup.N_i, setup.layout.N_h if setup.is_wide else setup.N_h))
    if many >= known:
        return {**columns, "large": -1, "large_ratio": nan}
    large, above, below = largest_gaps(eigenvalues, few, many, error)
    return {**columns, "large": large, "large_ratio": _ratio(above, np.maximum(below, error))}


def _ratio(above: Float[ndarray, " S"], below: Float[ndarray, " S"]) -> Float[ndarray, " S"]:
    """Return the ratios, NaN where there is nothing below."""
    return np.divide(above, below, out=np.full(above.shape, nan), where=below > 0)


@lru_cache(maxsize=1024)
def _by_law(activation: "Activation", N_i: int, N_h: int) -> dict[str, int] | None:
    """Return the groups by law, None for an activation whose coefficients are not finite."""
    from hessweep.laws import groups

    try:
        return groups(activation, N_i, N_h)
    except ActivationError:
        return None
