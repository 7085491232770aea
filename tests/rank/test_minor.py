"""Minors of `grad_theta y`: proofs by computation, without the theorem."""

import numpy as np
import pytest
from flint import ctx
from named import IN_BALLS, THEORY, Mine

from hessweep.activations import activation
from hessweep.networks import Network, sample_teacher, sample_weights
from hessweep.rank import ball, minor
from hessweep.rank.minor import has_minor, is_nonsingular

CASES = [(1, 12), (2, 16), (2, 30), (3, 40), (20, 20)]


@pytest.mark.parametrize(("N_i", "N_h"), CASES)
def test_erf_networks_have_full_rank(N_i, N_h):
    network = sample_teacher("erf", N_i, N_h, 0)
    assert has_minor(network, network.P)


def test_a_network_of_more_than_1000_parameters():
    network = sample_teacher("erf", 33, 30, 0)
    assert network.P == 1020
    assert has_minor(network, network.P)


@pytest.mark.parametrize("name", sorted(IN_BALLS.keys() & THEORY))
def test_every_activation_in_balls_can_be_certified(name):
    W1, W2 = sample_weights(2, 5, seed=0)
    assert has_minor(Network(W1, W2, activation(name)), 15)


def test_what_does_not_hold_is_not_proved(monkeypatch):
    monkeypatch.setattr(ball, "LAST_BITS", 512)
    W1, W2 = sample_weights(2, 4, seed=0)
    twice = np.concatenate([W1, -W1[:1]])
    output = np.append(W2, 1.0)
    assert not has_minor(Network(twice, output, activation("erf")), 15)
    assert has_minor(Network(twice, output, activation("erf")), 12)
    silent = W2 * [1, 1, 1, 0]
    assert not has_minor(Network(W1, silent, activation("erf")), 12)
    assert has_minor(Network(W1, silent, activation("erf")), 10)


def test_an_activation_without_balls_is_undecided():
    W1, W2 = sample_weights(2, 2, seed=0)
    assert not has_minor(Network(W1, W2, Mine()), 6)


@pytest.mark.parametrize("rank", [13, 14])
def test_more_than_the_independent_parameters_is_not_proved(rank):
    """Of 15 parameters 12 are independent, since a neuron is there twice."""
    W1, W2 = sample_weights(2, 4, seed=0)
    twice = Network(np.concatenate([W1, W1[:1]]), np.append(W2, 1.0), "erf")
    assert has_minor(twice, 12)
    assert not has_minor(twice, rank)


@pytest.mark.parametrize(("limit", "precisions"), [(14, [128]), (15, [128, 256, 512])])
def test_a_large_minor_is_tried_in_one_precision(limit, precisions, monkeypatch):
    """Of 15 parameters, whose gradients by the weights of w and -w are equal."""
    tried, gradient_balls = [], minor.gradient_balls

    def watched(*arguments):
        tried.append(ctx.prec)
        return gradient_balls(*arguments)

    monkeypatch.setattr(minor, "gradient_balls", watched)
    monkeypatch.setattr(minor, "FLOAT64_ONLY", limit)
    monkeypatch.setattr(ball, "LAST_BITS", 512)
    W1, W2 = sample_weights(2, 4, seed=0)
    assert not has_minor(Network(np.concatenate([W1, -W1[:1]]), np.append(W2, 1.0), "erf"), 15)
    assert tried == precisions


@pytest.mark.parametrize("seed", range(30))
def test_balls_around_a_singular_matrix_are_never_proved_to_be_nonsingular(seed):
    """A matrix of rank n - 1 anywhere in the balls, at radii of any size."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    singular = rng.standard_normal((n, n - 1)) @ rng.standard_normal((n - 1, n))
    rad = 10.0 ** rng.uniform(-12, 1) * rng.random((n, n))
    mid = singular + rad * rng.uniform(-0.9, 0.9, (n, n))
    assert not is_nonsingular(mid, rad + 1e-13)


@pytest.mark.parametrize("radius", [0.3, 0.6, 2.0])
def test_radii_count_however_good_the_middle_is(radius):
    """The identity is nonsingular, but [[1, 1], [1, 1]] / 2 is not."""
    assert is_nonsingular(np.eye(2), np.full((2, 2), radius)) == (radius < 0.5)
