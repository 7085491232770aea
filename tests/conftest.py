"""What all tests share: one BLAS thread, as a sweep's workers have, and published results."""

import os

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import pytest  # noqa: E402
import xarray as xr  # noqa: E402
from headless import browser, chromium  # noqa: E402, F401 - fixtures
from hypothesis import settings  # noqa: E402

from hessweep.activations import activation  # noqa: E402
from hessweep.setup import Setup  # noqa: E402
from hessweep.store import open_results, publish, write_segment  # noqa: E402

settings.register_profile("default", deadline=None)
# The same cases each time, so that a change is judged by what it changes; `hunt` looks for others.
settings.register_profile("thousands", deadline=None, max_examples=4000, derandomize=True)
settings.register_profile("hunt", deadline=None, max_examples=4000)
settings.load_profile("default")

LONGEST = (
    "test_store_machine",
    "test_run_kills",
    "workflow",
    "test_store_kills",
    "test_damage",
    "test_cli",
    "test_sweep",
    "test_large",
)
"""Files and folders that take longest: they start first, so that no core waits at the end."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not any(name in item.nodeid for name in LONGEST))


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """Compute points of one activation, publish them, and return their dataset in memory."""

    def make(name, sizes, seeds, weights=("normal",)):
        root = tmp_path_factory.mktemp(name)
        points = [
            Setup(activation(name), N_i, N_h, weights=distribution).point(seed)
            for N_i, N_h in sizes
            for distribution in weights
            for seed in range(seeds)
        ]
        write_segment(root, [point.compute() for point in points])
        publish(root)
        return open_results(root)[name].to_dataset().load()

    return make


@pytest.fixture(scope="session")
def tree():
    """Put datasets, perhaps altered, together as `open_results` does."""
    return lambda *datasets: xr.DataTree.from_dict({d.attrs["activation"]: d for d in datasets})
