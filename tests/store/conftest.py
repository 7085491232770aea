"""Real points, computed once, and a results folder that holds them."""

from dataclasses import replace
from pathlib import Path

import pytest

from hessweep.activations import activation
from hessweep.point import Point, PointResult, compute
from hessweep.store import publish, write_segment

ACTIVATIONS = (activation("erf"), activation("linear"), activation("quadratic", epsilon=0.5))
SIZES = ((2, 2), (3, 2), (2, 3), (1, 1))


def failed(result: PointResult, error: str = "ValueError: no luck") -> PointResult:
    return PointResult(result.point, error=error)


@pytest.fixture(scope="session")
def computed() -> list[PointResult]:
    """36 points in an order that is not the published one, the last one failed."""
    points = [
        Point(function, N_i, N_h, seed)
        for seed in (2, 0, 1)
        for N_i, N_h in SIZES
        for function in ACTIVATIONS
    ]
    results = [compute(point) for point in points]
    return [*results[:-1], failed(results[-1])]


@pytest.fixture
def root(tmp_path: Path, computed: list[PointResult]) -> Path:
    """Segments of 7 points, published."""
    folder = tmp_path / "results"
    for start in range(0, len(computed), 7):
        write_segment(folder, computed[start : start + 7])
    publish(folder)
    return folder


def with_seed(result: PointResult, seed: int) -> PointResult:
    """The same numbers under another seed: a new point without computing one."""
    return replace(result, point=replace(result.point, seed=seed))
