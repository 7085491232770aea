"""The eigenvalues of one Hessian, or of many of one size, with bounds on their errors."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from hessweep.spectrum.batch import BatchPlan
from hessweep.spectrum.deep_plan import DeepPlan
from hessweep.spectrum.general import GeneralPlan
from hessweep.spectrum.plan import SpectrumPlan


@dataclass(frozen=True, eq=False)
class Spectrum:
    """All eigenvalues of a Hessian, with a bound on the error of each."""

    eigenvalues: Float[ndarray, " P"]
    """In ascending order. Eigenvalues that are 0 because of structure that the plan uses are
    exactly 0; rounding may make others that should be 0 slightly negative."""
    error: float
    """A bound on the absolute error of each eigenvalue, including that of the assembly
    (docs/spectra.md)."""
    plan: SpectrumPlan | GeneralPlan | DeepPlan | BatchPlan
    """How they were computed."""

    @property
    def route(self) -> str:
        """How they were computed, as text."""
        return self.plan.route

    @cached_property
    def frobenius_norm(self) -> float:
        """The square root of the sum of the squared eigenvalues."""
        return float(frobenius_norm(self.eigenvalues))


@dataclass(frozen=True, eq=False)
class SpectrumStack:
    """The spectra of several networks that differ in their weights alone."""

    eigenvalues: Float[ndarray, "S P"]
    """As those of `Spectrum`, one network a row."""
    error: Float[ndarray, " S"]
    """A bound on the absolute error of each eigenvalue of a network."""
    plan: SpectrumPlan
    """How they were computed."""

    @cached_property
    def frobenius_norm(self) -> Float[ndarray, " S"]:
        """The square roots of the sums of the squared eigenvalues."""
        return frobenius_norm(self.eigenvalues)

    def __len__(self) -> int:
        """Return the number of networks."""
        return len(self.eigenvalues)

    def __iter__(self) -> Iterator[Spectrum]:
        """Yield the spectrum of each network."""
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> Spectrum:
        """Return the spectrum of one network."""
        return Spectrum(self.eigenvalues[place], float(self.error[place]), self.plan)


def frobenius_norm(eigenvalues: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack"]:
    """Return the square root of the sum of the squared eigenvalues of each matrix."""
    with np.errstate(over="ignore"):
        square = np.vecdot(eigenvalues, eigenvalues)
    usual = (square > 0) & (square < np.inf)
    # Squares above 1.8e308 or below 5e-324.
    return np.asarray(
        np.sqrt(square)
        if usual.all()
        else np.where(usual, np.sqrt(square), scaled_norm(eigenvalues))
    )


def scaled_norm(eigenvalues: Float[ndarray, "*stack P"]) -> Float[ndarray, "*stack"]:
    """Return the same, by squares relative to that of the largest, which can not underflow."""
    largest = np.abs(eigenvalues).max(axis=-1, initial=0)
    scaled = eigenvalues / np.where(largest, largest, 1.0)[..., None]
    return np.asarray(largest * np.sqrt(np.vecdot(scaled, scaled)))
