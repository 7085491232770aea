"""The generators of random teachers: NumPy's PCG64, seeded for many teachers at once.

`PCG64(SeedSequence(words))` takes 10 microseconds, longer than the eigenvalues of a small network.
What it computes is the seed sequence of O'Neill's `randutils` (2015) followed by the start of a
128-bit linear congruential generator (O'Neill, HMC-CS-2014-0905, 2014), which NumPy promises to
keep. Here the first is done for all seeds in one go; the tests compare with NumPy.
"""

from collections.abc import Iterator
from itertools import cycle, islice

import numpy as np
from jaxtyping import UInt
from numpy import ndarray
from numpy.random import PCG64, Generator

POOL = 4
"""Words of 32 bits in which the seed sequence gathers all others."""

_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_SHIFT = np.uint32(16)
_TO_POOL = 0x43B0D7E5, 0x931E8875
_FROM_POOL = 0x8B51F9DD, 0x58F38DED
"""The first multiplier of a hash, and the factor from each to the next."""

_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
_MODULUS = 2**128


def generators(words: UInt[ndarray, "S n"]) -> Iterator[Generator]:
    """Yield `Generator(PCG64(SeedSequence(row)))` for each row, in the state of a new one.

    It is one object, so that the numbers of one row have to be drawn before the next is taken.

    Args:
        words: Seeds as 32-bit words of type uint32, the same number of at least one for each.
    """
    bits = PCG64(0)
    generator = Generator(bits)
    for start, increment in zip(*_starts(words), strict=True):
        bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": start, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }
        yield generator


def _starts(words: UInt[ndarray, "S n"]) -> tuple[list[int], list[int]]:
    """Return state and increment of a new generator for each row."""
    high, low, sequence_high, sequence_low = (
        column.tolist() for column in _seed_words(words).T.astype(object)
    )
    increments = [
        ((one << 64 | other) << 1 | 1) % _MODULUS
        for one, other in zip(sequence_high, sequence_low, strict=True)
    ]
    # One step from 0 leads to the increment; the seed is added, and one more step follows.
    states = [
        ((increment + (one << 64 | other)) * _MULTIPLIER + increment) % _MODULUS
        for one, other, increment in zip(high, low, increments, strict=True)
    ]
    return states, increments


def _seed_words(words: UInt[ndarray, "S n"]) -> UInt[ndarray, "S 4"]:
    """Return `SeedSequence(row).generate_state(4, np.uint64)` for each row."""
    given = [*words.T, *[np.zeros(len(words), np.uint32)] * (POOL - words.shape[1])]
    multipliers = _multipliers(*_TO_POOL)
    pool = [_hashed(word, multipliers) for word in given[:POOL]]
    for source in range(POOL):
        for target in range(POOL):
            if source != target:
                pool[target] = _mixed(pool[target], _hashed(pool[source], multipliers))
    for word in given[POOL:]:
        for target in range(POOL):
            pool[target] = _mixed(pool[target], _hashed(word, multipliers))
    multipliers = _multipliers(*_FROM_POOL)
    halves = [_hashed(word, multipliers) for word in islice(cycle(pool), 8)]
    pairs = zip(halves[::2], halves[1::2], strict=True)
    return np.stack([low | high.astype(np.uint64) << np.uint64(32) for low, high in pairs], axis=1)


def _multipliers(first: int, factor: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """Yield the two multipliers of each hash; the second is the first of the next."""
    while True:
        following = first * factor % 2**32
        yield np.uint32(first), np.uint32(following)
        first = following


def _hashed(
    word: UInt[ndarray, " S"], multipliers: Iterator[tuple[np.uint32, np.uint32]]
) -> UInt[ndarray, " S"]:
    first, second = next(multipliers)
    hashed = (word ^ first) * second
    return hashed ^ hashed >> _SHIFT


def _mixed(x: UInt[ndarray, " S"], y: UInt[ndarray, " S"]) -> UInt[ndarray, " S"]:
    mixed: ndarray = _MIX_LEFT * x - _MIX_RIGHT * y
    return mixed ^ mixed >> _SHIFT
