"""One point of a sweep: what is asked (`Point`), what comes out (`PointResult`), and how.

The mathematics is imported when something is computed: a query needs the columns alone.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from jaxtyping import Float

    from hessweep.activations import Activation
    from hessweep.density import SpectralDensity
    from hessweep.network import Network
    from hessweep.spectrum import Spectrum

KERNEL_VERSION = 2
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
        from hessweep.network import sample_teacher

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


def compute(point: Point) -> PointResult:
    """Compute one point: pure, seeded, without input or output.

    Exceptions of the maths or of a user's activation pass through; the sweep records them.
    """
    [result] = compute_stack([point])
    return result


def compute_stack(points: Sequence[Point]) -> list[PointResult]:
    """Compute points of one activation, size and kind together, each bit for bit as alone.

    Only the eigenvalues are computed together: small matrices are many times faster so.
    """
    from hessweep.hessian import stacked_trace
    from hessweep.spectrum import stacked_spectra_with_error

    if points[0].spectrum == "density":
        return [_density_result(point) for point in points]
    networks = [point.network() for point in points]
    W1 = np.stack([network.W1 for network in networks])
    W2 = np.stack([network.W2 for network in networks])
    start = perf_counter()
    spectra = stacked_spectra_with_error(points[0].activation, W1, W2)
    spectrum_time = (perf_counter() - start) / len(points)
    traces = stacked_trace(points[0].activation, W1, W2).tolist()
    return [
        _result(point, network, spectrum, {"trace": trace, "spectrum_time": spectrum_time})
        for point, network, spectrum, trace in zip(points, networks, spectra, traces, strict=True)
    ]


def _result(
    point: Point, network: "Network", spectrum: "Spectrum", known: Mapping[str, float]
) -> PointResult:
    from hessweep.rank import rank_columns

    start = perf_counter()
    proof = rank_columns(network, spectrum)
    rank_time = perf_counter() - start
    scalars = {
        **known,
        "P": point.P,
        "lambda_max": spectrum.eigenvalues[-1],
        "frobenius_norm": float(np.linalg.norm(spectrum.eigenvalues)),
        "eigenvalue_error": spectrum.error,
        "density_floor": 0.0,
        **proof,
        "route": spectrum.route,
        "rank_time": rank_time,
    }
    return PointResult(point, spectrum.eigenvalues, scalars)


def _density_result(point: Point) -> PointResult:
    """Compute a point whose spectrum would be too large; its probes depend on its key alone."""
    from hessweep.density import converged_eigenvalues, density_plan, spectral_density
    from hessweep.hessian import trace
    from hessweep.operator import hessian_operator
    from hessweep.rank import theorem_columns

    network = point.network()
    plan = density_plan(point.activation, point.N_i, point.N_h)
    seed = int(point.key, 16)
    start = perf_counter()
    density = spectral_density(network, seed=seed)
    extremes = converged_eigenvalues(
        network, plan.most_extremes, steps=plan.extreme_steps, seed=seed
    )
    spectrum_time = perf_counter() - start
    start = perf_counter()
    proof = theorem_columns(network)
    rank_time = perf_counter() - start
    scalars = {
        "P": point.P,
        "lambda_max": extremes.largest[0],
        "trace": trace(network),
        "frobenius_norm": hessian_operator(network).frobenius_norm(),
        "eigenvalue_error": extremes.error.max(),
        "density_floor": density.floor,
        **proof,
        "route": plan.route,
        "spectrum_time": spectrum_time,
        "rank_time": rank_time,
    }
    return PointResult(point, extremes.largest[::-1].copy(), scalars, density=density)
