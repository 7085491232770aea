import pytest
import xarray as xr

from hessweep.activations import activation
from hessweep.point import Point, compute
from hessweep.store import open_results, publish, write_segment


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Compute points of one activation, publish them, and return their dataset in memory."""

    def make(name, sizes, seeds, weights=("normal",)):
        root = tmp_path_factory.mktemp(name)
        points = [
            Point(activation(name), N_i, N_h, seed, distribution)
            for N_i, N_h in sizes
            for distribution in weights
            for seed in range(seeds)
        ]
        write_segment(root, [compute(point) for point in points])
        publish(root)
        return open_results(root)[name].to_dataset().load()

    return make


@pytest.fixture(scope="session")
def tree():
    """Put datasets, perhaps altered, together as `open_results` does."""
    return lambda *datasets: xr.DataTree.from_dict({d.attrs["activation"]: d for d in datasets})


@pytest.fixture(scope="session")
def quadratic(published):
    return published("quadratic", [(N, N) for N in (4, 6, 8, 10)], seeds=8)


@pytest.fixture(scope="session")
def erf(published):
    return published("erf", [(N, N) for N in (4, 8, 12)], seeds=6)
