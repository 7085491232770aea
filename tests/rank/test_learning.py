"""Learning coefficients against Aoyagi's formula, and against volumes that are measured."""

from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest

from hessweep import learning_coefficient, sample_teacher, widen
from hessweep.dynamics import PopulationLoss
from hessweep.networks import Network
from hessweep.rank import rank

SIZES = list(product(range(1, 6), range(1, 6)))


def aoyagi(M, H, N, r):
    """λ and m of linear networks with M inputs, H hidden neurons, N outputs and true rank r.

    Aoyagi and Watanabe, Neural Networks 18 (2005) 924.
    """
    if N + r <= M + H and M + r <= N + H and H + r <= M + N:
        odd = (M + H + N + r) % 2
        squares = -((H + r) ** 2) - M**2 - N**2
        return (odd + squares + 2 * (H + r) * (M + N) + 2 * M * N) / 8, 1 + odd
    if N + r > M + H:
        return (H * M - H * r + N * r) / 2, 1
    if M + r > N + H:
        return (H * N - H * r + M * r) / 2, 1
    return M * N / 2, 1


@pytest.mark.parametrize(("N_i", "N_h"), SIZES)
def test_linear_networks_have_the_coefficient_of_aoyagi(N_i, N_h):
    """The optima of a linear teacher that is not 0 are one manifold."""
    found = learning_coefficient(sample_teacher("linear", N_i, N_h, seed=0))
    assert found.lower == found.upper == aoyagi(N_i, N_h, 1, 1)[0] == N_i / 2


@pytest.mark.parametrize(("N_i", "N_h"), SIZES)
def test_degenerate_linear_networks_are_within_the_bounds(N_i, N_h):
    """With W2 = 0 and W1 of rank a, `λ = a/2 + aoyagi(N_i - a, N_h - a, 1, 0)`.

    In suitable coordinates the first a rows of W1 are unit vectors. They make a coordinates of the
    output regular, and the product of the other weights remains.
    """
    rng = np.random.default_rng(1)
    for a in range(min(N_i, N_h) + 1):
        # Whole numbers, so that the product has the rank a exactly.
        W1 = rng.integers(1, 99, (N_h, a)) @ rng.integers(1, 99, (a, N_i)) * 1.0
        network = Network(W1, np.zeros(N_h), "linear")
        rest = aoyagi(N_i - a, N_h - a, 1, 0)[0] if a < min(N_i, N_h) else 0
        found = learning_coefficient(network)
        assert found.lower == a / 2
        assert found.lower <= a / 2 + rest <= found.upper
        # Blowing up the output weights gives the coefficient at 0 without the formula.
        assert rest == pytest.approx(min(N_i - a, N_h - a) / 2)
    dead = learning_coefficient(Network(np.zeros((N_h, N_i)), np.zeros(N_h), "linear"))
    assert dead.upper == min(N_h / 2, N_h * (N_i + 1) / 4)
    read_out = Network(np.zeros((N_h, N_i)), np.ones(N_h), "linear")
    assert learning_coefficient(read_out) == (N_i / 2, N_i / 2)


@pytest.mark.parametrize("activation", ["quadratic", "cubic", "erf", "relu", "cos"])
def test_the_largest_rank_gives_the_coefficient(activation):
    for N_i, N_h in ((2, 1), (2, 3), (3, 5)):
        teacher = sample_teacher(activation, N_i, N_h, seed=0)
        half = rank(teacher).value / 2
        assert learning_coefficient(teacher) == (half, half)


def test_zero_outputs_of_relu_are_a_manifold_of_full_normal_rank():
    network = widen(sample_teacher("relu", N_i=3, N_h=2, seed=0), zero_output=3, seed=1)
    assert learning_coefficient(network) == (4.5, 4.5)


@pytest.mark.parametrize("activation", ["erf", "sin", "cubic", "quadratic"])
def test_zero_outputs_and_pairs_are_manifolds_of_full_normal_rank(activation):
    teacher = sample_teacher(activation, N_i=3, N_h=2, seed=0)
    for extra in ({"zero_output": 3}, {"cancelling": 1}, {"zero_output": 9, "cancelling": 1}):
        network = widen(teacher, **extra, seed=1)
        half = rank(network).value / 2
        assert learning_coefficient(network) == (half, half)


def test_split_and_zero_input_neurons_leave_a_gap():
    teacher = sample_teacher("erf", N_i=3, N_h=2, seed=0)
    # Each copy adds N_i directions of order 4; its share of the output weight is free.
    assert learning_coefficient(widen(teacher, split=2)) == (4, 4 + 2 * 3 / 4)
    assert learning_coefficient(widen(teacher, zero_input=1)) == (5.5, 5.5)
    two = learning_coefficient(widen(teacher, zero_input=2))
    assert two == (5.5, (16 + 11 - 2) / 4)
    # One row of zeros with an output weight of 0: that row is free, and the other output weight.
    one = Network([[0.5, 1], [0, 0], [0, 0]], [1, 0.4, 0], "erf")
    assert learning_coefficient(one) == (2.5, 3)


