"""What it costs to watch results of 10^5 points: `python benchmarks/watch_cost.py [POINTS]`.

Computes that many small points with two workers into a folder that is removed afterwards, and
prints the time of one core that the first look at them takes, and that of later ones.
"""

import sys
import tempfile
from pathlib import Path
from time import process_time

from hessweep.running import run
from hessweep.store.segments import list_segments
from hessweep.study import LocalCluster, parse_study
from hessweep.watching import Watcher


def main(points: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = {"activation": ["linear", "quadratic", "erf"], "N_i": "1..5", "N_h": "1..5"}
        sweep["seeds"] = points // 75
        study = parse_study({"name": "cost", "results": folder, "sweeps": {"one": sweep}})
        run(study.points(), folder, LocalCluster(workers=2), batch_seconds=0.3)
        # The first of them also makes the index, as the first command after a run does.
        for name in ("without the index", "with the index"):
            watcher = Watcher(study, refresh=0.0)
            times = [_seconds(watcher) for _ in range(6)]
            print(f"{name}: first look {times[0]:.2f} s, later ones {min(times[1:]):.3f} s")
        print(f"{len(study.points()):,} points in {len(list_segments(Path(folder))):,} segments")


def _seconds(watcher: Watcher) -> float:
    watcher._next = 0.0
    start = process_time()
    watcher.now()
    return process_time() - start


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
