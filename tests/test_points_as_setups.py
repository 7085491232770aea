"""Points that are kept as setups with seeds, against a list of points that is kept as such."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hessweep.activations import activation
from hessweep.points import Points, count_setups
from hessweep.setup import Setup
from hessweep.study import parse_study

SETUPS = [Setup(activation(name), 2, N_h) for name in ("erf", "linear") for N_h in (1, 2)]

lists_of_points = st.lists(
    st.tuples(st.sampled_from(SETUPS), st.integers(0, 5)).map(lambda pair: pair[0].point(pair[1])),
    max_size=30,
)


def each_once(points):
    """Return the points in the order in which they were first given, by their keys."""
    return list({point.key: point for point in points}.values())


@given(lists_of_points)
def test_they_are_the_points_that_were_given_each_once(given_points) -> None:
    expected = each_once(given_points)
    points = Points.of(given_points)
    assert list(points) == expected == points
    assert len(points) == len(expected)
    assert [points[place] for place in range(len(points))] == expected
    assert [points[place - len(points)] for place in range(len(points))] == expected
    assert points[1:-1:2] == expected[1:-1:2]
    for first in range(len(points) + 1):
        for last in (first, first + 1, first + 3, len(points)):
            assert points[first:last] == expected[first:last]
    assert [point.key for point in points] == [point.key for point in expected]
    assert count_setups(points) == count_setups(expected)
    with pytest.raises(IndexError):
        points[len(points)]


@given(st.lists(st.booleans(), min_size=24, max_size=24), st.permutations(SETUPS))
def test_points_at_some_places_are_those_and_no_others(chosen, order) -> None:
    """Ascending within each setup, the setups in any order, as those of a sweep by their cost."""
    points = Points.of([point for setup in SETUPS for point in setup.points(range(3, 9))])
    places = [place for place, taken in enumerate(chosen) if taken]
    places.sort(key=lambda place: order.index(points[place].setup))
    expected = [SETUPS[place // 6].point(3 + place % 6) for place in places]
    assert list(points.at(np.array(places, int))) == expected


@given(lists_of_points, lists_of_points)
def test_a_union_has_each_point_once(first, second) -> None:
    assert Points.union([Points.of(first), Points.of(second)]) == each_once([*first, *second])


def test_other_points_are_not_equal() -> None:
    points = Points.of(SETUPS[0].points([0, 1]))
    assert points != SETUPS[0].points([1, 0])
    assert points != SETUPS[0].points([0])
    assert points != SETUPS[1].points([0, 1])
    assert points != 2


def test_nine_million_points_take_little_memory() -> None:
    sweep = {"activation": ["erf", "relu"], "N_i": "1..10", "N_h": "1..50", "seeds": 9_000}
    study = parse_study({"name": "a", "sweeps": {"a": sweep, "b": {**sweep, "seeds": 5}}})
    points = study.points()
    assert len(points) == 9 * 10**6
    seeds = {id(of_setup): of_setup for _, of_setup in points.parts}.values()
    assert sum(map(sys.getsizeof, seeds)) < 10**6
    assert points[len(points) - 1] == list(study.sweeps["a"].setups())[-1].point(8_999)
