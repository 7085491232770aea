"""A point: its key, and that its numbers do not depend on its company."""

import numpy as np
import pytest

from hessweep.activations import ACTIVATIONS, activation
from hessweep.hessian import hessian
from hessweep.kinds import compute, compute_stack
from hessweep.setup import COLUMNS, TIMES, Point, point_key

PARAMETERS = {"polynomial": {"coefficients": [1, 0, 2, 1]}, "power": {"degree": 4}}


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_stack_computes_each_point_bit_for_bit_as_alone(name):
    function = activation(name, **PARAMETERS.get(name, {}))
    points = [Point(function, 3, 5, seed) for seed in range(5)]
    for point, together in zip(points, compute_stack(points), strict=True):
        alone = compute(point)
        assert together.eigenvalues.tobytes() == alone.eigenvalues.tobytes()
        for column in COLUMNS:
            if column.name not in TIMES:
                one, other = together.scalars[column.name], alone.scalars[column.name]
                assert one == other or np.isnan(one), column.name


def test_trace_and_norm_are_those_of_the_matrix():
    for name in ("linear", "quadratic", "erf", "gelu"):
        point = Point(activation(name), 4, 6, seed=2)
        scalars, H = compute(point).scalars, hessian(point.network())
        assert scalars["trace"] == pytest.approx(np.trace(H), rel=1e-12)
        assert scalars["frobenius_norm"] == pytest.approx(np.linalg.norm(H), rel=1e-12)


def test_keys_are_stable_and_tell_points_apart():
    erf = activation("erf")
    assert Point(erf, 5, 5, 0).key == "9eadfb57d00ebf30f3bc130fedc7d969"
    others = [
        Point(erf, 5, 6, 0),
        Point(erf, 6, 5, 0),
        Point(erf, 5, 5, 1),
        Point(erf, 5, 5, 0, "uniform"),
        Point(activation("quadratic"), 5, 5, 0),
        Point(activation("quadratic", epsilon=2), 5, 5, 0),
        Point(erf, 5, 5, 0, spectrum="density"),
    ]
    assert len({point.key for point in [Point(erf, 5, 5, 0), *others]}) == 8


def test_points_of_many_seeds_are_those_of_each():
    quadratic = activation("quadratic", epsilon=0.25)
    made = Point.of_seeds(quadratic, 3, 4, [5, 0, 2**40], "laplace", "density")
    each = [Point(quadratic, 3, 4, seed, "laplace", "density") for seed in (5, 0, 2**40)]
    assert made == each
    assert [point.key for point in made] == [point.key for point in each]


def test_the_key_is_that_of_the_plain_data():
    for function in (activation("quadratic", epsilon=0.25), activation("erf")):
        for seed in (0, 7, 10**9):
            for spectrum in ("exact", "density"):
                point = Point(function, 3, 4, seed, "uniform", spectrum)
                plain = point_key(function.identity, 3, 4, seed, "uniform", spectrum=spectrum)
                assert point.key == plain
