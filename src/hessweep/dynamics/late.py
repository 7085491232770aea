"""The late-time exponential of the loss, and the slope that training shows (sec. 2.1, Fig. 3)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.errors import InputError

LATE = 0.75
"""Slopes are measured over the last quarter of the time."""


@dataclass(frozen=True)
class LateExponential:
    """`L ≈ α e^{-2 λ_min t}`."""

    time: float
    """Where α was fixed: the last recorded time."""
    loss: float
    """The loss there."""
    rate: float
    """`2 λ_min`."""

    @property
    def alpha(self) -> float:
        """The prefactor, as the paper writes it; infinite where `e^{2 λ_min t}` overflows."""
        with np.errstate(over="ignore"):
            return float(self.loss * np.exp(self.rate * self.time))

    def __call__(self, t: Float[ndarray, "*n"] | float) -> Float[ndarray, "*n"]:
        """Return the exponential at times t."""
        return np.asarray(self.loss * np.exp(-self.rate * (np.asarray(t) - self.time)))


def late_exponential(
    t: Float[ndarray, " n"], loss: Float[ndarray, " n"], lambda_min: float
) -> LateExponential:
    """Return `α e^{-2 λ_min t}` with α fixed by the loss at the last time.

    Args:
        t: Times.
        loss: The loss at each, of one run or averaged over runs.
        lambda_min: The smallest non-zero eigenvalue of H.

    Raises:
        InputError: If lengths differ, or λ_min or the last loss is not positive.
    """
    t, loss = np.asarray(t, dtype=float), np.asarray(loss, dtype=float)
    if t.ndim != 1 or t.shape != loss.shape or not len(t):
        raise InputError(
            f"late_exponential: expected a loss for each time, got shapes {t.shape}, {loss.shape}"
        )
    if not (lambda_min > 0 and loss[-1] > 0):
        raise InputError(
            "late_exponential: expected a positive smallest non-zero eigenvalue and a positive "
            f"last loss, got {lambda_min!r} and {loss[-1]!r}"
        )
    return LateExponential(float(t[-1]), float(loss[-1]), 2 * float(lambda_min))


@dataclass(frozen=True, eq=False)
class LateSlope:
    """The rate at which log-losses fall, measured over independent draws."""

    value: float
    """Mean of `-d log L / dt` over draws; at late times `2 λ_min`."""
    error: float
    """Standard error of the mean, from the scatter between draws."""
    each: Float[ndarray, " draws"]
    """The rate of each draw."""


def late_slope(
    t: Float[ndarray, " n"], losses: Float[ndarray, "draws n"], after: float
) -> LateSlope:
    """Fit a line to the log-loss of every draw, from time `after` on.

    Points of one run depend on one another, so the error comes from the scatter between draws,
    not from the residuals of a line.

    Raises:
        InputError: If there are fewer than 2 draws or 2 late times, or a loss is not positive.
    """
    t, losses = np.asarray(t, dtype=float), np.asarray(losses, dtype=float)
    late = t >= after
    if losses.ndim != 2 or losses.shape[1:] != t.shape or len(losses) < 2 or late.sum() < 2:
        raise InputError(
            "late_slope: expected at least 2 draws, each with a loss for each time and 2 times "
            f"from {after:g} on, got losses {losses.shape} at {late.sum()} late times of {t.shape}"
        )
    if not (losses[:, late] > 0).all():
        raise InputError(
            "late_slope: a loss is 0 or below, lost in rounding; end the runs earlier"
        )
    centred = t[late] - t[late].mean()
    each = -(np.log(losses[:, late]) @ centred) / (centred @ centred)
    return LateSlope(float(each.mean()), float(each.std(ddof=1) / np.sqrt(len(each))), each)
