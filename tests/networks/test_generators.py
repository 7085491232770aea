"""Generators that are seeded together are those of NumPy one by one."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.random import PCG64, Generator, SeedSequence

from hessweep.networks import MAX_SEED, NetworkStack, sample_teacher, sample_teachers
from hessweep.networks.generators import generators
from hessweep.networks.teachers import WEIGHTS, sample_stack

WORDS = st.tuples(st.integers(1, 5), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.uint32, shape, elements=st.integers(0, 2**32 - 1))
)


@given(WORDS)
def test_each_begins_in_the_state_of_a_new_one(words):
    for row, generator in zip(words, generators(words), strict=True):
        new = Generator(PCG64(SeedSequence(row)))
        assert generator.bit_generator.state == new.bit_generator.state
        # An odd number of 32-bit draws, half of which the next generator must not find.
        assert generator.integers(0, 9, 3, dtype=np.uint32).tolist() == (
            new.integers(0, 9, 3, dtype=np.uint32).tolist()
        )


@pytest.mark.parametrize("weights", WEIGHTS)
def test_seeds_of_one_and_two_words_keep_their_places(weights):
    seeds = [7, 2**32, 0, MAX_SEED, 2**32 - 1, 7]
    W1, W2 = sample_stack(3, 2, seeds, weights)
    for place, seed in enumerate(seeds):
        alone = sample_teacher("erf", 3, 2, seed, weights)
        assert (W1[place] == alone.W1).all()
        assert (W2[place] == alone.W2).all()
    digest = int.from_bytes(hashlib.sha256(weights.encode()).digest()[:8], "big")
    numpys = Generator(PCG64(SeedSequence([digest | 1 << 63, 3, 2, 2**32])))
    assert (W1[1].ravel() == WEIGHTS[weights](numpys, 6) / np.sqrt(3)).all()


def test_a_stack_is_a_sequence_of_its_networks():
    stack = sample_teachers("erf", 3, 2, [5, 1, 8])
    assert isinstance(stack, NetworkStack)
    assert NetworkStack.of(stack) is stack
    again = NetworkStack.of(list(stack))
    assert again is not None
    assert (again.W1 == stack.W1).all()
    assert (again.W2 == stack.W2).all()
    assert (stack[1:][0].W1 == sample_teacher("erf", 3, 2, 1).W1).all()
    with pytest.raises(ValueError, match="read-only"):
        stack[0].W1[0, 0] = 1.0
    with pytest.raises(IndexError):
        stack[3]


def test_networks_with_biases_make_no_stack():
    assert NetworkStack.of([sample_teacher("erf", 3, 2, 5, biases="both")]) is None
    assert NetworkStack.of([]) is None
