"""One point of a sweep: what is asked (`Point`), and what comes out (`PointResult`).

Here is no mathematics: a query needs the columns alone.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from jaxtyping import Float

    from hessweep.activations import Activation
    from hessweep.density import SpectralDensity
    from hessweep.networks import Network

KERNEL_VERSION = 5
"""Raised whenever a change to the maths changes stored numbers; part of every key."""


SpectrumKind = Literal["exact", "density"]
"""All P eigenvalues, or their density and the largest of them (docs/large.md)."""


@dataclass(frozen=True)
class Point:
    """One random teacher at its optimum: a cell of a sweep's grid."""

    activation: "Activation"
    N_i: int
    N_h: int
    seed: int
    weights: str = "normal"
    spectrum: SpectrumKind = "exact"

    @classmethod
    def of_seeds(
        cls,
        activation: "Activation",
        N_i: int,
        N_h: int,
        seeds: Iterable[int],
        weights: str = "normal",
        spectrum: SpectrumKind = "exact",
    ) -> "list[Point]":
        """Return a point for each seed, their keys made already: in a third of the time."""
        shared = {
            "activation": activation,
            "N_i": N_i,
            "N_h": N_h,
            "weights": weights,
            "spectrum": spectrum,
        }
        before, after = _around_the_seed(activation, N_i, N_h, weights, spectrum)
        points = []
        for seed in seeds:
            point = object.__new__(cls)
            vars(point).update(shared, seed=seed, key=_digest(f"{before}{seed}{after}"))
            points.append(point)
        return points

    @property
    def P(self) -> int:
        """Number of parameters."""
        return self.N_h * (self.N_i + 1)

    @cached_property
    def key(self) -> str:
        """A stable hash of everything that the result depends on: 32 hexadecimal digits."""
        before, after = _around_the_seed(
            self.activation, self.N_i, self.N_h, self.weights, self.spectrum
        )
        return _digest(f"{before}{self.seed}{after}")

    def network(self) -> "Network":
        """Return the teacher."""
        from hessweep.networks import sample_teacher

        return sample_teacher(self.activation, self.N_i, self.N_h, self.seed, self.weights)


@lru_cache(maxsize=4096)
def _around_the_seed(
    activation: "Activation", N_i: int, N_h: int, weights: str, spectrum: str
) -> tuple[str, str]:
    """Return the two parts of what a key is the hash of: made once for all seeds."""
    identity = _identity(activation.identity, N_i, N_h, "*", weights, KERNEL_VERSION, spectrum)
    before, after = identity.split('"seed": "*"')
    return f'{before}"seed": ', after


def point_key(
    activation_identity: Mapping[str, Any],
    N_i: int,
    N_h: int,
    seed: int,
    weights: str,
    kernel_version: int = KERNEL_VERSION,
    spectrum: str = "exact",
) -> str:
    """Return the key of a point from plain data, as it is stored."""
    identity = (activation_identity, N_i, N_h, seed, weights, kernel_version, spectrum)
    return _digest(_identity(*identity))


def _identity(
    activation_identity: Mapping[str, Any],
    N_i: int,
    N_h: int,
    seed: int | str,
    weights: str,
    kernel_version: int,
    spectrum: str,
) -> str:
    """Return what a key is the hash of, as text."""
    identity = {
        "kernel_version": kernel_version,
        "activation": activation_identity,
        "N_i": N_i,
        "N_h": N_h,
        "seed": seed,
        "weights": weights,
    }
    # Not in the keys of exact points, which are older than the choice.
    if spectrum != "exact":
        identity["spectrum"] = spectrum
    return json.dumps(identity, sort_keys=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Column:
    """One scalar of a result, and how the store describes it."""

    name: str
    dtype: Literal["int64", "float64", "str"]
    long_name: str
    units: str = "1"
    missing: Any = None
    """What stands for a value that does not exist for a failed point."""


COLUMNS: tuple[Column, ...] = (
    Column("P", "int64", "number of parameters, N_h (N_i + 1)"),
    Column("lambda_max", "float64", "largest eigenvalue"),
    Column("lambda_min", "float64", "smallest non-zero eigenvalue"),
    Column("lambda_min_error", "float64", "relative error of lambda_min"),
    Column("trace", "float64", "trace of H, computed without the eigenvalues"),
    Column("frobenius_norm", "float64", "Frobenius norm of H: root of the sum of λ²"),
    Column("eigenvalue_error", "float64", "bound on the absolute error of each eigenvalue"),
    Column("density_floor", "float64", "eigenvalues that the density tells from 0 are above this"),
    Column("rank", "int64", "rank of H: number of effective parameters"),
    Column("rank_lower", "int64", "proved lower bound on the rank"),
    Column("rank_upper", "int64", "proved upper bound on the rank"),
    Column("rank_certificate", "str", "proved (lower = upper) or undecided"),
    Column("rank_method", "str", "how the rank was proved"),
    Column("rank_float64", "int64", "rank by numpy.linalg.matrix_rank's rule"),
    Column("gap_ratio", "float64", "smallest eigenvalue counted by rank over the largest not"),
    Column("effective_parameters", "int64", "rank by formula for generic weights, -1: none known"),
    Column("effective_parameters_kind", "str", "exact, upper bound or none"),
    Column("route", "str", "how the eigenvalues were computed"),
    Column("spectrum_time", "float64", "wall time of the eigenvalues", "s"),
    Column("rank_time", "float64", "wall time of the rank and its certificate", "s"),
)
"""The scalars of a result, in the order in which tables show them."""

TIMES = ("spectrum_time", "rank_time")
"""The columns that differ between two computations of one point; all others are bit-identical."""


@dataclass(frozen=True, eq=False)
class PointResult:
    """What a point came to: eigenvalues and scalars, or the error that stopped it."""

    point: Point
    eigenvalues: "Float[ndarray, ' k']" = field(default_factory=lambda: np.empty(0))
    """Ascending: all P, of a density point the largest; empty where the point failed."""
    scalars: Mapping[str, Any] = field(default_factory=dict)
    """A value for every name in `COLUMNS`; empty where the point failed."""
    error: str = ""
    """Empty, or what went wrong."""
    density: "SpectralDensity | None" = None
    """Of a density point that is done."""

    @property
    def status(self) -> Literal["done", "failed"]:
        """Whether the point has a result."""
        return "failed" if self.error else "done"
