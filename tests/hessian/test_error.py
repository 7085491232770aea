"""The estimate of a numeric kernel's error, where the true error is planted."""

import numpy as np
import pytest

from hessweep.activations import Erf
from hessweep.activations.kernel import CoarserDuals, DualKernel
from hessweep.activations.offsets import OffsetKernel
from hessweep.hessian import hessian, hessian_error
from hessweep.hessian.dense import stacked_upper_hessian
from hessweep.hessian.error import _norm_bound
from hessweep.hessian.general import Weights, seen
from hessweep.hessian.general_error import norm_bound
from hessweep.networks import Inputs, Network, sample_weights

DIRECTION = np.array([0.6, -0.8, 0.0])


def error_with(**off: float) -> float:
    """Return the estimate if the coarser kernels are off by these multiples of a matrix of norm 1.

    It is a part of K, and so of the block of W2, whose norm is that of the error of H.
    """

    class Planted(Erf):
        def coarser_duals(self, p, q, c):
            full = self.dual(p, q, c)
            plant = np.outer(DIRECTION, DIRECTION)
            names = [name for name in CoarserDuals._fields if name not in ("full", "rounding")]
            moved = {name: full._replace(K=full.K + off.get(name, 0) * plant) for name in names}
            nothing = DualKernel(*(np.zeros_like(field) for field in full))
            rounding = nothing._replace(K=off.get("rounding", 0) * np.abs(plant))
            return CoarserDuals(full=full, rounding=rounding, **moved)

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
    """The last change is no smaller than the one before.

    The matrix that is computed then tells nothing of H, whose norm is at most its trace.
    """
    computed = hessian(Network(*sample_weights(2, 3, 0), Erf()))
    found = error_with(quarter=half + 1e-3, half=half)
    assert found >= np.linalg.norm(computed, 2) + np.trace(computed)


def test_the_quadrature_the_floor_of_variances_and_rounding_count():
    assert error_with(quadrature=1e-3) == pytest.approx(4e-3)
    assert error_with(rounding=1e-3) == pytest.approx(1e-3)
    assert error_with(floor=1e-3) == pytest.approx(1e-3)
    together = error_with(quarter=2e-3, half=5e-4, quadrature=1e-3, floor=1e-3)
    assert together >= 4e-3 + 1e-3 + 2.5e-4 / 1.5


def test_a_closed_form_has_no_error_but_rounding():
    assert hessian_error(Network(*sample_weights(2, 3, 0), "erf")) == 0


@pytest.mark.parametrize("b2", [None, [0.3]], ids=["plain", "biased"])
def test_rounding_of_the_series_of_short_rows_counts(b2):
    """Short rows that are not parallel: off by 5.27e-12 (a sum over a grid with 18 digits)."""
    W1 = [[3.6e-4, -5.8e-4], [-3.3e-5, -1.8e-5]]
    network = Network(np.array(W1), np.array([-0.25, 1.37]), "sigmoid", b2=b2)
    rows = network.W1
    slope, bend = 1 / 4, -1 / 8  # g'(0) and g'''(0)
    p = np.square(rows).sum(axis=1)
    c = rows @ rows.T
    # E[g'(u) g'(v) x x^T] to second order in the lengths of the rows.
    means = slope**2 + slope * bend * np.add.outer(p, p) / 2
    out = np.outer(network.W2, network.W2)
    A = np.einsum("mk,ij->mikj", out * means, np.eye(2))
    bent = np.einsum("mi,mj->mij", rows, rows)
    A += slope * bend * np.einsum("mk,mij->mikj", out, bent)
    A += slope * bend * np.einsum("mk,kij->mikj", out, bent)
    off = np.linalg.norm(hessian(network)[:4, :4] - A.reshape(4, 4), 2)
    assert 1e-12 < off < hessian_error(network) < 100 * off
    assert np.abs(c).max() < 1e-6  # what is left out above is its square


@pytest.mark.parametrize("second", [(-0.9, -0.25), (0.9, 0.25), (-0.3, 1.1)])
def test_errors_of_the_worst_signs_within_the_rounding_of_a_kernel_are_covered(second):
    """Errors of `K_cc` and `K_pc` add up if their signs differ where two rows point apart."""
    W1, W2 = np.array([[1.0, 0.2], second]), np.array([1.2, 0.8])
    ones, none = np.full((2, 2), 1e-3), np.zeros((2, 2))
    size = DualKernel(none, ones, none, none, 2 * ones, ones, ones, none)

    class Rounded(Erf):
        def coarser_duals(self, p, q, c):
            full = self.dual(p, q, c)
            return CoarserDuals(full, full, full, full, full, rounding=size)

    off = size._replace(K_cc=np.sign(W1 @ W1.T) * size.K_cc)
    upper = np.triu(stacked_upper_hessian(off, W1, W2))
    true = np.linalg.norm(upper + np.triu(upper, 1).T, 2)
    assert true <= hessian_error(Network(W1, W2, Rounded())) <= 1.5 * true


@pytest.mark.parametrize("seed", range(5))
def test_the_bound_on_a_norm_is_attained_where_it_is_a_sum_of_squares(seed):
    """Without K_c and K_q the blocks are forms in two rows, whose Frobenius norms are taken."""
    rng = np.random.default_rng(seed)
    W1, W2 = rng.standard_normal((4, 3)), rng.standard_normal(4)
    c = W1 @ W1.T
    p, q = np.diagonal(c)[:, None], np.diagonal(c)[None, :]
    none, K, K_cc = np.zeros((4, 4)), *(a + a.T for a in rng.standard_normal((2, 4, 4)))
    K_pc = rng.standard_normal((4, 4))
    kernel = DualKernel(
        **dict.fromkeys(DualKernel._fields, none)
        | {"K": K, "K_cc": K_cc, "K_pc": K_pc, "K_qc": K_pc.T}
    )
    upper = np.triu(
        stacked_upper_hessian(DualKernel(*(f[None] for f in kernel)), W1[None], W2[None])[0]
    )
    H = upper + np.triu(upper, 1).T
    assert _norm_bound(kernel, p, q, c, W2) == pytest.approx(np.linalg.norm(H), rel=1e-12)


def test_the_norm_of_a_neuron_s_own_block_has_covariance_and_mean():
    """`E11 |W2|² (Σ + μ μ^T)`, of which the mean makes the larger part."""
    inputs = Inputs(mean=[3.0, -4.0], covariance=[[2.0, 0.5], [0.5, 1.0]])
    network = Network([[1.0, 2.0]], [[2.0], [1.0]], "erf", inputs=inputs)
    weights = Weights.of([network])
    of = seen(weights)
    zero, single = np.zeros((1, 1, 1)), np.zeros((1, 1, 1))
    sizes = OffsetKernel(*[zero] * 3, zero + 1, *[zero] * 3, *[single] * 3)
    S = inputs.matrix() + np.outer(inputs.mean, inputs.mean)
    truth = 5 * np.linalg.norm(S, 2)
    [bound] = norm_bound(weights, of, sizes)
    assert truth <= bound <= 1.1 * truth
