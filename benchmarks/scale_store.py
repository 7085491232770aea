"""Results of many synthetic points, as `bench_scale.py` and `docs/scale.md` measure them.

Usage: `python benchmarks/scale_store.py FOLDER POINTS [ACTIVATIONS]`. The segments are those of a
real sweep of small points: written in the store's format, with true keys, 4,000 points of one
setup in each. Their numbers are not: scalars repeat and eigenvalues are random.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

import hessweep
from hessweep.setup import Setup
from hessweep.store import segments
from hessweep.store.files import commit_file, make_folder
from hessweep.store.flat_zarr import encode
from hessweep.store.schema import columns_of

ACTIVATIONS = (
    "linear", "quadratic", "cubic", "erf", "relu", "tanh", "sigmoid", "gelu", "sin", "cos",
)  # fmt: skip
SIZES = ((1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 2), (4, 1), (1, 4), (5, 1), (1, 5))
IN_A_SEGMENT = 4_000
"""What a task of a sweep holds at most, and a segment with it."""


def write(root: Path, points: int, activations: int = len(ACTIVATIONS)) -> None:
    """Store that many points of so many activations and ten sizes; publish nothing."""
    rng = np.random.default_rng(0)
    folder = segments.segments_folder(root)
    make_folder(folder)
    seeds = points // (activations * len(SIZES))
    for name in ACTIVATIONS[:activations]:
        for N_i, N_h in SIZES:
            setup = Setup(hessweep.activation(name), N_i, N_h)
            template = columns_of([setup.point(0).compute()])
            for start in range(0, seeds, IN_A_SEGMENT):
                numbers = range(start, min(start + IN_A_SEGMENT, seeds))
                arrays = segments._arrays(_repeated(template, setup, numbers, rng))
                content = segments._zip(encode(arrays, segments._provenance_attributes()))
                commit_file(folder / f"{segments._digest(content)}{segments.SUFFIX}", content)


def _repeated(
    template: dict[str, Any], setup: Setup, seeds: range, rng: np.random.Generator
) -> dict[str, Any]:
    count = len(seeds)
    arrays = {name: np.repeat(values, count) for name, values in template.items()}
    arrays["seed"] = np.array(seeds)
    arrays["key"] = np.array([setup.key(seed) for seed in seeds], template["key"].dtype)
    eigenvalues = np.sort(rng.exponential(size=(count, setup.P)), axis=1)
    arrays |= {"lambda_min": eigenvalues[:, 0], "lambda_max": eigenvalues[:, -1]}
    # The other ragged arrays of this kind are empty, but for those of one entry a point.
    arrays["eigenvalues"] = eigenvalues.ravel()
    return arrays


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
