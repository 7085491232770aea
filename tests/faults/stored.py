"""What a results folder holds, as bytes to compare."""

from collections import Counter
from pathlib import Path

from hessweep.kinds import SCALARS, TIMES
from hessweep.store.segments import list_segments, read_columns, segments_folder

SCALARS = ("status", "error", *(column.name for column in SCALARS if column.name not in TIMES))

Content = dict[str, tuple[object, ...]]


def contents(root: Path) -> Content:
    """Return each point's columns but its times, and its eigenvalues, by key.

    Fails where two segments hold different numbers of one point.
    """
    found: Content = {}
    for name in list_segments(root):
        arrays, _ = read_columns(segments_folder(root) / name)
        end = 0
        for row, (key, size) in enumerate(zip(arrays["key"], arrays["row_size"], strict=True)):
            start, end = end, end + size
            scalars = [arrays[column][row] for column in SCALARS]
            exact = [value if isinstance(value, str) else value.tobytes() for value in scalars]
            content = (*exact, arrays["eigenvalues"][start:end].tobytes())
            assert found.setdefault(str(key), content) == content, key
    return found


def times_stored(root: Path) -> Counter[str]:
    """Return how often each point was stored, by key."""
    counts: Counter[str] = Counter()
    for name in list_segments(root):
        counts.update(map(str, read_columns(segments_folder(root) / name, ["key"])[0]["key"]))
    return counts
