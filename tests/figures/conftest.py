import numpy as np
import pytest
import xarray as xr

from hessweep.activations import activation
from hessweep.point import COLUMNS, Point, compute


def publish(name, sizes, seeds, weights=("normal",)):
    """Points of one activation as a dataset of the published store has them."""
    results = [
        compute(Point(activation(name), N_i, N_h, seed, distribution))
        for N_i, N_h in sizes
        for distribution in weights
        for seed in range(seeds)
    ]
    points = [result.point for result in results]
    identity = {
        "key": [point.key for point in points],
        "activation": [point.activation.label for point in points],
        "N_i": [point.N_i for point in points],
        "N_h": [point.N_h for point in points],
        "seed": [point.seed for point in points],
        "weights": [point.weights for point in points],
    }
    variables = {c.name: [result.scalars[c.name] for result in results] for c in COLUMNS}
    variables["row_size"] = [len(result.eigenvalues) for result in results]
    return xr.Dataset(
        {name: ("point", np.array(value)) for name, value in variables.items()}
        | {"eigenvalues": ("eigenvalue", np.concatenate([r.eigenvalues for r in results]))},
        coords={name: ("point", np.array(value)) for name, value in identity.items()},
    )


@pytest.fixture(scope="session")
def published():
    return publish


@pytest.fixture(scope="session")
def quadratic():
    return publish("quadratic", [(N, N) for N in (4, 6, 9, 12)], seeds=8)


@pytest.fixture(scope="session")
def erf():
    return publish("erf", [(N, N) for N in (4, 8, 12)], seeds=6)
