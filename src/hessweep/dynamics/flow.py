"""Gradient flow near the optimum: linearised and exact, and as the true loss has it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import integrate

from hessweep import blas
from hessweep.blas import with_threads_for
from hessweep.dynamics.population import PopulationLoss
from hessweep.errors import InputError, PrecisionError
from hessweep.networks import Network

RELATIVE_TOLERANCE = 1e-10
ABSOLUTE_TOLERANCE = 1e-13
"""Of a component of `δθ`, relative to `|δθ(0)|`."""


@dataclass(frozen=True, eq=False)
class LinearisedFlow:
    """`δθ(t) = e^{-Ht} δθ(0)`, averaged over `δθ(0) ~ N(0, noise² I)` (eqs. 6 and 7).

    Attributes:
        eigenvalues: The eigenvalues of H.
        noise: Standard deviation of the components of `δθ(0)`.
    """

    eigenvalues: Float[ndarray, " P"]
    """Eigenvalues that are negative because of rounding count as zero."""
    noise: float

    def loss(self, t: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """Return `<L(t)> = (noise²/2) Σ λ e^{-2λt}` (eq. 7)."""
        return self.noise**2 / 2 * self._sum(t, 1, 2)

    def loss_std(self, t: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """Return the standard deviation of L(t) over draws, `noise² √(Σ λ² e^{-4λt} / 2)`."""
        return self.noise**2 * np.sqrt(self._sum(t, 2, 4) / 2)

    def squared_distance(self, t: Float[ndarray, "*n"]) -> Float[ndarray, "*n"]:
        """Return `<|δθ(t)|²> = noise² Σ e^{-2λt}`: zero eigenvalues keep their share."""
        return self.noise**2 * self._sum(t, 0, 2)

    def _sum(self, t: ndarray, power: int, rate: int) -> ndarray:
        """`Σ λ^power e^{-rate λ t}`."""
        eigenvalues = np.maximum(self.eigenvalues, 0)
        return np.exp(-rate * np.multiply.outer(t, eigenvalues)) @ eigenvalues**power


def linearised_losses(
    H: Float[ndarray, "P P"], displacement: Float[ndarray, "*stack P"], t: Float[ndarray, " n"]
) -> Float[ndarray, "*stack n"]:
    """Return `½ δθ(t)^T H δθ(t)` of given displacements, without averaging over them.

    Args:
        H: The Hessian at the optimum.
        displacement: `δθ(0)`.
        t: Times, iterations times learning rate.
    """
    eigenvalues, vectors = blas.scipy_eigh(H)
    eigenvalues = np.maximum(eigenvalues, 0)
    weights = eigenvalues / 2 * (displacement @ vectors) ** 2
    return weights @ np.exp(-2 * np.multiply.outer(eigenvalues, t))


@with_threads_for(lambda surface: surface.teacher.P)
def gradient_flow(
    surface: PopulationLoss, start: Float[ndarray, "*stack P"], t: Float[ndarray, " n"]
) -> Float[ndarray, "*stack n P"]:
    """Return the parameters along `dθ/dt = -∂L/∂θ` of the true population loss.

    LSODA takes implicit steps where the eigenvalues of H differ by orders of magnitude, with the
    exact Hessian as its Jacobian. Each start is integrated on its own, so that its step sizes do
    not depend on the others.

    Args:
        surface: The loss.
        start: `θ(0)`, one or a stack.
        t: Times to record, ascending from 0.

    Raises:
        InputError: If the times do not ascend from 0 or above.
        ShapeError: If the parameters do not make rows of the teacher's N_i.
        PrecisionError: If the integrator gives up.
    """
    start, t = np.asarray(start, dtype=float), check_times(t)
    flat = start.reshape(-1, start.shape[-1])
    paths = np.array([_flow_of_one(surface, theta, t) for theta in flat])
    return paths.reshape(*start.shape[:-1], len(t), start.shape[-1])


def check_times(t: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    """Return times as an array.

    Raises:
        InputError: If they are not finite and ascending from 0 or above.
    """
    t = np.asarray(t, dtype=float)
    if not (
        t.ndim == 1 and len(t) and np.isfinite(t).all() and t[0] >= 0 and (np.diff(t) > 0).all()
    ):
        raise InputError(f"times: expected finite times ascending from 0 or above, got {t}")
    return t


def _flow_of_one(
    surface: PopulationLoss, start: Float[ndarray, " P"], t: Float[ndarray, " n"]
) -> Float[ndarray, "n P"]:
    # The gradient's size sets the scale: |δθ| is not known when student and teacher differ.
    scale = float(np.linalg.norm(surface.gradient(start)))
    if not scale or not t[-1] or _is_the_teacher(surface.teacher, start):
        return np.broadcast_to(start, (len(t), len(start))).copy()
    # Not below the resolution of `start + moved`.
    finest = np.finfo(float).eps * np.abs(start).max()
    solution = integrate.solve_ivp(
        lambda _, moved: -surface.gradient(start + moved),
        (0.0, t[-1]), np.zeros_like(start), method="LSODA", t_eval=t,
        jac=lambda _, moved: -surface.hessian_matrix(start + moved),
        rtol=RELATIVE_TOLERANCE, atol=max(ABSOLUTE_TOLERANCE * scale, finest),
    )  # fmt: skip
    if not solution.success:
        raise PrecisionError(
            f"gradient flow: expected to reach t = {t[-1]:g}, stopped: {solution.message}; "
            "start nearer to the optimum or record earlier times"
        )
    return start + solution.y.T


def _is_the_teacher(teacher: Network, start: Float[ndarray, " P"]) -> bool:
    """Return whether a student is the teacher but for rounding.

    Its gradient consists of rounding errors then, and following them to late times would take
    millions of steps.
    """
    optimum = teacher.parameters
    if start.shape != optimum.shape:
        return False
    nearest = 64 * np.finfo(float).eps * np.linalg.norm(optimum)
    return bool(np.linalg.norm(start - optimum) <= nearest)
