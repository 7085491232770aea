"""Segments that were read a moment ago: a publisher needs new ones twice, for the index first."""

from collections.abc import Callable
from typing import Any

from numpy import ndarray

from hessweep.address import Root
from hessweep.store.segments import read_columns

MOST_BYTES = 2**27
"""Bytes of arrays that are kept at most; what is not kept is read again."""

Read = Callable[[Root], tuple[dict[str, ndarray], dict[str, Any]]]
"""Returns all arrays and the attributes of the segment at a path."""


class RecentSegments:
    """Reads segments, and keeps what it has read until it is taken."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._kept: dict[Root, tuple[dict[str, ndarray], dict[str, Any]]] = {}
        self._room = most_bytes

    def read(self, path: Root) -> tuple[dict[str, ndarray], dict[str, Any]]:
        """Return what `read_columns` does, and keep it while there is room."""
        arrays, attributes = read_columns(path)
        size = sum(array.nbytes for array in arrays.values())
        if size <= self._room:
            self._room -= size
            self._kept[path] = dict(arrays), attributes
        return arrays, attributes

    def take(self, path: Root) -> tuple[dict[str, ndarray], dict[str, Any]]:
        """Return what was kept of a segment, or read it; it is not kept any longer."""
        if path not in self._kept:
            return read_columns(path)
        arrays, attributes = self._kept.pop(path)
        self._room += sum(array.nbytes for array in arrays.values())
        return arrays, attributes
