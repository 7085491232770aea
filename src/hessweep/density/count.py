"""How many eigenvalues lie above a gap, where only the density is known."""

import numpy as np
from numpy import ndarray

from hessweep.density.measure import Estimate, SpectralDensity

GAP_WIDTH = 1.6
"""A factor that a density of 80 steps resolves around a gap."""


def count_large(density: SpectralDensity, expected: int) -> Estimate:
    """Return how many eigenvalues lie above the emptiest place near an expected number of them.

    For densities of which not as many eigenvalues are known one by one. Places are compared
    that have from half to twice the expected number above them, as `analysis.largest_gap`
    does; the emptiest has the least weight within a factor of 1.6 around it.

    Returns:
        The number and its standard error over the probes, arrays of one entry.
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
    # In the middle of the places that are as empty: nodes do not come to the edges of a gap.
    place = np.sqrt(np.prod(near[weight <= weight.min() + 1e-12][[0, -1]]))
    each = density.P * density.sampled_mass * (density.weights * (density.nodes > place)).sum(1)
    known = (density.exact > place) @ density.multiplicities
    error = each.std(ddof=1) / np.sqrt(len(each))
    return Estimate(np.array([known + each.mean()]), np.array([error]))
