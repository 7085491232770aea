"""What a results folder holds, as bytes to compare."""

from collections import Counter
from pathlib import Path

import numpy as np

from hessweep.kinds import RAGGED, SCALARS, TIMES
from hessweep.store.segments import list_segments, read_columns, segments_folder

SCALARS = ("status", "error", *(column.name for column in SCALARS if column.name not in TIMES))

Content = dict[str, tuple[object, ...]]


def contents(root: Path) -> Content:
    """Return each point's columns but its wall times, and its ragged arrays, by key.

    Fails where two segments hold different numbers of one point.
    """
    found: Content = {}
    for name in list_segments(root):
        arrays, _ = read_columns(segments_folder(root) / name)
        ends = {ragged: np.cumsum(arrays[ragged.size.name]) for ragged in RAGGED}
        for row, key in enumerate(arrays["key"]):
            flat = [
                arrays[column.name][ends[ragged][row] - arrays[ragged.size.name][row] :][
                    : arrays[ragged.size.name][row]
                ].tobytes()
                for ragged in RAGGED
                for column in ragged.columns
            ]
            scalars = [arrays[column][row] for column in SCALARS]
            exact = [value if isinstance(value, str) else value.tobytes() for value in scalars]
            content = (*exact, *flat)
            assert found.setdefault(str(key), content) == content, key
    return found


def times_stored(root: Path) -> Counter[str]:
    """Return how often each point was stored, by key."""
    counts: Counter[str] = Counter()
    for name in list_segments(root):
        counts.update(map(str, read_columns(segments_folder(root) / name, ["key"])[0]["key"]))
    return counts
