"""Laws that are often only drawn, which takes their density and no table of its integral."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from numpy import ndarray

from hessweep.laws.panels import Density
from hessweep.laws.tabulated import Tabulated, density_at, tabulate


@dataclass(frozen=True, eq=False)
class OnDemand:
    """The law that `tabulate` returns, tabulated when more than its density is first asked for."""

    density: Density
    breaks: Float[ndarray, " breaks"]
    bounds: tuple[float, float]
    relative_error: float
    floor: float

    @cached_property
    def table(self) -> Tabulated:
        """The law with its table.

        Raises:
            PrecisionError: As `tabulate`.
        """
        return tabulate(self.density, self.breaks, self.bounds, self.relative_error, self.floor)

    @property
    def error(self) -> float:
        """Estimated bound on the absolute error of `cdf` and of `sf` (docs/laws.md)."""
        return self.table.error

    def support(self) -> tuple[float, float]:
        """Return the interval outside of which the density is 0."""
        return self.bounds

    def pdf(self, x: ndarray) -> ndarray:
        """Return the density: infinite at a pole, 0 at infinity, nan for nan."""
        return density_at(self.density, self.breaks, x)

    def cdf(self, x: ndarray) -> ndarray:
        """Return the probability of values up to x."""
        return self.table.cdf(x)

    def sf(self, x: ndarray) -> ndarray:
        """Return the probability of values above x."""
        return self.table.sf(x)

    def ppf(self, q: ndarray) -> ndarray:
        """Return the quantiles of probabilities from 0 to 1; nan outside."""
        return self.table.ppf(q)

    def moments(self) -> tuple[float, float]:
        """Return mean and variance, by integrating the table."""
        return self.table.moments()
