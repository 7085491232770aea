"""Real points, computed once, and a results folder that holds them."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hessweep.activations import Erf, activation
from hessweep.kinds import PointResult
from hessweep.setup import Setup
from hessweep.store import publish, write_segment

ACTIVATIONS = (activation("erf"), activation("linear"), activation("quadratic", epsilon=0.5))
SIZES = ((2, 2), (3, 2), (2, 3), (1, 1))


@dataclass(frozen=True)
class Hump(Erf):
    """An activation of a user, which no name stands for."""

    name: str = "hump"


def failed(result: PointResult, error: str = "ValueError: no luck") -> PointResult:
    return PointResult(result.point, error=error)


@pytest.fixture(scope="session")
def computed() -> list[PointResult]:
    """36 points in an order that is not the published one, the last one failed."""
    points = [
        Setup(function, N_i, N_h).point(seed)
        for seed in (2, 0, 1)
        for N_i, N_h in SIZES
        for function in ACTIVATIONS
    ]
    results = [point.compute() for point in points]
    return [*results[:-1], failed(results[-1])]


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory, computed: list[PointResult]) -> Path:
    """Six segments of six points, published; only to be read."""
    folder = tmp_path_factory.mktemp("store") / "results"
    for start in range(0, len(computed), 6):
        write_segment(folder, computed[start : start + 6])
    publish(folder)
    return folder


@pytest.fixture
def root(tmp_path: Path, untouched: Path) -> Path:
    """A copy of `untouched`."""
    return shutil.copytree(untouched, tmp_path / "results")


@pytest.fixture
def small(tmp_path: Path, computed: list[PointResult]) -> Path:
    """A single segment of three points of erf, published."""
    write_segment(tmp_path / "small", [computed[0], computed[3], computed[12]])
    publish(tmp_path / "small")
    return tmp_path / "small"


def with_seed(result: PointResult, seed: int) -> PointResult:
    """The same numbers under another seed: a new point without computing one."""
    return replace(result, point=replace(result.point, seed=seed))
