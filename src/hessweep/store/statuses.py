"""The status of each stored point by its key, in little memory: 17 bytes a point.

A dictionary of ten million keys would take 2 GB. Keys are 32 hexadecimal digits, which are kept as
two numbers in sorted arrays, and are looked up many at a time. A key of any other form, which only
a foreign segment can hold, is kept in a dictionary.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy import ndarray

from hessweep.address import Root
from hessweep.store.index import Damage, read_index, warn_of
from hessweep.store.run_columns import runs

DONE = "done"

_DIGITS = 32
_AT_ONCE = 100_000

_HALF = np.dtype(">u8")
"""Half a key, the first digits first: so the order of the numbers is that of the texts."""

_NO_DIGIT = 255

_VALUE = np.full(256, _NO_DIGIT, np.uint8)
"""The value of each hexadecimal digit by its code."""
_VALUE[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16)


class StoredPoints(Mapping[str, str]):
    """The status of each stored point by its key."""

    damaged: tuple[Damage, ...] = ()
    """Segments that could not be read; their points are not among the keys."""

    def __init__(self, parts: Iterable[tuple[pa.StringArray, ndarray]], values: Sequence[str]):
        """Keep what is stored. A point that was stored more than once is done if it is done once.

        Args:
            parts: Keys, and of each the place of its status among the values.
            values: The different statuses.
        """
        self._values = tuple(values)
        self._others: dict[str, str] = {}
        halves, codes = [np.empty((0, 2), np.uint64)], [np.empty(0, np.uint8)]
        for keys, code in parts:
            numbers = _numbers_of(keys)
            if numbers is None:
                numbers, code = self._keep_others(keys, code)
            halves.append(numbers)
            codes.append(code.astype(np.uint8))
        self._keep(np.concatenate(halves), np.concatenate(codes))

    def _keep_others(self, keys: pa.StringArray, codes: ndarray) -> tuple[ndarray, ndarray]:
        """Keep the keys of another form apart; return the others."""
        numbers, usual = [np.empty((0, 2), np.uint64)], []
        for place, (text, code) in enumerate(zip(keys.to_pylist(), codes.tolist(), strict=True)):
            if (number := _numbers_of_texts([text])) is not None:
                numbers.append(number)
                usual.append(place)
            elif self._values[code] == DONE or text not in self._others:
                self._others[text] = self._values[code]
        return np.concatenate(numbers), codes[usual]

    def _keep(self, halves: ndarray, codes: ndarray) -> None:
        first, second = halves[:, 0], halves[:, 1]
        order = np.argsort(first)
        if (np.diff(first[order]) == 0).any():
            is_less = np.array([value != DONE for value in self._values], bool)
            # Of equal keys the one that is done comes first, otherwise the one stored first.
            order = np.lexsort((is_less[codes], second, first))
        first, second = first[order], second[order]
        new = np.ones(len(order), bool)
        new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
        self._first, self._second, self._codes = first[new], second[new], codes[order][new]

    def statuses(self, keys: Sequence[str]) -> list[str | None]:
        """Return the status of each of these keys; None for those that are not stored."""
        numbers = _numbers_of_texts(keys)
        if numbers is not None:
            return self._look_up(numbers)
        found: list[str | None] = []
        for key in keys:  # One or more are of another form.
            number = _numbers_of_texts([key])
            found += [self._others.get(key)] if number is None else self._look_up(number)
        return found

    def _look_up(self, numbers: ndarray) -> list[str | None]:
        # In ascending order one is found near the one before, in memory that is at hand.
        order = np.argsort(numbers[:, 0])
        first, second = numbers[order, 0], numbers[order, 1]
        places = np.searchsorted(self._first, first)
        codes = np.full(len(numbers), len(self._values), np.intp)
        searched = np.arange(len(numbers))
        # Keys with one and the same first half are neighbours; hardly ever is there more than one.
        while len(searched):
            searched = searched[places[searched] < len(self._first)]
            searched = searched[self._first[places[searched]] == first[searched]]
            equal = self._second[places[searched]] == second[searched]
            codes[searched[equal]] = self._codes[places[searched[equal]]]
            searched = searched[~equal]
            places[searched] += 1
        found = np.empty_like(codes)
        found[order] = codes
        names = [*self._values, None]
        return [names[code] for code in found.tolist()]

    def __getitem__(self, key: str) -> str:
        """Return the status of one key."""
        [status] = self.statuses([key])
        if status is None:
            raise KeyError(key)
        return status

    def __len__(self) -> int:
        """Return how many points are stored."""
        return len(self._first) + len(self._others)

    def __iter__(self) -> Iterator[str]:
        """Yield the keys, in the order of their digits."""
        for one, other in zip(self._first.tolist(), self._second.tolist(), strict=True):
            yield f"{one:016x}{other:016x}"
        yield from self._others


def stored_points(root: Root) -> StoredPoints:
    """Return the status, done or failed, of each stored point by its key.

    A point that was stored more than once is done if it is done in any segment. Damaged
    segments are in `.damaged`, and a `DamagedSegmentWarning` says so.

    Raises:
        StoreAccessError: If the folder can not be read.
    """
    index = read_index(root)
    warn_of(index.damaged)
    codes, values = runs(index.table["status"])
    stored = StoredPoints(_parts(index.table["key"], codes), values)
    stored.damaged = index.damaged
    return stored


def statuses(stored: Mapping[str, str], keys: Sequence[str]) -> list[str | None]:
    """Return the status of each of these keys; None for those that are not stored."""
    if isinstance(stored, StoredPoints):
        return stored.statuses(keys)
    return [stored.get(key) for key in keys]


def _parts(keys: pa.ChunkedArray, codes: ndarray) -> Iterator[tuple[pa.StringArray, ndarray]]:
    start = 0
    for chunk in keys.chunks:
        yield chunk, codes[start : start + len(chunk)]
        start += len(chunk)


def _numbers_of_texts(keys: Sequence[str]) -> ndarray | None:
    """Return both halves of each key as numbers, or None if one is of another form."""
    text = "".join(keys)
    if not text.isascii() or set(map(len, keys)) - {_DIGITS}:
        return None
    return _numbers_of_digits(np.frombuffer(text.encode("ascii"), np.uint8))


def _numbers_of(keys: pa.StringArray) -> ndarray | None:
    """Return both halves of each key as numbers, or None if one is of another form."""
    _, offsets, content = keys.buffers()
    if not len(keys):
        return np.empty((0, 2), np.uint64)
    ends = np.frombuffer(offsets, np.int32)[keys.offset : keys.offset + len(keys) + 1]
    if content is None or (np.diff(ends) != _DIGITS).any():
        return None
    return _numbers_of_digits(np.frombuffer(content, np.uint8)[ends[0] : ends[-1]])


def _numbers_of_digits(digits: ndarray) -> ndarray | None:
    """Return two numbers for each 32 digits, given by their codes; None if one is no digit."""
    numbers = np.empty((len(digits) // _DIGITS, 2), np.uint64)
    for start in range(0, len(numbers), _AT_ONCE):  # What is made on the way takes little memory.
        values = _VALUE[digits[start * _DIGITS : (start + _AT_ONCE) * _DIGITS]]
        if (values == _NO_DIGIT).any():
            return None
        pairs = np.ascontiguousarray(values[0::2] << 4 | values[1::2])
        numbers[start : start + _AT_ONCE] = pairs.view(_HALF).reshape(-1, 2)
    return numbers
