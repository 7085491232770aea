"""Points onto an object store with a delay, against a folder, in one run.

The store is moto's server behind a proxy that waits before each request:
`python benchmarks/objects_rate.py POINTS DELAY`. Prints the rates of both, and how many objects a
second the server takes at most.
"""

import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from object_stores import new_bucket, proxying, serving, variables

from hessweep.activations import activation
from hessweep.address import Address
from hessweep.running import run
from hessweep.setup import Setup
from hessweep.store.objects.storage import ObjectStorage
from hessweep.store.segments import list_segments
from hessweep.study import LocalCluster


def main(points: int, delay: float) -> None:
    wanted = Setup(activation("erf"), 5, 5).points(range(points))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder) as endpoint, proxying(endpoint, folder) as proxy:
            os.environ.update(variables(proxy.endpoint))
            root = Address(new_bucket(endpoint)) / "results"
            print(f"the server takes {most(root):.0f} objects of 50 kB a second without the delay")
            proxy.make(f"slow {delay}")
            seconds: dict[str, list[float]] = {"folder": [], "store": []}
            for turn in range(2):
                for kind, place in {
                    "folder": folder / f"r{turn}",
                    "store": root / str(turn),
                }.items():
                    begin = time.perf_counter()
                    run(wanted, place, LocalCluster(workers=2))
                    seconds[kind].append(time.perf_counter() - begin)
                    print(f"{kind}: {points / seconds[kind][-1]:.0f} points a second, "
                          f"{len(list_segments(place))} segments")  # fmt: skip
            ratio = min(seconds["folder"]) / min(seconds["store"])
            print(f"the store's rate is {ratio:.2f} of the folder's")


def most(root: Address) -> float:
    """Return how many objects of the size of a segment the server takes in a second."""
    storage, content, count = ObjectStorage(root / "most"), os.urandom(50_000), 200
    begin = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: storage.put(str(number), content), range(count)))
    return count / (time.perf_counter() - begin)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
