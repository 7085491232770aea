"""The status of each stored point in little memory: what a dictionary would say."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessweep.store.statuses import StoredPoints, statuses

VALUES = ("done", "failed", "odd")

DIGITS = st.text("0123456789abcdef", min_size=32, max_size=32)
HALVES = st.sampled_from(["0" * 16, "f" * 16, "0" * 15 + "1", "89abcdef01234567"])
"""Few, so that keys share their first half, their second, and both."""
KEYS = st.one_of(
    st.builds(str.__add__, HALVES, HALVES),
    DIGITS,
    st.sampled_from(
        ["", "0", "F" * 32, "g" * 32, "0" * 31, "0" * 33, "é" * 32, "é" * 16, " " * 32]
    ),
)


def expected(rows):
    found = {}
    for key, code in rows:
        if found.get(key) != "done":
            found.setdefault(key, VALUES[code])
            if VALUES[code] == "done":
                found[key] = "done"
    return found


def stored(parts):
    return StoredPoints(
        (
            (pa.array([key for key, _ in rows], pa.string()), np.array([c for _, c in rows], int))
            for rows in parts
        ),
        VALUES,
    )


@given(
    st.lists(st.lists(st.tuples(KEYS, st.integers(0, 2)), max_size=8), max_size=4),
    st.lists(KEYS, max_size=8),
)
def test_it_says_what_a_dictionary_says(parts, others):
    found, wanted = stored(parts), expected([row for rows in parts for row in rows])
    assert found == wanted
    assert len(found) == len(wanted)
    asked = [*wanted, *others]
    assert found.statuses(asked) == [wanted.get(key) for key in asked]
    assert statuses(found, asked) == statuses(wanted, asked)
    for key in others:
        assert (key in found) == (key in wanted)
        assert found.get(key, "none") == wanted.get(key, "none")


def test_a_part_of_an_array():
    keys = [f"{number:032x}" for number in (5, 3, 2**70, 7)]
    array = pa.array(["a text", *keys, "x"], pa.string())[1:5]
    found = StoredPoints([(array, np.array([0, 1, 0, 1]))], VALUES)
    assert found == dict(zip(keys, ("done", "failed", "done", "failed"), strict=True))
    assert list(found) == sorted(keys)
    with pytest.raises(KeyError):
        found["0" * 32]


def test_many_keys_take_little_memory():
    rng = np.random.default_rng(0)
    content = rng.bytes(16 * 250_000).hex()
    keys = [content[place : place + 32] for place in range(0, len(content), 32)]
    found = StoredPoints([(pa.array(keys), np.zeros(len(keys), np.uint8))], ("done",))
    assert found.statuses(keys[::1000]) == ["done"] * 250
    assert sum(part.nbytes for part in vars(found).values() if isinstance(part, np.ndarray)) <= (
        17 * len(keys)
    )
