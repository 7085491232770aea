"""Real points, computed once, and a results folder that holds them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from object_stores import new_bucket, serving, variables

from hessweep.activations import Erf, activation
from hessweep.kinds import PointResult
from hessweep.setup import Setup
from hessweep.store import publish, write_segment

from .places import FolderPlace, Place, object_place

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


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 server, for all tests of this process."""
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a new bucket, which this process can use."""
    for name, value in variables(endpoint).items():
        monkeypatch.setenv(name, value)
    return new_bucket(endpoint)


@pytest.fixture(params=["folder", "object store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty place of results, of each kind."""
    if request.param == "folder":
        return FolderPlace(tmp_path / "results")
    bucket = request.getfixturevalue("bucket")
    return object_place(bucket, request.getfixturevalue("endpoint"))


@pytest.fixture
def filled(place: Place, computed: list[PointResult]) -> Place:
    """A place with three segments of four points, published."""
    for start in (0, 4, 8):
        write_segment(place.root, computed[start : start + 4])
    publish(place.root)
    return place
