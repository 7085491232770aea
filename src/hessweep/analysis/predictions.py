"""What `hessweep.laws` says of the spectra of selected points."""

import json
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from hessweep.activations import Activation, activation_of_package
from hessweep.density import RESOLVED, SpectralDensity
from hessweep.errors import InputError
from hessweep.kinds import FULL_SPECTRUM
from hessweep.laws import SpectrumLaw, spectrum_distance, spectrum_law
from hessweep.networks import Network, sample_teacher
from hessweep.setup import KIND

GROUPS = ("all", "outlier", "order_one", "special", "bulk")
"""All eigenvalues, and the groups of `hessweep.laws.groups` that are not zero."""

PER_DECADE = 40
"""Points of a drawn law in each decade of λ."""

POINTS = 200
"""Values at which a spectrum is compared with a law."""


def activation_of(points: pd.DataFrame) -> Activation | None:
    """Return the activation of points that share one, None if it is in a user's own file."""
    return activation_of_package(json.loads(points["activation_spec"].iloc[0]))


def law_of(points: pd.DataFrame) -> SpectrumLaw | None:
    """Return the law of points that share activation, sizes and weights; None without one."""
    g = activation_of(points)
    first = points.iloc[0]
    if g is None:
        return None
    return spectrum_law(g, int(first["N_i"]), int(first["N_h"]), str(first["weights"]))


def teacher_of(point: Mapping[Hashable, Any]) -> Network:
    """Return the network of a point, which is drawn again from its seed.

    Raises:
        InputError: If the activation is in a user's own file.
    """
    g = activation_of_package(json.loads(point["activation_spec"]))
    if g is None:
        raise InputError(f"{point['activation']}: expected an activation of the package")
    return sample_teacher(
        g, int(point["N_i"]), int(point["N_h"]), int(point["seed"]), str(point["weights"])
    )


def law_of_teacher(point: Mapping[Hashable, Any]) -> SpectrumLaw:
    """Return the law of one point's teacher given its weights."""
    teacher = teacher_of(point)
    N_h, N_i = teacher.W1.shape
    return spectrum_law(teacher.activation, N_i, N_h, W1=teacher.W1, W2=teacher.W2)


def law_curve(law: SpectrumLaw, low: float, high: float, shown: float) -> pd.DataFrame:
    """Return the density of log10 λ that a law gives, of all eigenvalues and of each group.

    Args:
        law: The law.
        low: Where the curve begins, positive.
        high: Where it ends.
        shown: How many eigenvalues the density counts as 1: P for all of them, the rank for those
            that are not zero.

    Returns:
        `group, x, density` per decade; groups without eigenvalues are left out.
    """
    count = int(np.ceil(PER_DECADE * np.log10(high / low)))
    edges = np.geomspace(low, high, count + 1)
    middles = np.sqrt(edges[:-1] * edges[1:])
    width = np.log10(high / low) / count
    counts = {
        name: law.counts[name] * -np.diff(tail(edges))
        for name, tail in law.tails.items()
        if law.counts[name]
    }
    curves = {"all": np.sum(list(counts.values()), axis=0), **counts}
    parts = {
        name: pd.DataFrame({"x": middles, "density": curves[name] / (shown * width)})
        for name in GROUPS
        if name in curves
    }
    return pd.concat(parts, names=["group"]).reset_index("group").reset_index(drop=True)


def pooled_distance(points: pd.DataFrame, law: SpectrumLaw) -> float:
    """Return the Kolmogorov-Smirnov distance of all eigenvalues of points to their law.

    Zeros count. For density points it is the distance of the mean of their distribution
    functions, over the eigenvalues that these resolve.

    Args:
        points: Points of one setup, with `density` where they are density points.
        law: The law of that setup.
    """
    if points[KIND].isin(FULL_SPECTRUM).all():
        return spectrum_distance(np.concatenate(list(points["eigenvalues"])), law, POINTS)
    densities: list[SpectralDensity] = list(points["density"])
    top = max(max(d.nodes.max(initial=0), d.exact.max(initial=0)) for d in densities)
    x = top * np.geomspace(RESOLVED, 1, POINTS)
    found: Float[ndarray, " n"] = np.mean([d.cdf(x).value for d in densities], axis=0)
    return float(np.abs(found - law.cdf(x)).max())
