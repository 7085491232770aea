"""The estimate of a numeric kernel's error, where the true error is planted."""

import numpy as np
import pytest

from hessweep.activations import Erf
from hessweep.activations.kernel import CoarserDuals
from hessweep.hessian import hessian_error
from hessweep.networks import Network, sample_weights

DIRECTION = np.array([0.6, -0.8, 0.0])


def error_with(**off: float) -> float:
    """Return the estimate if the coarser kernels are off by these multiples of a matrix of norm 1.

    It is a part of K, and so of the block of W2, whose norm is that of the error of H.
    """

    class Planted(Erf):
        def coarser_duals(self, p, q, c):
            full = self.dual(p, q, c)
            names = [name for name in CoarserDuals._fields if name != "full"]
            moved = {
                name: full._replace(K=full.K + off.get(name, 0) * np.outer(DIRECTION, DIRECTION))
                for name in names
            }
            return CoarserDuals(full=full, **moved)

    return hessian_error(Network(*sample_weights(2, 3, 0), Planted()))


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8, 0.95])
def test_the_rest_of_a_geometric_series_is_covered(ratio):
    """After 0, 1 and 2 doublings the error is 1, r and r²; differences from the last are seen."""
    size = 1e-3
    truth = size * ratio**2
    found = error_with(quarter=size * (1 - ratio**2), half=size * (ratio - ratio**2))
    assert truth * (1 - 1e-6) <= found <= 1.01 * truth + 1e-15


@pytest.mark.parametrize("half", [1e-3, 2e-3])
def test_a_series_that_does_not_converge_has_no_useful_bound(half):
    """The last change is no smaller than the one before."""
    assert error_with(quarter=half + 1e-3, half=half) > 1


def test_the_quadrature_and_the_floor_of_variances_count():
    assert error_with(quadrature=1e-3) == pytest.approx(4e-3)
    assert error_with(floor=1e-3) == pytest.approx(1e-3)
    together = error_with(quarter=2e-3, half=5e-4, quadrature=1e-3, floor=1e-3)
    assert together >= 4e-3 + 1e-3 + 2.5e-4 / 1.5


def test_a_closed_form_has_no_error_but_rounding():
    assert hessian_error(Network(*sample_weights(2, 3, 0), "erf")) == 0
