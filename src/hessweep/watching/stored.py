"""What a results folder holds, kept up to date segment by segment while a sweep runs.

Nothing of a run is needed but its folder, so this works beside a run, on the login node of a
cluster, and after the run. Each segment is read once. Reading all that was there before may take
several looks, so that the first one does not keep a person waiting.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf, nan
from time import perf_counter
from typing import Any

import numpy as np
from numpy import ndarray

from hessweep.address import Root
from hessweep.errors import DamagedStoreError, StoreAccessError
from hessweep.store.files import accessing
from hessweep.store.index import read_index
from hessweep.store.schema import column_named
from hessweep.store.segments import FOLDER as SEGMENTS
from hessweep.store.segments import has_segment, list_segments, read_columns, segments_folder
from hessweep.store.storage import storage_of

DECADES = (-18, 8)
"""The powers of ten between which eigenvalues are counted; others count at the ends."""

BINS_PER_DECADE = 4

BINS = (DECADES[1] - DECADES[0]) * BINS_PER_DECADE

COLUMNS = (
    "key", "activation", "status", "error", "seed", "N_i", "N_h", "P", "rank", "rank_certificate",
    "effective_parameters", "effective_parameters_kind", "row_size", "eigenvalues",
)  # fmt: skip
"""The columns that are read of each segment."""


@dataclass
class Seen:
    """What has been read of the points of one activation."""

    points: int = 0
    """Those that are done."""
    proved: int = 0
    compared: int = 0
    """Points with a rank for which there is an exact formula."""
    differing: int = 0
    """Those among them whose rank is another one."""
    eigenvalues: int = 0
    """Non-zero eigenvalues of full spectra."""
    counts: ndarray = field(default_factory=lambda: np.zeros(BINS, np.int64))
    """How many of them are in each bin of log λ."""


class Stored:
    """The points below a results folder, as far as they have been read."""

    def __init__(self, root: Root, columns: Collection[str] = ()) -> None:
        """Read nothing yet.

        Args:
            root: The results, which need not be there yet.
            columns: Columns of numbers whose values are kept of each point.
        """
        self.root = root
        self.columns = tuple(columns)
        self._forget()

    def _forget(self) -> None:
        self.status: dict[str, str] = {}
        """Done or failed, by key."""
        self.errors: dict[str, tuple[str, str]] = {}
        """The point and the error of each that failed, by key."""
        self.values: dict[str, dict[str, float]] = {name: {} for name in self.columns}
        """By column, then by key; nan where a point has none."""
        self.seen: defaultdict[str, Seen] = defaultdict(Seen)
        """By the label of the activation."""
        self.commits: dict[str, tuple[datetime, tuple[str, ...]]] = {}
        """When each segment was stored, and the keys of its points."""
        self.damaged: dict[str, str] = {}
        """Segments that can not be read, each with the reason."""
        self._refused: dict[str, str] = {}
        """Segments that could not be opened at the last look, and are tried again at the next."""
        self._waiting: dict[str, None] = {}
        """Segments of which no more than the status of their points is known, the newest first: so
        the pace of a run is right from the first look on."""
        self.revision = object()
        """Another one after each change."""

    @property
    def waiting(self) -> int:
        """How many segments are still to be read."""
        return len(self._waiting)

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self.commits) + len(self.unreadable) + len(self._waiting)

    @property
    def unreadable(self) -> dict[str, str]:
        """Segments that are there and can not be read, each with the reason."""
        return self.damaged | self._refused

    def look(self, seconds: float = inf) -> None:
        """Read what is new, then what was there before, for about that long.

        Raises:
            StoreAccessError: If the folder is there and can not be read.
        """
        names = set(list_segments(self.root))
        known = {*self.commits, *self.damaged, *self._waiting}
        if known - names:
            # A repair, or another folder in this one's place: what was counted does not hold.
            self._forget()
            known = set()
        if names and not known:
            self._begin()
            known = {*self.damaged, *self._waiting}
        self._refused = {}
        self._waiting = dict.fromkeys(sorted(names - known)) | self._waiting
        start = perf_counter()
        for name in list(self._waiting):
            if perf_counter() - start > seconds:
                break
            self._read(name)
            self.revision = object()

    def _begin(self) -> None:
        """Take the status of all points from the index, which is a matter of milliseconds."""
        self.revision = object()
        index = read_index(self.root)
        self.damaged = {damage.segment: damage.reason for damage in index.damaged}
        self._waiting = dict.fromkeys(self._newest_first(index.segments))
        for key, status in zip(
            *(index.table[name].to_pylist() for name in ("key", "status")), strict=True
        ):
            self._set_status(key, status)

    def _newest_first(self, names: Iterable[str]) -> list[str]:
        with accessing(segments_folder(self.root), "list"):
            times = storage_of(self.root).times(SEGMENTS)
        # One may have been removed.
        return sorted(times.keys() & set(names), key=times.__getitem__, reverse=True)

    def _set_status(self, key: str, status: str) -> None:
        if self.status.get(key) != "done":
            self.status[key] = status

    def _read(self, name: str) -> None:
        """Read a segment, if that can be done now."""
        del self._waiting[name]
        try:
            arrays, attrs = read_columns(
                segments_folder(self.root) / name, {*COLUMNS, *self.columns}
            )
        except DamagedStoreError as error:
            self.damaged[name] = str(error)
            return
        except StoreAccessError as error:
            if has_segment(self.root, name):  # It may have been removed meanwhile.
                self._refused[name] = str(error)
            return
        keys = tuple(arrays["key"].tolist())
        self._keep_errors(arrays)
        for column in self.columns:
            self._keep_values(column, keys, arrays)
        for key, status in zip(keys, arrays["status"].tolist(), strict=True):
            self._set_status(key, status)
        self._count(arrays)
        self.commits[name] = (_time(attrs), keys)

    def _keep_values(
        self, column: str, keys: tuple[str, ...], arrays: Mapping[str, ndarray]
    ) -> None:
        """Keep the values of a column; a point that failed once may be done in another segment."""
        values = self.values[column]
        rows = zip(keys, arrays["status"].tolist(), _values(arrays, column).tolist(), strict=True)
        for key, status, value in rows:
            if status == "done" or key not in values:
                values[key] = value

    def _keep_errors(self, arrays: Mapping[str, ndarray]) -> None:
        names = ("key", "activation", "N_i", "N_h", "seed", "error")
        for row in np.flatnonzero(arrays["status"] == "failed"):
            key, activation, N_i, N_h, seed, error = (arrays[name][row] for name in names)
            point = f"{activation} N_i={N_i} N_h={N_h} seed={seed}"
            self.errors[str(key)] = (point, str(error))

    def _count(self, arrays: Mapping[str, ndarray]) -> None:
        """Count ranks and eigenvalues of the points that are done, by activation."""
        done = arrays["status"] == "done"
        labels = arrays["activation"].tolist()
        for label, rows in _places(labels, done).items():
            seen, rank = self.seen[label], arrays["rank"][rows]
            exact = (arrays["effective_parameters_kind"][rows] == "exact") & (rank >= 0)
            seen.points += len(rows)
            seen.proved += int((arrays["rank_certificate"][rows] == "proved").sum())
            seen.compared += int(exact.sum())
            seen.differing += int((rank != arrays["effective_parameters"][rows])[exact].sum())
        values, row_of = _non_zero(arrays, done)
        bins = np.floor((np.log10(values) - DECADES[0]) * BINS_PER_DECADE).astype(int)
        bins = np.clip(bins, 0, BINS - 1)
        for label, rows in _places(labels, done).items():
            own = np.isin(row_of, rows)
            self.seen[label].eigenvalues += int(own.sum())
            self.seen[label].counts += np.bincount(bins[own], minlength=BINS)


def _places(labels: list[str], chosen: ndarray) -> dict[str, ndarray]:
    """Return the chosen rows of each label."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for row in np.flatnonzero(chosen).tolist():
        places[labels[row]].append(row)
    return {label: np.array(rows) for label, rows in places.items()}


