"""The number of eigenvalues above a gap, from a spectral density."""

import numpy as np
from numpy import ndarray

from hessweep.density.measure import Estimate, SpectralDensity

GAP_WIDTH = 1.6
"""The width of a gap, as a ratio of eigenvalues, that a density of 80 steps resolves."""


def count_large(density: SpectralDensity, expected: int) -> Estimate:
    """Return the number of eigenvalues above a gap that has about `expected` of them above it.

    This is for densities in which fewer eigenvalues are known individually. Places with half to
    twice the expected number of eigenvalues above them are compared, as `analysis.largest_gap`
    does. The gap is where the density has the least weight within a factor of 1.6.

    Args:
        density: The spectral density.
        expected: About how many eigenvalues are above the gap.

    Returns:
        The number and its standard error over the probes, as arrays of one entry.
    """
    order = np.argsort(density.nodes, axis=None)
    nodes = density.nodes.ravel()[order]
    sums = np.pad(density.weights.ravel()[order].cumsum(), (1, 0)) / len(density.nodes)
    places = np.geomspace(nodes[nodes > 0].min(), nodes.max(), 2000)

    def below(x: ndarray) -> ndarray:
        return np.asarray(sums[np.searchsorted(nodes, x, side="right")])

    above = density.P * density.sampled_mass * (1 - below(places))
    above += (density.exact > places[:, None]) @ density.multiplicities
    near = places[(above >= expected / 2) & (above <= 2 * expected)]
    half = np.sqrt(GAP_WIDTH)
    weight = below(near * half) - below(near / half)
    # The middle of the emptiest places, because nodes do not reach the edges of a gap.
    place = np.sqrt(np.prod(near[weight <= weight.min() + 1e-12][[0, -1]]))
    each = density.P * density.sampled_mass * (density.weights * (density.nodes > place)).sum(1)
    known = (density.exact > place) @ density.multiplicities
    error = each.std(ddof=1) / np.sqrt(len(each))
    return Estimate(np.array([known + each.mean()]), np.array([error]))
