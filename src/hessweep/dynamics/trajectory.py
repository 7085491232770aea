"""What is measured along a run of training: the loss and the Hessian (docs/training.md)."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from hessweep import blas
from hessweep.dynamics.population import PopulationLoss

Stop = Literal["loss", "gradient", "time"]
"""What stopped a run."""

Ending = Literal["converged", "other minimum", "saddle", "still falling"]
"""How a run ended."""

CONVERGED = 1e-8
"""A run whose gradient vanishes has converged if its loss is below this, relative to that of a
student whose output is 0."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A run of training: what is recorded at each time, and how it ended.

    Without spectra, what is said of the Hessian is NaN or -1, and there are no eigenvalues.
    """

    time: Float[ndarray, " T"]
    parameters: Float[ndarray, "T P"]
    loss: Float[ndarray, " T"]
    loss_error: Float[ndarray, " T"]
    """Estimated bounds on the numerical errors of the loss."""
    gradient_norm: Float[ndarray, " T"]
    eigenvalues: Float[ndarray, "T P"]
    """Of the full Hessian, ascending."""
    outer_eigenvalues: Float[ndarray, "T P"]
    """Of its outer part `E[phi phi^T]`, ascending."""
    functional_norm: Float[ndarray, " T"]
    """The spectral norm of the functional part, the rest of the Hessian."""
    threshold: Float[ndarray, " T"]
    """Eigenvalues below this in size may be due to numerical errors."""
    stop: Stop
    evaluations: int
    """Number of gradients, of the population or of a batch, that the run took."""
    scale: float
    """The loss of a student whose output is 0."""

    @property
    def visible_rank(self) -> Int[ndarray, " T"]:
        """Number of eigenvalues above the norm of the functional part: at most the outer rank."""
        above = (self.functional_norm + self.threshold)[:, None]
        return self._counts(self.eigenvalues > above)

    @property
    def index(self) -> Int[ndarray, " T"]:
        """Number of eigenvalues below minus the threshold."""
        return self._counts(self.eigenvalues < -self.threshold[:, None])

    def epsilon_rank(self, epsilon: float) -> Int[ndarray, " T"]:
        """Return the number of eigenvalues of the outer part above epsilon times the largest."""
        outer = self.outer_eigenvalues
        return self._counts(outer > epsilon * outer.max(axis=1, initial=0)[:, None])

    def effective_dimension(self, alpha: float) -> Float[ndarray, " T"]:
        """Return `Σ λ / (λ + α)` over the eigenvalues of the outer part."""
        if not self.has_spectra:
            return np.full(len(self.time), np.nan)
        outer = np.maximum(self.outer_eigenvalues, 0)
        return np.asarray((outer / (outer + alpha)).sum(axis=1))

    @property
    def has_spectra(self) -> bool:
        """Whether the Hessian was measured."""
        return self.eigenvalues.size > 0

    @property
    def ending(self) -> Ending:
        """How the run ended.

        The loss is below its limit, or is small where the gradient is below its own: it has
        converged. The gradient vanishes elsewhere: another minimum, or a saddle if the Hessian
        has a negative eigenvalue there; without spectra the two are not told apart. Otherwise
        the loss is still falling.
        """
        if self.stop == "time":
            return "still falling"
        if self.stop == "loss" or self.loss[-1] <= CONVERGED * self.scale:
            return "converged"
        return "saddle" if self.index[-1] > 0 else "other minimum"

    def _counts(self, which: ndarray) -> Int[ndarray, " T"]:
        if not self.has_spectra:
            return np.full(len(self.time), -1, dtype=np.int64)
        return np.count_nonzero(which, axis=1).astype(np.int64)


def measure(
    surface: PopulationLoss,
    time: Float[ndarray, " T"],
    path: Float[ndarray, "T P"],
    stop: Stop,
    evaluations: int,
    spectra: bool = True,
) -> Trajectory:
    """Return the trajectory of these parameters at these times.

    Args:
        surface: The loss.
        time: Times.
        path: The parameters at each.
        stop: What stopped the run.
        evaluations: Number of gradients that it took.
        spectra: Whether to measure the Hessian at each time, which takes most of the time.
    """
    loss, loss_error = surface.loss_with_error(path)
    gradients = np.linalg.norm(surface.gradient(path), axis=-1)
    if spectra:
        hessians: Any = [_of_hessian(surface, theta) for theta in path]
        full, outer, norm, threshold = (np.array(part) for part in zip(*hessians, strict=True))
    else:
        full = outer = np.empty((len(time), 0))
        norm = threshold = np.full(len(time), np.nan)
    return Trajectory(
        time, path, loss, loss_error, gradients, full, outer, norm, threshold,
        stop, evaluations, surface.scale,
    )  # fmt: skip


def _of_hessian(
    surface: PopulationLoss, theta: Float[ndarray, " P"]
) -> tuple[ndarray, ndarray, float, float]:
    """Return the eigenvalues of H and of its outer part, the norm of the rest, the threshold."""
    parts = surface.hessian(theta)
    full, outer = blas.eigvalsh(parts.total), blas.eigvalsh(parts.outer)
    norm = float(np.abs(blas.eigvalsh(parts.functional)[[0, -1]]).max())
    # LAPACK's eigenvalues are those of a matrix that differs by a small multiple of P eps.
    rounding = 4 * len(theta) * np.finfo(float).eps * (outer[-1] + norm)
    return full, outer, norm, 2 * parts.error + rounding