def _non_zero(arrays: Mapping[str, ndarray], done: ndarray) -> tuple[ndarray, ndarray]:
    """Return the non-zero eigenvalues of full spectra, and the row of the point of each.

    As many are non-zero as the rank says; where rounding made one of them negative it is left out.
    """
    sizes, rank = arrays["row_size"], arrays["rank"]
    row_of = np.repeat(np.arange(len(sizes)), sizes)
    place = np.arange(len(row_of)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    full = done & (sizes == arrays["P"])
    values = arrays["eigenvalues"]
    kept = full[row_of] & (place >= (sizes - rank)[row_of]) & (values > 0)
    return values[kept], row_of[kept]


def _values(arrays: Mapping[str, ndarray], column: str) -> ndarray:
    """Return a column as floats, nan where a point has no value."""
    if column not in arrays:
        return np.full(len(arrays["key"]), nan)
    found = np.asarray(arrays[column], float)
    lacking = (arrays["status"] == "failed") | (found == column_named(column).missing_value)
    return np.where(lacking, nan, found)


def _time(attrs: Mapping[str, Any]) -> datetime:
    """Return when a segment was stored; long ago if it does not say so."""
    try:
        return datetime.fromisoformat(str(attrs["stored_at"]))
    except (KeyError, ValueError):
        return datetime.fromisoformat("2000-01-01T00:00:00+00:00")


def grouped(errors: Collection[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Return errors, the most frequent first, each with the points that failed of it."""
    points: defaultdict[str, list[str]] = defaultdict(list)
    for point, error in errors:
        points[error].append(point)
    order = [error for error, _ in Counter({e: len(p) for e, p in points.items()}).most_common()]
    return [(error, points[error]) for error in order]