def test_kinks_and_unknown_activations_get_only_what_holds_for_them():
    at_kink = Network(np.array([[1.0, 0.5], [0.0, 0.0]]), np.ones(2), "relu")
    assert learning_coefficient(at_kink).lower == 0
    copied = widen(sample_teacher("relu", N_i=2, N_h=1, seed=0), split=1)
    # 6 parameters; the share and the scale of the neuron that is split are free.
    assert learning_coefficient(copied) == (1, 2)


def measured(network, radius, n_first, n_last, seed=0, groups=10, walkers=150, moves=12):
    """λ from the volume of students in a box around a network, and its standard error.

    `Z(n) = ∫ e^{-nL}` falls as `n^-λ`. n grows in steps from 1 to `n_last`; at each step students
    are drawn anew with the weights `e^{-Δn L}`, whose mean is the ratio of both Z, and then moved
    by Metropolis steps of all lengths. λ is the slope of `-log Z` over `log n` from `n_first` on.
    The groups are independent, and the error comes from their scatter.
    """
    rng = np.random.default_rng(seed)
    surface, P = PopulationLoss(network), network.P
    at = rng.uniform(-radius, radius, (groups, walkers, P))
    loss = surface.loss(network.parameters + at)
    slopes = np.zeros(groups)
    levels = np.geomspace(1, n_last, 1 + round(np.log2(n_last) / 1.5))
    for n, following in pairwise(levels):
        weights = np.exp(-(following - n) * loss)
        if n >= n_first:
            slopes -= np.log(weights.mean(axis=1))
        drawn = np.stack([rng.choice(walkers, walkers, p=w / w.sum()) for w in weights])
        at = np.take_along_axis(at, drawn[..., None], 1)
        loss = np.take_along_axis(loss, drawn, 1)
        for _ in range(moves):
            length = radius * following ** rng.uniform(-0.6, 0, (groups, walkers, 1))
            moved = at + length * rng.standard_normal(at.shape)
            inside = (np.abs(moved) < radius).all(axis=-1)
            new = surface.loss(network.parameters + moved)
            limit = np.exp(np.minimum(following * (loss - new), 0))
            taken = inside & (rng.random(loss.shape) < limit)
            at, loss = np.where(taken[..., None], moved, at), np.where(taken, new, loss)
    slopes /= np.log(n_last / levels[levels >= n_first][0])
    return slopes.mean(), slopes.std(ddof=1) / np.sqrt(groups)


def network_of(activation, W1, W2):
    return Network(np.array(W1), np.array(W2), activation)


MEASURED = {
    "two functions of one input": (network_of("gaussian", [[0.9]], [1.1]), 1e3, 1e6, 1),
    "linear": (network_of("linear", [[0.9, -0.5]], [1.1]), 1e3, 1e6, 1),
    "relu": (network_of("relu", [[0.9, -0.5]], [1.1]), 1e3, 1e6, 1),
    "zero output": (network_of("gaussian", [[0.9], [-1.9]], [1.1, 0]), 1e4, 1e7, 1.5),
    "split": (network_of("gaussian", [[1.2], [1.2]], [0.6, 0.5]), 1e4, 1e7, 1.25),
    "a dead linear neuron": (network_of("linear", [[0, 0, 0]], [0]), 1e3, 1e6, 0.5),
}
"""Network, first and last n, and λ. The slope is that of large n once `n λ_min radius²` is well
above 1. The split neuron has the form `u1² + u2² + v⁴`, so `λ = 1/2 + 1/2 + 1/4`."""


@pytest.mark.parametrize(
    ("network", "n_first", "n_last", "expected"), MEASURED.values(), ids=MEASURED
)
def test_volumes_that_are_measured_agree(network, n_first, n_last, expected):
    bounds = learning_coefficient(network)
    assert bounds.lower <= expected <= bounds.upper
    value, error = measured(network, 0.3, n_first, n_last)
    assert error < 0.06
    assert abs(value - expected) < 3.5 * error


def test_a_rank_that_is_not_proved_widens_the_bounds():
    """The lower one is half of the least rank, the upper one has the largest in it."""
    student = widen(sample_teacher("erf", 2, 2, seed=0), split=1, seed=1)
    proved = rank(student)
    r, P, split = proved.value, student.P, 1
    assert proved.certificate == "proved"
    known = learning_coefficient(student, proved)
    assert known == (r / 2, (P + r - split) / 4)
    unsure = replace(proved, lower=r - 2, upper=r + 1, certificate="undecided")
    found = learning_coefficient(student, unsure)
    assert found.lower == (r - 2) / 2
    assert found.upper == min((P + r + 1 - split) / 4, (P - split) / 2)
    assert found.upper > known.upper
