"""What a study may write for teachers of one's own, and for finite data sets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hessweep.networks import StoredArrays, stacked_teachers
from hessweep.study.array_files import read_npz
from hessweep.study.grid import MAX_SIZE
from hessweep.study.messages import quote

_FILE = {"type": "string", "pattern": r"\.npz$"}
TEACHERS_SCHEMA: dict[str, Any] = {"anyOf": [_FILE, {"type": "array", "items": _FILE}]}
_SAMPLES = {
    "anyOf": [{"type": "string", "const": "population"}, {"type": "integer", "minimum": 1}]
}
SAMPLES_SCHEMA: dict[str, Any] = {
    "anyOf": [*_SAMPLES["anyOf"], {"type": "array", "items": _SAMPLES}]
}


def read_teachers(value: Any, folder: Path) -> Sequence[StoredArrays]:
    """Return the networks of a .npz file, or of each of a list.

    Args:
        value: What the study gives: paths, which count from the folder of the study.
        folder: That folder.

    Raises:
        ValueError: If a file can not be read, or holds no networks.
    """
    items = value if isinstance(value, list | tuple) else [value]
    if not items:
        raise ValueError("expected the path of a .npz file, or a list of these, got an empty list")
    return tuple(_read(item, folder) for item in items)


def _read(value: Any, folder: Path) -> StoredArrays:
    if isinstance(value, StoredArrays):
        return value
    file = read_npz(value, folder)
    try:
        return stacked_teachers(file)
    except ValueError as error:
        raise ValueError(f"{file.file}: {error}") from None


def read_samples(value: Any) -> Sequence[int]:
    """Return numbers of inputs, 0 for the population, of `population`, a number, or a list."""
    items = value if isinstance(value, list | tuple) else [value]
    expected = f"population, a whole number of inputs from 1 to {MAX_SIZE}, or a list of these"
    found = []
    for item in items:
        whole = isinstance(item, int) and not isinstance(item, bool) and 1 <= item <= MAX_SIZE
        if item != "population" and not whole:
            raise ValueError(f"expected {expected}, got {quote(item)}")
        found.append(0 if item == "population" else int(item))
    if not found:
        raise ValueError(f"expected {expected}, got an empty list")
    return tuple(found)
