"""The loss near a teacher whose activation has a kink: an integral along the segment from it."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.hessian.error import SAFETY

if TYPE_CHECKING:
    from hessweep.dynamics.population import PopulationLoss

MAX_DEPTH = 44
"""Halvings of a part of the segment."""
RELATIVE = 1e-13
"""Accuracy of an integral along the segment, relative to the loss."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
NODES, WEIGHTS = (1 + NODES) / 2, WEIGHTS / 2


def loss_by_parts(
    loss: "PopulationLoss", displacement: Float[ndarray, " P"]
) -> tuple[float, float]:
    """Return `∫_0^1 δ·∂L(θ* + s δ) ds` and an estimated bound on its error.

    Parts are halved until two rules agree on each. They end where rows are closest to zero: there
    rows turn by a large angle, which the kernel of a function with a kink is sensitive to. Halving
    leaves at most `2^-1.5` of an error at a kink; more than half of it left is the noise of a
    numeric kernel, and accepted.

    Args:
        loss: The loss of a teacher whose activation has a kink.
        displacement: The student's parameters minus the teacher's.
    """
    W1, delta = loss.teacher.W1, displacement[: loss.teacher.W1.size]
    delta = delta.reshape(W1.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        closest = -(W1 * delta).sum(axis=1) / np.square(delta).sum(axis=1)
    edges = np.unique(np.r_[0.0, closest[(closest > 0) & (closest < 1)], 1.0])
    left, right = edges[:-1], edges[1:]
    coarse = _parts(loss, displacement, left, right)
    total = error = 0.0
    rounding = 2 * max(float(loss.rounding(displacement, s)) for s in NODES)
    before: ndarray | None = None
    for _ in range(MAX_DEPTH):
        middle = (left + right) / 2
        first = _parts(loss, displacement, left, middle)
        second = _parts(loss, displacement, middle, right)
        both = first + second
        change = np.abs(both - coarse)
        # Not below the rounding of what is integrated.
        scale = RELATIVE * float(total + np.abs(both).sum())
        done = change <= (scale + rounding) * (right - left)
        if before is not None:
            done |= np.tile(change.reshape(2, -1).sum(axis=0) > before / 2, 2)
        total, error = total + float(both[done].sum()), error + float(change[done].sum())
        left, right, middle, before = (a[~done] for a in (left, right, middle, change))
        left, right = np.r_[left, middle], np.r_[middle, right]
        coarse = np.r_[first[~done], second[~done]]
        if not len(coarse):
            break
    error += float(np.abs(coarse).sum()) + loss.kernel_error(displacement)
    return max(total + float(coarse.sum()), 0.0), SAFETY * error + rounding


def _parts(
    loss: "PopulationLoss", displacement: ndarray, left: ndarray, right: ndarray
) -> Float[ndarray, " parts"]:
    """Return the integral over each part, by eight Gauss nodes."""
    width = (right - left)[:, None]
    s = left[:, None] + width * NODES
    gradient = loss.gradient(loss.teacher.parameters + s[..., None] * displacement)
    return np.asarray((gradient @ displacement) @ WEIGHTS * width[:, 0])
